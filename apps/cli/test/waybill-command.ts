import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type ProgramResult, type RunOptions, runProgram } from "@waybill/testing";

/** The built command. */
export const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** Runs `waybill` with these arguments to its end. There is never a terminal. */
export function waybill(args: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
  return runProgram(process.execPath, [MAIN, ...args], { ...options, env: cleanEnvironment(options.env) });
}

/** A `waybill` server that has said that it listens, and what it printed until then. */
export interface RunningServer {
  readonly port: number;
  readonly lines: readonly string[];
  readonly process: ChildProcess;
  /** Sends SIGTERM and resolves to the exit code. */
  stop(): Promise<number | null>;
}

/** Starts a server and resolves once it has printed a line that `ready` recognises. */
export function startServer(args: readonly string[], ready: RegExp, cwd: string): Promise<RunningServer> {
  return startProgram(process.execPath, [MAIN, ...args], ready, cwd);
}

/** The same for any program that becomes such a server. */
export async function startProgram(
  program: string,
  args: readonly string[],
  ready: RegExp,
  cwd: string,
  env?: NodeJS.ProcessEnv,
): Promise<RunningServer> {
  const child = spawn(program, args, {
    cwd,
    env: cleanEnvironment(env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const errors: string[] = [];
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk.toString("utf8")));
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (ready.test(line)) {
      const port = Number(/^listening on \S+:(\d+) /m.exec(lines.join("\n"))?.[1]);
      return { port, lines, process: child, stop: () => stop(child) };
    }
  }
  throw new Error(`the server ended early: ${errors.join("")}`);
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  return code;
}

/** Nothing of the caller's own keys, agent or passwords. */
function cleanEnvironment(extra: NodeJS.ProcessEnv | undefined): NodeJS.ProcessEnv {
  const {
    SSH_AUTH_SOCK: _agent,
    WAYBILL_PASSWORD: _password,
    WAYBILL_NEW_PASSWORD: _newPassword,
    ...rest
  } = process.env;
  return { ...rest, ...extra };
}
