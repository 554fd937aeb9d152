import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type ProgramResult, runProgram } from "@waybill/testing";
import { type CommandLine, withOrdinaryRights } from "./ordinary-rights.js";
import type { SshPeer } from "./ssh-peer.js";

const MAIN = fileURLToPath(new URL("../../../apps/cli/dist/main.js", import.meta.url));

export interface WaybillOptions {
  /** The user's home folder. Default: one that is not there, so that no real key or known host plays a part. */
  readonly home?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** After this long the command is killed and the test fails. Default 20 s. */
  readonly timeoutMs?: number;
}

/** The built `waybill` command with its arguments. */
export function waybillCommand(args: readonly string[]): CommandLine {
  return withOrdinaryRights({ program: process.execPath, args: [MAIN, ...args] });
}

/** The environment of a `waybill`: nothing that is set on the machine changes what it does. */
export function waybillEnvironment({ home, env }: WaybillOptions = {}): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: home ?? "/nonexistent", LANG: "C.UTF-8", ...env };
}

/** Runs `waybill`, without a terminal and with nothing on its standard input, to its end. */
export function runWaybill(args: readonly string[], options: WaybillOptions = {}): Promise<ProgramResult> {
  const command = waybillCommand(args);
  return runProgram(command.program, command.args, {
    env: waybillEnvironment(options),
    timeoutMs: options.timeoutMs ?? 20_000,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
}

/** Starts `waybill` without a terminal. What it prints is collected in the result, to which `ended` resolves. */
export function startWaybill(args: readonly string[], options: WaybillOptions = {}) {
  const command = waybillCommand(args);
  const child: ChildProcessWithoutNullStreams = spawn(command.program, command.args, {
    env: waybillEnvironment(options),
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  const ended = new Promise<ProgramResult>((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 20_000);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
  return { child, ended };
}

/** The options that let `waybill scp` into a server by key. */
export function loginOptions(peer: SshPeer): string[] {
  return ["-P", String(peer.port), "-i", peer.identityFile, "--known-hosts", peer.knownHostsFile];
}

/** A path on a server, as `waybill scp` takes it. */
export function remote(peer: Pick<SshPeer, "user" | "host">, path: string): string {
  return `${peer.user}@${peer.host}:${path}`;
}

/** Runs `waybill scp` against a server, logged in by key. */
export function scp(peer: SshPeer, args: readonly string[], options: WaybillOptions = {}) {
  return runWaybill(["scp", ...loginOptions(peer), ...args], options);
}
