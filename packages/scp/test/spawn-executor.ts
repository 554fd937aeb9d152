import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Duplex, type Readable } from "node:stream";
import type { SshClientChannel, SshExecutor, SshExit, SshSession } from "@waybill/ssh-core";

/** No test looks at it. */
export const noSession = {} as SshSession;

/** Runs commands in a shell here, as a server would, in `home`. */
export class SpawnExecutor implements SshExecutor {
  readonly commands: string[] = [];
  readonly #home: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #running = new Set<Promise<unknown>>();

  constructor(home: string, env: NodeJS.ProcessEnv = {}) {
    this.#home = home;
    this.#env = { PATH: process.env.PATH, LC_ALL: "C.UTF-8", HOME: home, ...env };
  }

  /** Resolves when every process has ended: none may outlive its transfer. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  async exec(command: string, options: { readonly signal?: AbortSignal } = {}): Promise<SshClientChannel> {
    options.signal?.throwIfAborted();
    this.commands.push(command);
    const child = spawn("/bin/sh", ["-c", command], { cwd: this.#home, env: this.#env });
    const ended = new Promise((resolve) => child.once("close", resolve));
    this.#running.add(ended);
    ended.then(() => this.#running.delete(ended));
    return new ProcessChannel(child);
  }
}

class ProcessChannel extends Duplex implements SshClientChannel {
  readonly session = noSession;
  readonly stderr: Readable;
  readonly exited: Promise<SshExit>;
  readonly #child: ChildProcessWithoutNullStreams;

  constructor(child: ChildProcessWithoutNullStreams) {
    super({ allowHalfOpen: true });
    this.#child = child;
    this.stderr = child.stderr;
    this.exited = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        resolve(code === null ? { signal: (signal ?? "").replace(/^SIG/, "") } : { code });
      });
    });
    child.stdout.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.stdout.on("end", () => this.push(null));
    // As over SSH: what is written to a program that has ended is lost without a word.
    child.stdin.on("error", () => {});
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.kill("SIGKILL");
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    done(error);
  }
}
