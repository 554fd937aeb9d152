import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { CommandLine } from "./ordinary-rights.js";

const SCRIPT = fileURLToPath(new URL("./oftp-station.mjs", import.meta.url));

/** See `oftp-station.mjs`. */
export interface StationSettings {
  readonly name: string;
  readonly partner: string;
  readonly folder: string;
  readonly portFile: string;
}

/** What a station remembers. */
export interface StationRecords {
  readonly queued: number;
  readonly withWork: readonly string[];
  /** State and name of each file that was sent. */
  readonly sent: readonly string[];
}

/** A station in a process of its own. */
export interface StationProcess {
  readonly pid: number;
  /** Resolves when its sessions can begin. */
  readonly ready: Promise<void>;
  /** Everything that it has said. */
  readonly output: () => string;
  /** SIGKILL: nothing is put in order. */
  kill(): Promise<void>;
}

/** `wrap`: runs it in other surroundings. */
export function startStation(
  role: "listen" | "call",
  settings: StationSettings,
  wrap: (command: CommandLine) => CommandLine = (command) => command,
): StationProcess {
  const { program, args } = wrap({
    program: process.execPath,
    args: ["--disable-warning=ExperimentalWarning", SCRIPT, role, JSON.stringify(settings)],
  });
  const child: ChildProcessByStdio<null, Readable, null> = spawn(program, args, {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.includes('"ready"\n')) resolve();
    });
    child.once("close", () => reject(new Error(`the station ${settings.name} has ended: ${output}`)));
  });
  // Whoever kills it early does not wait for it.
  ready.catch(() => {});
  return {
    pid: child.pid!,
    ready,
    output: () => output,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "close");
    },
  };
}

/** What a station that does not run remembers. */
export function recordsOf(settings: StationSettings): StationRecords {
  const args = ["--disable-warning=ExperimentalWarning", SCRIPT, "inspect", JSON.stringify(settings)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
}
