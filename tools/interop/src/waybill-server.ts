import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "@jest/globals";
import {
  formatKnownHostsLine,
  generateHostKey,
  type PublicKey,
  readPublicKey,
  type SoftwarePrivateKey,
} from "@waybill/cert-store";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import type { Access } from "./client-access.js";
import type { CommandLine } from "./ordinary-rights.js";
import { waybillCommand, waybillEnvironment } from "./waybill-command.js";

const LISTENING = /^listening on (\S+):(\d+) \(host key (SHA256:\S+)\)$/m;
const START_TIMEOUT_MS = 20_000;

/** What `startWaybillServer` may change. */
export interface WaybillServerSettings {
  /** More options for `waybill sftp-server`, such as `--read-only`. */
  readonly args?: readonly string[];
  /** Puts another program before the server's, one that replaces itself by it as `exec` does. */
  readonly wrap?: (command: CommandLine, root: string) => CommandLine;
  /** Serve this folder instead of a new one. */
  readonly root?: string;
}

/** How a server process ended. */
export interface ServerEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** `waybill sftp-server` in a process of its own, on a free port, with one user who has a password and a key. */
export class WaybillServer {
  /** The folder that clients see as `/`. */
  readonly root: string;
  /** How its user gets in. */
  readonly access: Access;
  readonly pid: number;
  readonly hostKey: PublicKey;
  readonly userKey: SoftwarePrivateKey;
  /** Resolves when the process is gone. */
  readonly ended: Promise<ServerEnd>;
  readonly #process: ChildProcess;
  readonly #folder: TemporaryFolder;
  readonly #output: { readonly log: string };

  /** @internal */
  constructor(parts: {
    root: string;
    access: Access;
    userKey: SoftwarePrivateKey;
    process: ChildProcess;
    ended: Promise<ServerEnd>;
    folder: TemporaryFolder;
    output: { readonly log: string };
  }) {
    this.root = parts.root;
    this.access = parts.access;
    this.hostKey = parts.access.hostKey;
    this.userKey = parts.userKey;
    this.pid = parts.process.pid ?? 0;
    this.ended = parts.ended;
    this.#process = parts.process;
    this.#folder = parts.folder;
    this.#output = parts.output;
  }

  /** Everything that the server has logged so far. */
  get log(): string {
    return this.#output.log;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Ends the process with SIGTERM, and with SIGKILL when that takes longer than its grace time should. */
  async stop(): Promise<ServerEnd> {
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), 20_000);
    const end = await this.ended;
    clearTimeout(timer);
    return end;
  }

  /** Ends the process, when it still runs, and removes its folders. */
  async dispose(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
    await this.#folder.remove();
  }
}

/** Starts a server and resolves when it listens. */
export async function startWaybillServer(settings: WaybillServerSettings = {}): Promise<WaybillServer> {
  const folder = await temporaryFolder("waybill-interop-");
  try {
    return await startIn(folder, settings);
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

async function startIn(folder: TemporaryFolder, settings: WaybillServerSettings): Promise<WaybillServer> {
  const path = (name: string) => join(folder.path, name);
  const root = settings.root ?? path("root");
  if (settings.root === undefined) await mkdir(root);
  await mkdir(path("home"));
  const user = "ann";
  const password = "correct horse";
  const userKey = await generateHostKey(path("user_key"));
  const args = ["sftp-server", "--port", "0", "--root", root, "--state", path("state")];
  args.push("--user", `${user}:${password}`, "--authorized-keys", `${user}=${path("user_key.pub")}`);
  args.push("--log-level", "debug", ...(settings.args ?? []));
  const command = waybillCommand(args);
  const { program, args: programArgs } = settings.wrap?.(command, root) ?? command;
  const env = waybillEnvironment({ home: path("home") });
  const child = spawn(program, programArgs, { env, stdio: ["ignore", "pipe", "pipe"] });
  const output = { log: "" };
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.log += text;
  });
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal }) as ServerEnd);
  const { host, port, fingerprint } = await listening(child, ended, () => output.log);
  const hostKey = await readPublicKey(path("state/ssh_host_ed25519_key.pub"));
  if (hostKey.fingerprint() !== fingerprint) {
    throw new Error(`the server printed ${fingerprint}, its key is ${hostKey.fingerprint()}`);
  }
  const knownHostsFile = path("known_hosts");
  await writeFile(knownHostsFile, `${formatKnownHostsLine(host, port, hostKey)}\n`);
  const access: Access = {
    host,
    port,
    user,
    password,
    keyFile: path("user_key"),
    method: "key",
    hostKey,
    knownHostsFile,
    home: path("home"),
  };
  return new WaybillServer({ root, access, userKey, process: child, ended, folder, output });
}

/** Waits for the line that says where the server listens. */
async function listening(child: ChildProcess, ended: Promise<ServerEnd>, log: () => string) {
  const announced = new Promise<{ host: string; port: number; fingerprint: string }>((resolve) => {
    let printed = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      const [, host, port, fingerprint] = LISTENING.exec(printed) ?? [];
      if (host !== undefined && fingerprint !== undefined) resolve({ host, port: Number(port), fingerprint });
    });
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  const failed = ended.then(({ code, signal }) => {
    throw new Error(`the server ended (${code ?? signal}) before it listened\n${log()}`);
  });
  // Later ends are no failure to start.
  failed.catch(() => {});
  try {
    return await Promise.race([announced, failed]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A server for all tests of a file or `describe`. Afterwards it must end in good order, with nothing in its log that says
 * that something unexpected happened.
 */
export function useWaybillServer(settings: WaybillServerSettings = {}): () => WaybillServer {
  let server: WaybillServer | undefined;
  beforeAll(async () => {
    server = await startWaybillServer(settings);
  }, 60_000);
  afterAll(async () => {
    if (server === undefined) return;
    const end = await server.stop();
    const { log } = server;
    await server.dispose();
    const surprises = log
      .split("\n")
      .filter((line) => /^\S+ error /.test(line) || !/^\S+Z (debug|info|warn) |^$/.test(line));
    if (end.code !== 0) throw new Error(`the server ended with ${end.code ?? end.signal}\n${tail(log)}`);
    if (surprises.length > 0)
      throw new Error(`the server logged what it should not:\n${surprises.join("\n")}`);
  }, 60_000);
  return () => {
    if (server === undefined) throw new Error("the server runs only during the tests");
    return server;
  };
}

/** Jest's `test`, with enough time for a program that hangs to be killed and shown first. */
export type TestWithLog = (name: string, body: () => Promise<void>, timeoutMs?: number) => void;

/** Jest's `test`, but a failure also shows what the server has logged during the test. */
export function testWith(server: () => WaybillServer): TestWithLog {
  return (name, body, timeoutMs = 150_000) =>
    test(
      name,
      async () => {
        const before = server().log.length;
        try {
          await body();
        } catch (error) {
          throw withLog(error, server().log.slice(before));
        }
      },
      timeoutMs,
    );
}

function withLog(error: unknown, log: string): unknown {
  if (error instanceof Error) {
    error.stack = `${error.stack ?? error.message}\n\nThe server's log of this test:\n${tail(log)}`;
  }
  return error;
}

function tail(text: string): string {
  return text.length <= 6000 ? text : `…${text.slice(-6000)}`;
}
