import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { type Logger, TransferError } from "@waybill/net-core";
import type { ChannelStream } from "./channel-stream.js";
import { rekey } from "./engine.js";
import { useRandomPool } from "./packet-padding.js";
import type { NegotiatedAlgorithms, SocketAddress, SshSession } from "./session.js";

/** Bytes that may wait in the socket before channels stop writing. */
const WRITE_LIMIT = 1024 * 1024;
/** Bytes that may wait in the socket, channels or not, before we stop reading what asks for still more of them. */
const ANSWER_LIMIT = 2 * 1024 * 1024;

/** How long the goodbye may take. */
const GOODBYE_MS = 1000;

/** Default of `rekeyBytes`: half of what RFC 4344 section 3.2 allows for a 128-bit block cipher. */
export const DEFAULT_REKEY_BYTES = 32 * 1024 ** 3;

/** The engine's connection, either role. */
export interface EngineConnection extends NodeJS.EventEmitter {
  end(): unknown;
}

/** What a role adds to the connection to make a session of it. */
export interface SessionFacts extends Pick<SshSession, "user" | "remoteSoftware" | "closing" | "close"> {
  negotiated(): NegotiatedAlgorithms;
}

/** One connection under its session: the socket, its limits, its channels, its end. */
export class Connection {
  readonly id = randomBytes(16).toString("hex");
  readonly connectedAt = new Date();
  readonly socket: Socket;
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
  /** Why the connection ended, once that is known to be more than the other side's goodbye. */
  reason: Error | undefined;
  /** The application itself has closed the connection: its channels end, and there is nothing to tell it. */
  closedOnPurpose = false;
  readonly #engine: EngineConnection;
  readonly #channels = new Set<ChannelStream>();
  readonly #waiting: (() => void)[] = [];
  readonly #rekeyBytes: number;
  #rekeyAt: number;

  constructor(socket: Socket, engine: EngineConnection, logger: Logger, rekeyBytes = DEFAULT_REKEY_BYTES) {
    this.socket = socket;
    this.#engine = engine;
    this.#rekeyBytes = rekeyBytes;
    this.#rekeyAt = rekeyBytes;
    this.remote = { address: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 };
    this.local = { address: socket.localAddress ?? "", port: socket.localPort ?? 0 };
    useRandomPool(engine);
    socket.on("data", () => this.#onTraffic());
    socket.on("drain", () => this.#onDrain());
    engine.on("error", (error: Error & { readonly level?: string }) => {
      logger.debug({ error, remote: this.remote }, "SSH connection error");
      // A key of an agent that cannot sign: the login goes on with the next one.
      if (error.level === "agent") return;
      this.reason ??= error;
      // The engine ends only its own side, and the other one may be gone or may not want to.
      this.#cutOffSoon();
    });
    // Not the socket's event: right after its own the engine ends all channels as if the other side had done it.
    engine.once("close", () => this.#onClosed());
    this.closed = new Promise((resolve) => {
      if (socket.closed) resolve();
      else socket.once("close", () => resolve());
    });
  }

  addChannel(channel: ChannelStream): void {
    this.#channels.add(channel);
  }

  removeChannel(channel: ChannelStream): void {
    this.#channels.delete(channel);
  }

  /**
   * Calls back as soon as the socket can take more. The engine writes whatever the channel's window allows, and the
   * other side chooses that window: without this, one that reads nothing would make us hold all of it.
   */
  whenWritable(callback: () => void): void {
    if (this.socket.writableLength < WRITE_LIMIT) callback();
    else this.#waiting.push(callback);
  }

  /** Says goodbye (RFC 4253 section 11.1) and closes; cuts off a peer that does not close its side in time. */
  disconnect(): Promise<void> {
    this.#engine.end();
    this.#cutOffSoon();
    return this.closed;
  }

  #cutOffSoon(): void {
    const timer = setTimeout(() => this.socket.destroy(), GOODBYE_MS);
    void this.closed.then(() => clearTimeout(timer));
  }

  session(facts: SessionFacts): SshSession {
    const { id, remote, local, connectedAt, closed, socket } = this;
    return {
      id,
      remote,
      local,
      connectedAt,
      closed,
      user: facts.user,
      remoteSoftware: facts.remoteSoftware,
      closing: facts.closing,
      close: facts.close,
      get negotiated() {
        return facts.negotiated();
      },
      get bytesReceived() {
        return socket.bytesRead;
      },
      get bytesSent() {
        return socket.bytesWritten;
      },
    };
  }

  #onTraffic(): void {
    const { socket } = this;
    for (const channel of this.#channels) {
      if (channel.windowOverrun()) {
        this.reason = new TransferError(
          "ERR_SSH_WINDOW_EXCEEDED",
          "the other side sent more than the channel's window",
        );
        socket.destroy();
        return;
      }
      channel.afterTraffic();
    }
    if (socket.writableLength > ANSWER_LIMIT) socket.pause();
    const total = socket.bytesRead + socket.bytesWritten;
    if (total >= this.#rekeyAt) {
      this.#rekeyAt = total + this.#rekeyBytes;
      rekey(this.#engine);
    }
  }

  #onDrain(): void {
    if (this.socket.isPaused()) this.socket.resume();
    for (const callback of this.#waiting.splice(0)) callback();
  }

  #onClosed(): void {
    const error = this.closedOnPurpose
      ? undefined
      : new TransferError(
          "ERR_SSH_CONNECTION_LOST",
          `the connection to ${this.remote.address} ended${this.reason ? `: ${this.reason.message}` : ""}`,
          { cause: this.reason },
        );
    for (const channel of [...this.#channels]) channel.connectionLost(error);
    this.#waiting.length = 0;
  }
}
