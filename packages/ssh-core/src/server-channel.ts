import type { Writable } from "node:stream";
import type { SshChannel } from "./channel.js";
import { ChannelStream } from "./channel-stream.js";
import type { Connection } from "./connection.js";
import { type EngineServerChannel, incomingEnded } from "./engine.js";
import type { SshSession } from "./session.js";

/** See {@link SshChannel}. */
export class ServerChannel extends ChannelStream implements SshChannel {
  declare protected readonly channel: EngineServerChannel;
  #exitCode: number | undefined;
  #eof = false;

  constructor(connection: Connection, session: SshSession, channel: EngineServerChannel) {
    super(connection, session, channel);
    // The engine has no half-closed server channels: EOF and close leave together.
    this.once("finish", () => this.destroy());
  }

  get stderr(): Writable {
    return this.channel.stderr;
  }

  exit(code: number): void {
    if (this.#exitCode !== undefined) return;
    this.#exitCode = code;
    this.end();
  }

  /** Whether {@link exit} was called. */
  get exiting(): boolean {
    return this.#exitCode !== undefined;
  }

  override afterTraffic(): void {
    if (this.#eof || !incomingEnded(this.channel)) return;
    this.#eof = true;
    this.emit("eof");
  }

  protected override beforeEnd(): void {
    if (this.#exitCode !== undefined) this.channel.exit(this.#exitCode);
  }
}
