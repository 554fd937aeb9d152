import { type Duplex, duplexPair, PassThrough, type Readable } from "node:stream";
import type { SshClientChannel, SshExecutor, SshExit } from "@waybill/ssh-core";
import { noSession } from "./spawn-executor.js";

/** What a script does as the server's program; a number that it returns is its exit code, otherwise that is 0. */
export type Script = (program: Program) => Promise<unknown>;

/** The server's end of a command. */
export class Program {
  readonly command: string;
  readonly stderr: PassThrough;
  readonly #channel: Duplex;
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(command: string, channel: Duplex, stderr: PassThrough) {
    this.command = command;
    this.#channel = channel;
    this.stderr = stderr;
    // The client's end must not end what is sent to it.
    this.#chunks = channel.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  }

  /** The next `length` bytes, or fewer when the client has ended. */
  async read(length: number): Promise<Buffer> {
    while (this.#rest.length < length && (await this.#more()));
    return this.#take(length);
  }

  /** The next line without its line break. */
  async line(): Promise<string> {
    while (!this.#rest.includes("\n") && (await this.#more()));
    const end = this.#rest.indexOf("\n");
    return this.#take(end < 0 ? this.#rest.length : end + 1)
      .toString("utf8")
      .replace(/\n$/, "");
  }

  /** The client's next reply: its byte, with the text of a refusal. */
  async reply(): Promise<string> {
    const byte = (await this.read(1)).toString("latin1");
    return byte === "\u0001" || byte === "\u0002" ? byte + (await this.line()) : byte;
  }

  /** Everything until the client ends. */
  async rest(): Promise<Buffer> {
    while (await this.#more());
    return this.#take(this.#rest.length);
  }

  /** Writes; resolves when there is room for more. */
  async write(data: string | Buffer): Promise<void> {
    if (this.#channel.destroyed) return;
    const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
    await new Promise<void>((resolve) => {
      this.#channel.once("close", resolve);
      this.#channel.write(bytes, () => {
        this.#channel.off("close", resolve);
        resolve();
      });
    });
  }

  /** A source's step: writes a line and reads the reply. */
  async ask(line: string | Buffer): Promise<string> {
    await this.write(line);
    return this.reply();
  }

  async #more(): Promise<boolean> {
    const step = await this.#chunks.next().catch(() => ({ done: true as const, value: undefined }));
    if (step.done || step.value === undefined) return false;
    this.#rest = Buffer.concat([this.#rest, step.value]);
    return true;
  }

  #take(length: number): Buffer {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }
}

/** A server whose every command is played by a script. */
export class ScriptedServer implements SshExecutor {
  readonly commands: string[] = [];
  readonly #script: Script;

  constructor(script: Script) {
    this.#script = script;
  }

  async exec(command: string): Promise<SshClientChannel> {
    this.commands.push(command);
    const [client, server] = duplexPair();
    const stderr = new PassThrough();
    server.on("error", () => {});
    const exited = this.#run(new Program(command, server, stderr), server, client);
    return Object.assign(client, { session: noSession, stderr: stderr as Readable, exited });
  }

  async #run(program: Program, server: Duplex, client: Duplex): Promise<SshExit> {
    const code = await this.#script(program);
    program.stderr.end();
    server.end();
    if (!client.destroyed) await new Promise((resolve) => client.once("end", resolve).once("close", resolve));
    return { code: typeof code === "number" ? code : 0 };
  }
}

/** A program that never does anything again. */
export function forever(): Promise<never> {
  return new Promise(() => {});
}
