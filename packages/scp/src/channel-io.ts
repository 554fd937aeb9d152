import type { Duplex } from "node:stream";
import { abortError, TransferError } from "@waybill/net-core";
import { endedError, protocolError } from "./scp-errors.js";

/** What may wait here before the channel is told to hold. Beside it the channel's own window fills. */
const HIGH_WATER_BYTES = 1024 * 1024;
const LOW_WATER_BYTES = HIGH_WATER_BYTES / 2;
const HIGH_WATER_CHUNKS = 1024;
const LINE_BREAK = 0x0a;

export interface ChannelIoOptions {
  /** 0: none. */
  readonly idleTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Who has to move: the server, for a `reply` or to take a `write`; or we, for the `local` disk or for the `source` of an
 * upload. The end of the other side ends those that make no sense without it.
 */
type WaitKind = "reply" | "write" | "local" | "source";

interface Wait {
  readonly reject: (error: unknown) => void;
  readonly kind: WaitKind;
}

/**
 * A channel as the protocol wants it: bytes, lines and bodies read on demand, writes that wait for flow control. Every
 * wait ends when the channel fails, the signal is aborted or the server is silent for too long.
 */
export class ChannelIo {
  readonly #channel: Duplex;
  readonly #options: ChannelIoOptions;
  readonly #chunks: Buffer[] = [];
  readonly #waits = new Set<Wait>();
  #queued = 0;
  #serverWaits = 0;
  #wake: (() => void) | undefined;
  #ended = false;
  #failure: unknown;
  #timer: NodeJS.Timeout | undefined;

