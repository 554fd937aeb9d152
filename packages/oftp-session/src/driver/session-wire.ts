import type { Duplex } from "node:stream";
import { frameExchangeBuffer, StreamBufferDecoder } from "@waybill/oftp-codec";

/** Octets that may wait in the socket before the speaker stops. */
const WRITE_LIMIT = 512 * 1024;
/** How long the partner may take to close its side of the connection. */
const CLOSE_MS = 5000;

/** What the wire tells the session. */
export interface WireEvents {
  /** One exchange buffer; its memory may be another one's after the call. */
  buffer(octets: Uint8Array): void;
  /** The stream transmission headers are wrong: nothing that follows makes sense. */
  damaged(error: unknown): void;
  /** The connection is gone; with the error when there was one. */
  closed(error: Error | undefined): void;
}

/** A connection as exchange buffers, both ways. */
export class SessionWire {
  readonly #socket: Duplex;
  readonly #events: WireEvents;
  readonly #decoder = new StreamBufferDecoder();
  #error: Error | undefined;
  #over = false;
  #held = false;
  #reading = false;
  #drained: (() => void)[] = [];
  #closeTimer: NodeJS.Timeout | undefined;

  constructor(socket: Duplex, events: WireEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.on("data", (chunk: Buffer) => {
      this.#decoder.push(chunk);
      this.#read();
    });
    socket.on("drain", () => this.#onDrain());
    socket.on("error", (error: Error) => {
      this.#error ??= error;
    });
    // The partner ends only to close: nothing of OFTP goes on over half a connection.
    socket.on("end", () => socket.end());
    socket.once("close", () => {
      this.#over = true;
      clearTimeout(this.#closeTimer);
      this.#onDrain();
      events.closed(this.#error);
    });
  }

  /** The largest data exchange buffer from now on, as negotiated. */
  set maxBufferSize(size: number) {
    this.#decoder.maxBufferSize = size;
  }

  /** Whether the speaker should wait for {@link drained}. */
  get full(): boolean {
    return this.#socket.writableLength >= WRITE_LIMIT;
  }

  /** Sends one exchange buffer. */
  send(octets: Uint8Array): void {
    if (!this.#over) this.#socket.write(frameExchangeBuffer(octets));
  }

  /** Sends a buffer that has its stream transmission header, and calls back when its memory may be used again. */
  sendFramed(framed: Buffer, released: () => void): void {
    if (this.#over) released();
    else this.#socket.write(framed, released);
  }

  /** What is sent between these two calls leaves together. */
  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  /** Resolves when there is room again, or nobody to send to. */
  drained(): Promise<void> {
    if (this.#over || this.#socket.writableLength === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Takes in nothing more until {@link resume}. */
  pause(): void {
    this.#held = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#read();
    if (!this.#held) this.#socket.resume();
  }

  /** Closes the connection once everything was sent, and cuts it off when the partner does not close its side. */
  disconnect(): void {
    this.#socket.end();
    // What still comes is of no interest, but must be read for the end to be seen.
    this.resume();
    this.#closeTimer ??= setTimeout(() => this.#socket.destroy(), CLOSE_MS);
  }

  /** Cuts the connection off. */
  destroy(): void {
    this.#socket.destroy();
  }

  #read(): void {
    // A buffer can lead to `resume`, which would read on in the middle of this.
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (!this.#held) {
        const octets = this.#decoder.next();
        if (octets === undefined) break;
        this.#events.buffer(octets);
      }
    } catch (error) {
      this.#socket.removeAllListeners("data");
      this.#socket.resume();
      this.#events.damaged(error);
    } finally {
      this.#reading = false;
    }
  }

  #onDrain(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}
