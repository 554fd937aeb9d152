import { Duplex } from "node:stream";
import { TransferError } from "@waybill/net-core";
import type { Connection } from "./connection.js";
import { type EngineChannel, incomingEnded, windowOverrun } from "./engine.js";
import type { SshSession } from "./session.js";

// Enough to keep a fast sender busy while the reader does other work; the engine's own window is 2 MiB.
const READ_HIGH_WATER_MARK = 256 * 1024;
const WRITE_HIGH_WATER_MARK = 256 * 1024;

const ENGINE_PACKET_BYTES = 32 * 1024;

type Callback = (error?: Error | null) => void;

/**
 * One channel as a stream, either role. What the engine leaves open is closed here: a write waits for the window and
 * for the socket, a lost connection is an error for every channel on it, and no callback is ever forgotten.
 */
export class ChannelStream extends Duplex {
  readonly session: SshSession;
  protected readonly channel: EngineChannel;
  readonly #connection: Connection;
  #pending: Callback | undefined;
  #channelClosed = false;

  constructor(connection: Connection, session: SshSession, channel: EngineChannel) {
    super({
      readableHighWaterMark: READ_HIGH_WATER_MARK,
      writableHighWaterMark: WRITE_HIGH_WATER_MARK,
      // A channel that was read to its end and written to its end is still owed the exit status and the close.
      autoDestroy: false,
    });
    this.session = session;
    this.channel = channel;
    this.#connection = connection;
    connection.addChannel(this);
    channel.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) channel.pause();
    });
    channel.pause();
    channel.once("end", () => this.push(null));
    channel.once("close", () => this.#onChannelClosed());
    // The engine reports what went wrong on the connection itself; a channel has nothing to add.
    channel.on("error", () => {});
  }

  /** Called by the connection when the socket is gone. Without an error when it was closed here, on purpose. */
  connectionLost(error: TransferError | undefined): void {
    if (this.#channelClosed || this.destroyed) return;
    if (incomingEnded(this.channel) && this.#pending === undefined) {
      // All of the other side's data had arrived: the reader may still take them, only writing is over.
      this.#channelClosed = true;
      return;
    }
    this.destroy(error);
  }

  /** Whether the other side has ignored flow control. */
  windowOverrun(): boolean {
    return windowOverrun(this.channel);
  }

  override _read(): void {
    this.channel.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    if (this.#channelClosed) {
      callback(closedError());
      return;
    }
    this.#settleOnce(callback, (settle) => {
      this.#connection.whenWritable(() => {
        if (this.#pending === undefined) return;
        // The engine writes a packet of 32 KiB at a time: the socket takes those of one chunk in one call.
        const { socket } = this.#connection;
        const several = chunk.length > ENGINE_PACKET_BYTES;
        if (several) socket.cork();
        this.channel.write(chunk, (error) => settle(error && closedError()));
        if (several) socket.uncork();
      });
    });
  }

  override _final(callback: Callback): void {
    if (this.#channelClosed) {
      callback();
      return;
    }
    this.#settleOnce(callback, (settle) => {
      this.beforeEnd();
      // Fails only when the engine has ended its side already, because the other side has closed the channel.
      this.channel.end(() => settle());
    });
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#connection.removeChannel(this);
    this.#pending?.(error ?? closedError());
    if (!this.#channelClosed) this.channel.destroy();
    // What was not read is dropped, so that the engine's side can end.
    this.channel.resume();
    callback(error);
  }

  /** Called by the connection when the engine has taken in what arrived. */
  afterTraffic(): void {}

  /** For what must leave after the last byte and before EOF. */
  protected beforeEnd(): void {}

  /** For what must happen when the channel is closed on both sides. */
  protected afterClose(): void {}

  #settleOnce(callback: Callback, start: (settle: Callback) => void): void {
    const settle: Callback = (error) => {
      if (this.#pending !== settle) return;
      this.#pending = undefined;
      callback(error);
    };
    this.#pending = settle;
    start(settle);
  }

  #onChannelClosed(): void {
    this.#channelClosed = true;
    this.#connection.removeChannel(this);
    this.afterClose();
    this.#pending?.(this.writableEnded ? null : closedError());
    // The engine closes only after everything was handed to us; the reader may not have taken it yet.
    if (this.readableEnded) this.destroy();
    else this.once("end", () => this.destroy());
  }
}

function closedError(): TransferError {
  return new TransferError("ERR_SSH_CHANNEL_CLOSED", "the other side has closed the channel");
}