  constructor(channel: Duplex, options: ChannelIoOptions) {
    this.#channel = channel;
    this.#options = options;
    channel.on("data", this.#onData);
    channel.on("end", this.#onEnd);
    channel.on("close", this.#onClose);
    // Stays for good: a destroyed channel may still fail, and nobody else listens.
    channel.on("error", this.#onError);
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal?.aborted) this.#onAbort();
  }

  /** The next byte, or undefined at the end. */
  async readByte(): Promise<number | undefined> {
    if (!(await this.#filled())) return undefined;
    const byte = this.#chunks[0]![0];
    this.#consume(1);
    return byte;
  }

  /** The next byte if it has come already, left where it is. */
  peekByte(): number | undefined {
    return this.#chunks[0]?.[0];
  }

  /** The next line without its line break, or undefined at the end. Errors: `ERR_SCP_PROTOCOL` for one beyond `most` bytes, `ERR_SCP_ENDED` for half a line. */
  async readLine(most: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let length = 0;
    while (await this.#filled()) {
      const chunk = this.#chunks[0]!;
      const end = chunk.indexOf(LINE_BREAK);
      const part = end < 0 ? chunk : chunk.subarray(0, end);
      length += part.length;
      if (length > most) throw protocolError(`the server sent a control line of more than ${most} bytes`);
      parts.push(part);
      this.#consume(end < 0 ? part.length : part.length + 1);
      if (end >= 0) return parts.length === 1 ? part : Buffer.concat(parts);
    }
    if (length === 0) return undefined;
    throw endedError(Buffer.concat(parts).toString());
  }

  /** Like {@link readUpTo}, where more has to come. Errors: `ERR_SCP_ENDED`. */
  async readSome(most: number): Promise<Buffer[]> {
    const some = await this.readUpTo(most);
    if (some === undefined) throw endedError();
    return some;
  }

  /** What is there, at least one and at most `most` bytes, without a copy; undefined at the end. */
  async readUpTo(most: number): Promise<Buffer[] | undefined> {
    if (!(await this.#filled())) return undefined;
    const taken: Buffer[] = [];
    for (let left = most; left > 0 && this.#queued > 0; ) {
      const chunk = this.#chunks[0]!;
      const part = chunk.length <= left ? chunk : chunk.subarray(0, left);
      this.#consume(part.length);
      taken.push(part);
      left -= part.length;
    }
    return taken;
  }

  /** Writes; resolves when the channel has taken all of it. The bytes must not change afterwards. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.reject(endedError());
    return this.#wait("write", (resolve, reject) => {
      this.#channel.write(bytes, (error) => {
        if (error) return reject(asChannelError(error));
        this.#timer?.refresh();
        resolve();
      });
    });
  }

  /** Writes a reply without waiting. Replies are bounded: each answers something that was read. */
  send(bytes: Uint8Array): void {
    if (this.#failure === undefined && !this.#ended) this.#channel.write(bytes);
  }

  /** Waits for `promise`, or for the failure of the channel. */
  guard<T>(promise: Promise<T>, kind: WaitKind): Promise<T> {
    return this.#wait(kind, (resolve, reject) => {
      promise.then(resolve, reject);
    });
  }

  /** Tells the other side that nothing more comes. */
  end(): void {
    if (this.#failure === undefined && !this.#channel.writableEnded) this.#channel.end();
  }

  /** Ends the channel at once, if it is still there. */
  close(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#failure ??= new TransferError("ERR_SCP_ENDED", "the transfer is over");
    this.#discard();
    if (!this.#channel.destroyed) this.#channel.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#failure !== undefined || chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#queued += chunk.length;
    if (this.#queued >= HIGH_WATER_BYTES || this.#chunks.length >= HIGH_WATER_CHUNKS) this.#channel.pause();
    this.#timer?.refresh();
    this.#wakeReader();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wakeReader();
    for (const wait of this.#waits)
      if (wait.kind === "write" || wait.kind === "source") wait.reject(endedError());
  };

  /** After its end the other side has nothing more to lose: our own end may well fail then. */
  readonly #onError = (error: Error): void => {
    if (!this.#ended) this.#fail(error);
  };

  readonly #onClose = (): void => {
    if (!this.#ended) this.#fail(endedError());
  };

  readonly #onAbort = (): void => {
    this.#discard();
    this.#fail(abortError(this.#options.signal));
    this.#channel.destroy();
  };

  readonly #onIdle = (): void => {
    if (this.#serverWaits === 0) return;
    this.#discard();
    this.#fail(
      new TransferError(
        "ERR_SCP_TIMEOUT",
        `the server did nothing for ${this.#options.idleTimeoutMs} ms: raise idleTimeoutMs if it needs longer`,
      ),
    );
    this.#channel.destroy();
  };

  /** True when there are bytes, false at the end. What came before a failure is still handed out. */
  async #filled(): Promise<boolean> {
    while (this.#queued === 0) {
      if (this.#ended) return false;
      if (this.#failure !== undefined) throw this.#failure;
      await this.#wait<void>("reply", (resolve) => {
        this.#wake = resolve;
      });
    }
    return true;
  }

  #consume(bytes: number): void {
    const chunk = this.#chunks[0]!;
    if (bytes === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(bytes);
    this.#queued -= bytes;
    if (
      this.#queued <= LOW_WATER_BYTES &&
      this.#chunks.length <= HIGH_WATER_CHUNKS / 2 &&
      this.#channel.isPaused()
    )
      this.#channel.resume();
  }

  #discard(): void {
    this.#chunks.length = 0;
    this.#queued = 0;
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #fail(error: unknown): void {
    this.#failure ??= asChannelError(error);
    for (const wait of this.#waits) wait.reject(this.#failure);
  }

  #wait<T>(
    kind: WaitKind,
    start: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
  ): Promise<T> {
    const server = kind === "reply" || kind === "write";
    if (server && this.#options.idleTimeoutMs > 0) {
      if (this.#timer === undefined) this.#timer = setTimeout(this.#onIdle, this.#options.idleTimeoutMs);
      else if (this.#serverWaits === 0) this.#timer.refresh();
    }
    if (server) this.#serverWaits++;
    return new Promise<T>((resolve, reject) => {
      const wait: Wait = {
        kind,
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const settle = () => {
        if (this.#waits.delete(wait) && server) this.#serverWaits--;
      };
      this.#waits.add(wait);
      start((value) => {
        settle();
        resolve(value);
      }, wait.reject);
      if (this.#failure !== undefined) wait.reject(this.#failure);
      else if (this.#ended && kind === "source") wait.reject(endedError());
    });
  }
}

function asChannelError(error: unknown): unknown {
  // To write into a channel that the other side has just closed is one way to learn of its end.
  if (error instanceof TransferError && error.code !== "ERR_SSH_CHANNEL_CLOSED") return error;
  return new TransferError("ERR_SCP_ENDED", "the channel to the server's scp broke", { cause: error });
}
