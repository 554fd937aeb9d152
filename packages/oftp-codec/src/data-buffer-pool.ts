import { DATA_IDENTIFIER } from "./command-codes.js";
import { checkBufferSize } from "./data-buffer-options.js";
import { STREAM_HEADER_SIZE } from "./stream-header.js";
import { OctetArea } from "./subrecord-copy.js";

/** Where a buffer starts, modulo 8: its subrecords, 5 octets further on, are then at multiples of 8. */
const ALIGNMENT = 3;

/** Several buffers are cut from one allocation, twice as many each time, because it costs more than to fill them. */
const MAX_SLAB_OCTETS = 1024 * 1024;

/** The most that a pool keeps for later. */
const MAX_KEPT_OCTETS = 4 * 1024 * 1024;
const MIN_KEPT_BUFFERS = 2;

/** One data exchange buffer's memory. */
export interface PooledBuffer {
  readonly buffer: Buffer;
  readonly area: OctetArea;
  lent: boolean;
}

/**
 * Memory for data exchange buffers of one size, to be used again: a session has one for all the files that it sends. Give
 * each buffer back with {@link release} once the socket has written it. What is not given back is left to the garbage
 * collector. Up to 4 MiB are kept.
 */
export class DataBufferPool {
  /** The negotiated buffer size, as in `DataBufferEncoderOptions`. */
  readonly bufferSize: number;
  readonly #size: number;
  readonly #maxKept: number;
  readonly #free: PooledBuffer[] = [];
  /** The buffers that were cut from an allocation, in order. */
  readonly #slabs: WeakMap<ArrayBufferLike, readonly PooledBuffer[]> | undefined;
  readonly #stride: number;
  #slabBuffers = 1;

  /** Error: ERR_OFTP_DATA_OPTIONS when the size is not between 128 and 99999. */
  constructor(bufferSize: number);
  /** @internal `reused` false: nobody can release, and the garbage collector is spared the bookkeeping. */
  constructor(bufferSize: number, reused: boolean);
  constructor(bufferSize: number, reused = true) {
    checkBufferSize(bufferSize);
    this.bufferSize = bufferSize;
    this.#slabs = reused ? new WeakMap() : undefined;
    this.#size = STREAM_HEADER_SIZE + bufferSize;
    this.#stride = (this.#size + ALIGNMENT + 7) & ~7;
    this.#maxKept = Math.max(MIN_KEPT_BUFFERS, Math.floor(MAX_KEPT_OCTETS / this.#size));
  }

  /**
   * Takes back a buffer that `DataBufferEncoder.next` gave, after its last use: its octets are going to change. Anything
   * else, and what was given back before, is ignored.
   */
  release(buffer: Uint8Array): void {
    const pooled = this.#slabs?.get(buffer.buffer)?.[Math.floor(buffer.byteOffset / this.#stride)];
    if (pooled === undefined || !pooled.lent) return;
    pooled.lent = false;
    if (this.#free.length < this.#maxKept) this.#free.push(pooled);
  }

  /** @internal Memory with the command octet in its place. */
  take(): PooledBuffer {
    if (this.#free.length === 0) this.#allocate();
    const pooled = this.#free.pop()!;
    pooled.lent = true;
    return pooled;
  }

  #allocate(): void {
    const slab = Buffer.allocUnsafeSlow(this.#slabBuffers * this.#stride);
    const buffers = Array.from({ length: this.#slabBuffers }, (_, index): PooledBuffer => {
      const start = index * this.#stride + ALIGNMENT;
      const buffer = slab.subarray(start, start + this.#size);
      buffer[STREAM_HEADER_SIZE] = DATA_IDENTIFIER;
      return { buffer, area: new OctetArea(buffer), lent: false };
    });
    this.#slabs?.set(slab.buffer, buffers);
    this.#free.push(...buffers);
    if (2 * this.#slabBuffers * this.#stride <= MAX_SLAB_OCTETS) this.#slabBuffers *= 2;
  }
}
