import type { Writable } from "node:stream";
import { encodeReply, type Reply } from "../codec/replies.js";
import { returnBuffer } from "./buffer-pool.js";

/** Above this many bytes of unsent replies no more requests are taken in. */
const MAX_UNSENT_BYTES = 2 * 1024 * 1024;

const SETTLED = Promise.resolve();

/** Sends replies: small ones of one turn joined, data as they are. Knows how much the other side has yet to take. */
export class ReplyWriter {
  readonly #channel: Writable;
  readonly #onRoom: () => void;
  #small: Buffer[] = [];
  #scheduled = false;
  #unsentBytes = 0;
  #takenBytes = 0;
  #closed = false;
  readonly #flushLater = () => this.flush();

  /** `onRoom` is called when replies were held up and there is room again. */
  constructor(channel: Writable, onRoom: () => void) {
    this.#channel = channel;
    this.#onRoom = onRoom;
  }

  get hasRoom(): boolean {
    return this.#unsentBytes < MAX_UNSENT_BYTES;
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** All that the other side has taken so far. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  send(reply: Reply): void {
    if (this.#closed) return;
    this.#small.push(encodeReply(reply));
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Cheaper than queueMicrotask, which makes an asynchronous resource of each call.
    void SETTLED.then(this.#flushLater);
  }

  /** Sends the first `length` bytes of `packet`, a whole reply, and gives the buffer back to the pool when it has left. */
  sendData(packet: Buffer, length: number): void {
    if (this.#closed) {
      returnBuffer(packet);
      return;
    }
    this.flush();
    this.#write(packet.subarray(0, length), packet);
  }

  /** Sends the small replies that wait for the end of this turn. */
  flush(): void {
    this.#scheduled = false;
    const small = this.#small;
    if (small.length === 0 || this.#closed) return;
    this.#small = [];
    this.#write(small.length === 1 ? small[0]! : Buffer.concat(small), undefined);
  }

  /** The channel is gone: nothing is sent any more. */
  close(): void {
    this.#closed = true;
    this.#small = [];
  }

  #write(bytes: Buffer, pooled: Buffer | undefined): void {
    if (!this.#channel.writable) {
      this.close();
      return;
    }
    this.#unsentBytes += bytes.length;
    this.#channel.write(bytes, (error) => {
      const hadRoom = this.hasRoom;
      this.#unsentBytes -= bytes.length;
      this.#takenBytes += bytes.length;
      // After an error the stream may still hold the bytes: let the buffer go instead of using it again.
      if (pooled !== undefined && !error) returnBuffer(pooled);
      if (!hadRoom && this.hasRoom) this.#onRoom();
    });
  }
}
