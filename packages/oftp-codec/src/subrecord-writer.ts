import type { DataBufferPool, PooledBuffer } from "./data-buffer-pool.js";
import { findRun, MIN_RUN, runLength } from "./run-scanner.js";
import { STREAM_HEADER_SIZE, writeStreamHeader } from "./stream-header.js";
import { copyOctets, insertSubrecords, OctetArea, SUBRECORD_MAX } from "./subrecord-copy.js";

/** Bit 0 of a subrecord header: its record ends with it. */
export const END_OF_RECORD = 0x80;
/** Bit 1: one octet follows, to be repeated. */
export const COMPRESSED = 0x40;
/** Bits 2 to 7. */
export const COUNT_MASK = 0x3f;

/** Stream transmission header and command octet. */
const PREFIX = STREAM_HEADER_SIZE + 1;

/**
 * Fills one exchange buffer after the other with subrecords (RFC 5024 sections 7.2 and 7.3), behind the room for the
 * stream transmission header. A subrecord that meets the end of the buffer is split.
 */
export class SubrecordWriter {
  readonly #capacity: number;
  readonly #compression: boolean;
  readonly #pool: DataBufferPool;
  #frame: PooledBuffer | undefined;
  #area = new OctetArea(new Uint8Array());
  #at = 0;
  /** Header of the record's last subrecord, when it is in this buffer; else 0. */
  #header = 0;
  /** Octets that the last subrecord may still take; 0 for one that is full, compressed or ended its record. */
  #room = 0;

  constructor(pool: DataBufferPool, compression: boolean) {
    this.#pool = pool;
    this.#capacity = STREAM_HEADER_SIZE + pool.bufferSize;
    this.#compression = compression;
  }

  /** Whether the current buffer holds any subrecord. */
  get dirty(): boolean {
    return this.#frame !== undefined;
  }

  /** Writes as many octets as the current buffer takes, and says up to where; `from` when it is full. */
  write(source: OctetArea, from: number, to: number): number {
    this.#begin();
    return this.#compression ? this.#writeCompressed(source, from, to) : this.#writeLiteral(source, from, to);
  }

  /** Ends the record with what was written last, or with an empty subrecord; false when that does not fit. */
  endRecord(): boolean {
    this.#begin();
    if (this.#header === 0) {
      if (this.#at === this.#capacity) return false;
      this.#header = this.#at;
      this.#at += 1;
      this.#area.octets[this.#header] = 0;
    }
    this.#area.octets[this.#header]! |= END_OF_RECORD;
    this.#header = 0;
    this.#room = 0;
    return true;
  }

  /** The finished buffer with its stream transmission header. The next one is empty. */
  seal(): Buffer {
    const { buffer } = this.#frame!;
    writeStreamHeader(buffer, 0, this.#at);
    const sealed = this.#at === buffer.length ? buffer : buffer.subarray(0, this.#at);
    this.#frame = undefined;
    this.#header = 0;
    this.#room = 0;
    return sealed;
  }

  #begin(): void {
    if (this.#frame !== undefined) return;
    this.#frame = this.#pool.take();
    this.#area = this.#frame.area;
    this.#at = PREFIX;
  }

  #writeLiteral(source: OctetArea, from: number, to: number): number {
    const { octets, view } = this.#area;
    let next = from;
    while (next < to) {
      if (this.#room > 0) {
        const length = Math.min(this.#room, to - next, this.#capacity - this.#at);
        if (length === 0) return next;
        copyOctets(view, this.#at, source.view, next, length);
        octets[this.#header]! += length;
        this.#at += length;
        this.#room -= length;
        next += length;
        continue;
      }
      const space = this.#capacity - this.#at;
      if (space < 2) return next;
      const whole = Math.min(
        Math.floor(space / (SUBRECORD_MAX + 1)),
        Math.floor((to - next) / SUBRECORD_MAX),
      );
      if (whole > 0) {
        insertSubrecords(this.#area, this.#at, source, next, whole);
        this.#at += whole * (SUBRECORD_MAX + 1);
        this.#header = this.#at - (SUBRECORD_MAX + 1);
        next += whole * SUBRECORD_MAX;
      } else {
        this.#header = this.#at;
        octets[this.#at] = 0;
        this.#at += 1;
        this.#room = SUBRECORD_MAX;
      }
    }
    return next;
  }

  #writeCompressed(source: OctetArea, from: number, to: number): number {
    // What cannot fit is not searched: each octet of the buffer holds at most one that is not in a run.
    let next = from;
    while (next < to) {
      const horizon = Math.min(to, next + this.#capacity);
      const run = findRun(source.octets, next, horizon);
      const written = this.#writeLiteral(source, next, run);
      next = written;
      if (written < run) return next;
      while (next < to) {
        const length = runLength(source.octets, next, to, SUBRECORD_MAX);
        if (length < MIN_RUN) break;
        if (this.#capacity - this.#at < 2) return next;
        this.#header = this.#at;
        this.#room = 0;
        this.#area.octets[this.#at] = COMPRESSED | length;
        this.#area.octets[this.#at + 1] = source.octets[next]!;
        this.#at += 2;
        next += length;
      }
    }
    return next;
  }
}
