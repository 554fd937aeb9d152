import type { Readable } from "node:stream";
import { TransferError } from "@waybill/net-core";
import type { SshClientChannel, SshExit } from "./channel.js";
import { ChannelStream } from "./channel-stream.js";
import type { Connection } from "./connection.js";
import type { EngineClientChannel } from "./engine.js";
import type { SshSession } from "./session.js";

/** See {@link SshClientChannel}. */
export class ClientChannel extends ChannelStream implements SshClientChannel {
  declare protected readonly channel: EngineClientChannel;
  readonly exited: Promise<SshExit>;
  #settleExit: { resolve(exit: SshExit): void; reject(error: Error): void } | undefined;
  #exit: SshExit = {};

  constructor(connection: Connection, session: SshSession, channel: EngineClientChannel) {
    super(connection, session, channel);
    this.exited = new Promise((resolve, reject) => {
      this.#settleExit = { resolve, reject };
    });
    // Whoever does not ask for the exit need not handle its failure: the stream has the same error.
    this.exited.catch(() => {});
    channel.on("exit", (code: number | null, signal?: string) => {
      this.#exit = code === null ? { signal: (signal ?? "").replace(/^SIG/, "") } : { code };
    });
  }

  get stderr(): Readable {
    return this.channel.stderr;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    super._destroy(error, (failure) => {
      this.#settleExit?.reject(
        failure ??
          new TransferError("ERR_SSH_CHANNEL_CLOSED", "the channel was destroyed before the command ended"),
      );
      callback(failure);
    });
  }

  protected override afterClose(): void {
    this.#settleExit?.resolve(this.#exit);
  }
}
