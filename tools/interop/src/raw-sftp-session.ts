import { decodeReply, encodeRequest, PROTOCOL_VERSION, type Reply, type Request } from "@waybill/sftp-server";
import type { SshClient, SshClientChannel } from "@waybill/ssh-core";
import { until } from "./until.js";

/** The client's end of an `sftp` channel that sends whatever it is told to. */
export class RawSftpSession {
  readonly #channel: SshClientChannel;
  readonly #replies: Reply[] = [];
  #received: Buffer = Buffer.alloc(0);
  #closed = false;

  /** Opens the channel and, unless told otherwise, agrees on the version. */
  static async open(client: SshClient, { initialise = true } = {}): Promise<RawSftpSession> {
    const session = new RawSftpSession(await client.subsystem("sftp"));
    if (initialise) {
      await session.send(encodeRequest({ kind: "init", version: PROTOCOL_VERSION, extensions: [] }));
      await session.waitForReplies(1);
    }
    return session;
  }

  private constructor(channel: SshClientChannel) {
    this.#channel = channel;
    channel.on("data", (chunk: Buffer) => this.#take(chunk));
    channel.on("error", () => {});
    channel.once("close", () => {
      this.#closed = true;
    });
    channel.exited.catch(() => {});
  }

  /** Everything that the server has answered so far, in order. */
  get replies(): readonly Reply[] {
    return this.#replies;
  }

  /** Whether the server has closed the channel. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when the bytes have left, or cannot any more. */
  send(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed || this.#channel.writableEnded) resolve();
      else this.#channel.write(bytes, () => resolve());
    });
  }

  /** Sends a request and resolves to its answer; nothing else may be unanswered. */
  async request(request: Request): Promise<Reply> {
    const answered = this.#replies.length;
    await this.send(encodeRequest(request));
    await this.waitForReplies(answered + 1);
    return this.#replies[answered]!;
  }

  /** Resolves when the server has sent so many replies. */
  async waitForReplies(count: number): Promise<void> {
    await until(`reply ${count} (there are ${this.#replies.length})`, () => {
      if (this.#closed && this.#replies.length < count) {
        throw new Error(`the server closed the channel after ${this.#replies.length} of ${count} replies`);
      }
      return this.#replies.length >= count;
    });
  }

  /** Says that no more requests come, and resolves when the server has closed its side. */
  async end(): Promise<void> {
    this.#channel.end();
    await until("the end of the channel", () => this.#closed);
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const length = this.#received.readUInt32BE(0);
      if (this.#received.length < 4 + length) return;
      this.#replies.push(decodeReply(Buffer.from(this.#received.subarray(4, 4 + length))));
      this.#received = this.#received.subarray(4 + length);
    }
  }
}
