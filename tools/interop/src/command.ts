import { spawn } from "node:child_process";
import { once } from "node:events";
import { type ProgramResult, runProgram } from "@waybill/testing";
import { until } from "./until.js";

/** A program to run, and what it reads. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly input?: string;
}

/** Runs a program to its end, whatever that is. */
export function runCommand(command: Command, timeoutMs = 60_000): Promise<ProgramResult> {
  const { program, args, env, input = "" } = command;
  return runProgram(program, args, { env, input, timeoutMs });
}

/** Runs a program that must succeed. Resolves to what it printed on its standard output. */
export async function succeed(command: Command, timeoutMs?: number): Promise<string> {
  const result = await runCommand(command, timeoutMs);
  if (result.code !== 0) throw new Error(`${describe(command)} ended with ${report(result)}`);
  return result.stdout;
}

/** Runs a program that must fail. Resolves to all that it printed. */
export async function fail(command: Command): Promise<string> {
  const result = await runCommand(command);
  if (result.code === 0 || result.code === null) {
    throw new Error(`${describe(command)} should have failed and ended with ${report(result)}`);
  }
  return `${result.stdout}\n${result.stderr}`;
}

/** Starts a program and kills it as soon as `condition`, which gets its pid, holds. Rejects when it ends before that. */
export async function interruptWhen(
  command: Command,
  condition: (pid: number) => Promise<boolean>,
): Promise<void> {
  const { program, args, env, input = "" } = command;
  const child = spawn(program, args, { env, stdio: ["pipe", "ignore", "ignore"] });
  const closed = once(child, "close");
  let ended = false;
  child.once("exit", () => {
    ended = true;
  });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  try {
    await until(`the moment to interrupt ${program}`, async () => ended || (await condition(child.pid!)));
    if (ended) throw new Error(`${describe(command)} ended before it could be interrupted`);
  } finally {
    child.kill("SIGKILL");
    await closed;
  }
}

function describe({ program, args, input }: Command): string {
  return `${program} ${args.join(" ")}${input === undefined ? "" : `\n${input}\n`}`;
}

function report({ code, signal, stdout, stderr }: ProgramResult): string {
  return `${code ?? signal}\n${stdout.slice(-2000)}\n${stderr.slice(-4000)}`;
}
