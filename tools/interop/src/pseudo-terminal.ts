import { spawn } from "node:child_process";
import type { Peer } from "@waybill/testing";
import type { CommandLine } from "./ordinary-rights.js";
import { descendantsOf, killAll } from "./process-tree.js";

/** What makes a terminal for a program. */
export const scriptProgram: Peer = { program: "script", debianPackage: "bsdutils" };

export interface TerminalOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Default 80. */
  readonly columns?: number;
  /** After this long it is killed. Default 20 s. */
  readonly timeoutMs?: number;
}

/** A program on a terminal of its own. */
export interface TerminalProgram {
  /** Resolves when `text` has been shown. Rejects when the program ends without it. */
  shows(text: string | RegExp): Promise<void>;
  /** Types. `\r` is the return key, `\u0003` is Ctrl-C. */
  type(text: string): void;
  /** Sends it a signal, from outside of the terminal. */
  signal(name: NodeJS.Signals): void;
  /** Its exit code, and everything that was shown. */
  readonly ended: Promise<{ readonly code: number | null; readonly shown: string }>;
}

/** Starts a program on a terminal. */
export function startOnTerminal(command: CommandLine, options: TerminalOptions): TerminalProgram {
  const words = [command.program, ...command.args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const line = `stty cols ${options.columns ?? 80} rows 24 && exec ${words.join(" ")}`;
  const child = spawn(scriptProgram.program, ["-qefc", line, "/dev/null"], {
    env: { ...options.env, SHELL: "/bin/sh", TERM: "xterm" },
  });
  const end = () => {
    if (child.pid !== undefined) killAll([...descendantsOf(child.pid), child.pid]);
  };
  const timer = setTimeout(end, options.timeoutMs ?? 20_000);
  let shown = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
  });
  // It may end while we type.
  child.stdin.on("error", () => {});
  const ended = new Promise<{ code: number | null; shown: string }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, shown });
    });
  });
  const has = (text: string | RegExp) => (typeof text === "string" ? shown.includes(text) : text.test(shown));
  return {
    ended,
    type: (text) => {
      child.stdin.write(text);
    },
    signal: (name) => {
      const [pid] = child.pid === undefined ? [] : descendantsOf(child.pid);
      if (pid !== undefined) process.kill(pid, name);
    },
    shows: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!has(text)) return;
          child.stdout.off("data", look);
          resolve();
        };
        child.stdout.on("data", look);
        child.once("close", () => reject(new Error(`it ended without showing ${text}:\n${shown}`)));
        look();
      }),
  };
}
