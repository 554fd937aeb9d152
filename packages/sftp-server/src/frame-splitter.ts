import { TransferError } from "@waybill/net-core";
import { MIN_PACKET_BYTES } from "./codec/packet-types.js";
import type { Packet } from "./codec/request-decoder.js";

const LENGTH_BYTES = 4;
/** Chunks below this are gathered while a packet is incomplete: a packet that drips in never becomes a long list. */
const SMALL_CHUNK_BYTES = 1024;
const GATHER_BYTES = 4096;

/**
 * Cuts packets out of a byte stream (draft-ietf-secsh-filexfer-02, section 3: a uint32 length, then that many bytes).
 * Packets are views of the chunks; one that spans chunks is a list of views.
 */
export class FrameSplitter {
  readonly #maxPacketBytes: number;
  #chunks: Buffer[] = [];
  /** Bytes of the first chunk that are already cut out. */
  #offset = 0;
  #available = 0;
  /** The buffer behind the last chunk, when that one is gathered, and how much of it is used. */
  #gather: Buffer | undefined;
  #gathered = 0;

  /** `maxPacketBytes`: the longest packet that is let in, without its length field. */
  constructor(maxPacketBytes: number) {
    this.#maxPacketBytes = maxPacketBytes;
  }

  /** Bytes that are waiting to become a packet. */
  get available(): number {
    return this.#available;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#available > 0 && this.#continuesLast(chunk)) this.#extendLast(chunk.length);
    else if (this.#available > 0 && chunk.length < SMALL_CHUNK_BYTES) this.#appendGathered(chunk);
    else this.#append(chunk);
    this.#available += chunk.length;
  }

  /**
   * The next packet, or undefined when it is not complete yet.
   * Errors, after which the stream has no meaning any more: `ERR_SFTP_PACKET_TOO_LONG`, `ERR_SFTP_PACKET_TOO_SHORT`.
   */
  next(): Packet | undefined {
    if (this.#available < LENGTH_BYTES) return undefined;
    const length = this.#peekLength();
    if (length > this.#maxPacketBytes) {
      throw new TransferError(
        "ERR_SFTP_PACKET_TOO_LONG",
        `The client announced a packet of ${length} bytes; the limit is ${this.#maxPacketBytes}.`,
      );
    }
    if (length < MIN_PACKET_BYTES) {
      throw new TransferError(
        "ERR_SFTP_PACKET_TOO_SHORT",
        `The client sent a packet of ${length} bytes, too short for a type and an id.`,
      );
    }
    if (this.#available < LENGTH_BYTES + length) return undefined;
    this.#skip(LENGTH_BYTES);
    return this.#take(length);
  }

  /** Forgets everything. */
  clear(): void {
    this.#chunks = [];
    this.#offset = 0;
    this.#available = 0;
    this.#gather = undefined;
  }

  /** Whether a chunk lies in memory right behind the last one. */
  #continuesLast(chunk: Buffer): boolean {
    const last = this.#chunks.at(-1)!;
    return last.buffer === chunk.buffer && last.byteOffset + last.length === chunk.byteOffset;
  }

  #extendLast(bytes: number): void {
    const last = this.#chunks.pop()!;
    this.#append(Buffer.from(last.buffer as ArrayBuffer, last.byteOffset, last.length + bytes));
  }

  #append(chunk: Buffer): void {
    this.#gather = undefined;
    this.#chunks.push(chunk);
  }

  #appendGathered(chunk: Buffer): void {
    if (this.#gather === undefined || this.#gather.length - this.#gathered < chunk.length) {
      this.#append(Buffer.alloc(0));
      this.#gather = Buffer.allocUnsafe(GATHER_BYTES);
      this.#gathered = 0;
    }
    this.#gather.set(chunk, this.#gathered);
    this.#gathered += chunk.length;
    this.#chunks[this.#chunks.length - 1] = this.#gather.subarray(0, this.#gathered);
  }

  #peekLength(): number {
    const first = this.#chunks[0]!;
    if (first.length - this.#offset >= LENGTH_BYTES) return first.readUInt32BE(this.#offset);
    let length = 0;
    let chunk = 0;
    let at = this.#offset;
    for (let count = 0; count < LENGTH_BYTES; count += 1) {
      while (at === this.#chunks[chunk]!.length) {
        chunk += 1;
        at = 0;
      }
      length = length * 256 + this.#chunks[chunk]![at]!;
      at += 1;
    }
    return length;
  }

  #skip(count: number): void {
    this.#available -= count;
    let left = count;
    while (left > 0) {
      const here = Math.min(left, this.#chunks[0]!.length - this.#offset);
      this.#advance(here);
      left -= here;
    }
  }

  #take(count: number): Packet {
    this.#available -= count;
    const pieces: Buffer[] = [];
    let left = count;
    while (left > 0) {
      const first = this.#chunks[0]!;
      const here = Math.min(left, first.length - this.#offset);
      if (here > 0) pieces.push(first.subarray(this.#offset, this.#offset + here));
      this.#advance(here);
      left -= here;
    }
    return pieces;
  }

  #advance(count: number): void {
    this.#offset += count;
    if (this.#offset < this.#chunks[0]!.length) return;
    this.#chunks.shift();
    this.#offset = 0;
    if (this.#chunks.length === 0) this.#gather = undefined;
  }
}
