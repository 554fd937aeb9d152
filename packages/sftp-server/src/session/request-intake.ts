import type { Packet } from "../codec/request-decoder.js";
import { FrameSplitter } from "../frame-splitter.js";
import { returnBuffer, takeBuffer } from "./buffer-pool.js";

const BLOCK_BYTES = 256 * 1024;

/** A packet and its place in the stream, its length field included. */
export interface TakenPacket {
  readonly packet: Packet;
  readonly begin: number;
  readonly end: number;
}

/** Memory of the pool that holds a part of the stream. */
interface Block {
  readonly buffer: Buffer;
  readonly begin: number;
  filled: number;
  /** Bytes of packets that are finished. */
  finished: number;
}

/**
 * What a client sends, in memory of the pool, and the packets in it.
 *
 * All is copied as it arrives, which costs no measurable time: the chunks of the channel die young. Those that wait for the
 * rest of their packet, or for the disk, would be moved to V8's old generation, which is collected at great cost, and only
 * after 64 MiB of them.
 */
export class RequestIntake {
  readonly #splitter: FrameSplitter;
  /** Those in use, in the order of the stream. */
  readonly #blocks: Block[] = [];
  #arrived = 0;

  /** `maxPacketBytes`: the longest packet that is let in, without its length field. */
  constructor(maxPacketBytes: number) {
    this.#splitter = new FrameSplitter(maxPacketBytes);
  }

  /** Bytes that are waiting to become a packet. */
  get available(): number {
    return this.#splitter.available;
  }

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const block = this.#blockWithRoom();
      const part = chunk.subarray(at, at + BLOCK_BYTES - block.filled);
      block.buffer.set(part, block.filled);
      this.#splitter.push(block.buffer.subarray(block.filled, block.filled + part.length));
      block.filled += part.length;
      this.#arrived += part.length;
      at += part.length;
    }
  }

  /**
   * The next packet, or undefined when it is not complete yet. Its bytes are there until {@link finish}.
   * Errors: those of `FrameSplitter.next`.
   */
  next(): TakenPacket | undefined {
    const begin = this.#arrived - this.#splitter.available;
    const packet = this.#splitter.next();
    return packet && { packet, begin, end: this.#arrived - this.#splitter.available };
  }

  /** Nothing refers to the bytes of a packet any more. To be called once for each, in any order. */
  finish({ begin, end }: TakenPacket): void {
    for (let index = this.#blocks.length - 1; index >= 0; index -= 1) {
      const block = this.#blocks[index]!;
      const blockEnd = block.begin + block.filled;
      if (blockEnd <= begin) return;
      if (block.begin >= end) continue;
      block.finished += Math.min(end, blockEnd) - Math.max(begin, block.begin);
      if (block.finished < block.filled) continue;
      const isLast = index === this.#blocks.length - 1;
      if (block.filled < BLOCK_BYTES && !isLast) continue;
      this.#blocks.splice(index, 1);
      returnBuffer(block.buffer);
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#splitter.clear();
    // Some may still be written to a file: they are left to the garbage collector.
    this.#blocks.length = 0;
  }

  #blockWithRoom(): Block {
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.filled < BLOCK_BYTES) return last;
    const block = { buffer: takeBuffer(BLOCK_BYTES), begin: this.#arrived, filled: 0, finished: 0 };
    this.#blocks.push(block);
    return block;
  }
}
