import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type DataBufferPool, frameExchangeBuffer, StreamBufferDecoder } from "@waybill/oftp-codec";

/** Octets that may wait in the socket before the speaker stops; it goes on at half of them. */
const WRITE_LIMIT = 512 * 1024;
/** The same for all that is sent: nothing more is read then, so that nothing more needs an answer. */
const ANSWER_LIMIT = 2 * WRITE_LIMIT;
/** What a small write costs beside its octets. */
const WRITE_OVERHEAD = 256;
/** What the wire tells the session. None of these throws. */
export interface WireEvents {
  /** One exchange buffer; its memory may be another one's after the call. */
  buffer(octets: Uint8Array): void;
  /** The stream transmission headers are wrong: nothing that follows makes sense. */
  damaged(error: unknown): void;
  /** The network has taken something. */
  written(): void;
  /** {@link SessionWire.full} has ended. */
  room(): void;
  /** The connection is gone; with the error when there was one. */
  closed(error: Error | undefined): void;
}

/** A connection as exchange buffers, both ways. */
export class SessionWire {
  readonly #socket: Duplex;
  readonly #events: WireEvents;
  readonly #closeMs: number;
  readonly #decoder = new StreamBufferDecoder({ reusesMemory: true });
  /** Whether memory may be used again after the socket has written it: another Duplex may hand it on. */
  readonly #reuses: boolean;
  #error: Error | undefined;
  #over = false;
  /** What comes is of no interest any more. */
  #deaf = false;
  #held = false;
  /** Nothing is read because too many answers wait to be sent. */
  #choked = false;
  #reading = false;
  #outstanding = 0;
  #full = false;
  #closeTimer: NodeJS.Timeout | undefined;

  /** `closeMs`: how long the partner may take to close its side of the connection. */
  constructor(socket: Duplex, closeMs: number, events: WireEvents) {
    this.#socket = socket;
    this.#closeMs = closeMs;
    this.#events = events;
    this.#reuses = socket instanceof Socket;
    if (socket instanceof Socket) socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", (error: Error) => {
      this.#error ??= error;
    });
    // The partner ends only to close: nothing of OFTP goes on over half a connection.
    socket.on("end", () => this.#close());
    socket.once("close", () => this.#onClose());
    if (socket.destroyed) process.nextTick(() => this.#onClose());
  }

  /** The largest data exchange buffer from now on, as negotiated. */
  set maxBufferSize(size: number) {
    this.#decoder.maxBufferSize = size;
  }

  /** Whether the connection is still being made. */
  get connecting(): boolean {
    return this.#socket instanceof Socket && this.#socket.connecting;
  }

  /** Whether the speaker should wait for the event `room`. */
  get full(): boolean {
    return this.#full;
  }

  /** Sends one exchange buffer. */
  send(octets: Uint8Array): void {
    this.#write(frameExchangeBuffer(octets), undefined);
  }

  /** Sends a buffer that has its stream transmission header, and gives its memory back to the pool. */
  sendFramed(framed: Buffer, pool: DataBufferPool | undefined): void {
    this.#write(framed, pool);
  }

  /** What is sent between these two calls leaves together. */
  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  /** Takes in nothing more until {@link resume}. */
  pause(): void {
    this.#held = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#readOn();
  }

  /** Closes the connection once everything was sent, and cuts it off when the partner does not close its side. */
  disconnect(): void {
    this.#becomeDeaf();
    this.#close();
  }

  /** Cuts the connection off. */
  destroy(): void {
    this.#becomeDeaf();
    this.#socket.destroy();
  }

  #close(): void {
    if (this.#over) return;
    this.#socket.end();
    this.#closeTimer ??= setTimeout(() => this.#socket.destroy(), this.#closeMs);
  }

  /** What still comes is dropped, but must be read for the end to be seen. */
  #becomeDeaf(): void {
    this.#deaf = true;
    this.#held = false;
    this.#choked = false;
    this.#socket.resume();
  }

  #write(framed: Buffer, pool: DataBufferPool | undefined): void {
    if (this.#over || this.#socket.writableEnded) {
      pool?.release(framed);
      return;
    }
    const weight = framed.length + WRITE_OVERHEAD;
    this.#outstanding += weight;
    if (this.#outstanding >= WRITE_LIMIT) this.#full = true;
    if (this.#outstanding >= ANSWER_LIMIT) this.#choked = true;
    this.#socket.write(framed, () => {
      if (this.#reuses) pool?.release(framed);
      this.#onWritten(weight);
    });
  }

  #onWritten(weight: number): void {
    this.#outstanding -= weight;
    this.#events.written();
    if (this.#outstanding > WRITE_LIMIT / 2) return;
    if (this.#full) {
      this.#full = false;
      this.#events.room();
    }
    if (this.#choked) {
      this.#choked = false;
      this.#readOn();
    }
  }

  #onData(chunk: Buffer): void {
    if (this.#deaf) return;
    this.#decoder.push(chunk);
    this.#read();
  }

  #readOn(): void {
    this.#read();
    if (!this.#stopped) this.#socket.resume();
  }

  get #stopped(): boolean {
    return this.#held || this.#choked;
  }

  #read(): void {
    // A buffer can lead to `resume`, which would read on in the middle of this.
    if (this.#reading) return;
    this.#reading = true;
    while (!this.#stopped && !this.#deaf) {
      const octets = this.#next();
      if (octets === undefined) break;
      this.#events.buffer(octets);
    }
    this.#reading = false;
    if (this.#stopped) this.#socket.pause();
  }

  #next(): Uint8Array | undefined {
    try {
      return this.#decoder.next();
    } catch (error) {
      this.#becomeDeaf();
      this.#events.damaged(error);
      return undefined;
    }
  }

  #onClose(): void {
    if (this.#over) return;
    this.#over = true;
    this.#deaf = true;
    clearTimeout(this.#closeTimer);
    this.#events.closed(this.#error);
  }
}
