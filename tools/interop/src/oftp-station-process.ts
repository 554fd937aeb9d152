import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
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
  readonly partnerCertificate?: string;
}

/** What a station has heard of a file that it has sent; octets in base64. */
export interface HeardResponse {
  /** Of the response, or the code of the error that made it invalid: then only `datasetName` is there as well. */
  readonly kind: string;
  readonly datasetName: string;
  /** The name in the station's record of the file, if it knows the file. */
  readonly ofFile?: string;
  readonly timestamp: { readonly date: string; readonly time: string };
  readonly destination: string;
  readonly originator: string;
  readonly hash: string;
  readonly signature: string;
  /** Of what was sent, for a file whose end response is to be signed. */
  readonly hashes?: Readonly<Record<string, string>>;
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

/** What a station and those before it in its folder have heard. */
export async function heardBy({ folder }: StationSettings): Promise<readonly HeardResponse[]> {
  const lines = (await readFile(join(folder, "heard"), "utf8")).split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}
