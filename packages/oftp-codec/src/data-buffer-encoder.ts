import type { FileFormat } from "./command-types.js";
import {
  checkRecordSize,
  dataOptionsError,
  type FileCounts,
  hasRecords,
  recordLengthError,
} from "./data-buffer-options.js";
import { DataBufferPool } from "./data-buffer-pool.js";
import { OctetArea } from "./subrecord-copy.js";
import { SubrecordWriter } from "./subrecord-writer.js";

/** Options of {@link DataBufferEncoder}. */
export interface DataBufferEncoderOptions {
  /** The negotiated SSIDSDEB, 128 to 99999: octets of an exchange buffer without its stream transmission header. */
  readonly bufferSize: number;
  /** Format of what is transmitted: U for files that were signed, compressed or encrypted, whatever SFID says. */
  readonly format: FileFormat;
  /** Whether runs of equal octets are compressed; only when both sides can (SSIDCMPR). Default false. */
  readonly compression?: boolean;
  /** SFIDLRECL: the length of every record for F, of the longest for V. Not used for U and T. */
  readonly maxRecordSize?: number;
  /** What lies before the restart position (see `countsAtRestart`). Default: nothing. */
  readonly startAt?: FileCounts;
  /** Where the memory of the buffers comes from, and can be given back; for `bufferSize`. Default: one for this file. */
  readonly pool?: DataBufferPool;
}

/** Octets that wait to be encoded, and whether the record ends behind them. */
interface Part {
  /** Over the whole memory that the octets are part of. */
  readonly area: OctetArea;
  readonly from: number;
  readonly to: number;
  readonly endOfRecord: boolean;
}

/**
 * Maps a virtual file into data exchange buffers (RFC 5024 section 7). Give it what was read with {@link write} (V:
 * {@link writeRecordPart}), and take complete buffers with {@link next} until it says undefined: under credit, take one
 * for each that may be sent. After the last octet, {@link end}, and take the rest.
 *
 * A buffer is `stream transmission header, 'D', subrecords`: it goes to the socket as it is. Each is memory of its own,
 * and nothing writes to it again before it is released to the `pool`. A full buffer is kept back until it is known whether its last subrecord ends the
 * record, so that files do not end with an empty subrecord.
 *
 * U and T are one record, which ends with the file; F ends a record every `maxRecordSize` octets; V ends them where the
 * caller says. A file without octets (and without records) has no data exchange buffers.
 *
 * Errors: ERR_OFTP_DATA_OPTIONS (options out of range, a method that does not suit the format, writing after the end),
 * ERR_OFTP_RECORD_LENGTH (a record of V is too long; F does not end with a whole record; V ends within a record).
 */
export class DataBufferEncoder {
  readonly #format: FileFormat;
  readonly #recordSize: number;
  readonly #writer: SubrecordWriter;
  readonly #parts: Part[] = [];
  #area: OctetArea | undefined;
  /** Octets of the first part that are encoded. */
  #done = 0;
  #ended = false;
  /** Octets of the record that is being written: accepted, and encoded. */
  #acceptedOfRecord = 0;
  #encodedOfRecord = 0;
  #recordCount: number;
  #unitCount: number;

  constructor(options: DataBufferEncoderOptions) {
    const pool = options.pool ?? new DataBufferPool(options.bufferSize, false);
    if (pool.bufferSize !== options.bufferSize) throw dataOptionsError("The pool is for another buffer size");
    this.#format = options.format;
    this.#recordSize = checkRecordSize(options.format, options.maxRecordSize);
    this.#writer = new SubrecordWriter(pool, options.compression === true);
    this.#recordCount = options.startAt?.recordCount ?? 0;
    this.#unitCount = options.startAt?.unitCount ?? 0;
  }

  /** Records that are encoded, those before the restart position included (EFIDRCNT); 0 for U and T. */
  get recordCount(): number {
    return hasRecords(this.#format) ? this.#recordCount : 0;
  }

  /** Octets that are encoded, those before the restart position included (EFIDUCNT). */
  get unitCount(): number {
    return this.#unitCount;
  }

  /** Whether the file has ended and every buffer was taken. */
  get finished(): boolean {
    return this.#ended && this.#parts.length === 0 && !this.#writer.dirty;
  }

  /** Adds octets of a file of format U, T or F. They must not change before `next` has said undefined. */
  write(chunk: Uint8Array): void {
    if (this.#format === "V") throw dataOptionsError("Variable records are written with writeRecordPart");
    this.#checkOpen();
    if (chunk.length === 0) return;
    this.#acceptedOfRecord += chunk.length;
    if (this.#format === "F") this.#acceptedOfRecord %= this.#recordSize;
    this.#add(chunk, false);
  }

  /** Adds octets to the current record of a file of format V, and says whether it ends with them. */
  writeRecordPart(octets: Uint8Array, endOfRecord: boolean): void {
    if (this.#format !== "V")
      throw dataOptionsError("Only variable records are written with writeRecordPart");
    this.#checkOpen();
    const length = this.#acceptedOfRecord + octets.length;
    if (length > this.#recordSize) throw recordLengthError(length, this.#recordSize, "V");
    this.#acceptedOfRecord = endOfRecord ? 0 : length;
    if (octets.length === 0 && !endOfRecord) return;
    this.#add(octets, endOfRecord);
  }

  /** Says that the file has no more octets. */
  end(): void {
    this.#checkOpen();
    const open = this.#acceptedOfRecord;
    if (hasRecords(this.#format)) {
      if (open > 0) throw recordLengthError(open, this.#recordSize, this.#format);
    } else if (open > 0) {
      this.#add(new Uint8Array(), true);
    }
    this.#ended = true;
  }

  /** The next complete buffer with its stream transmission header; undefined when more has to be written first. */
  next(): Buffer | undefined {
    for (;;) {
      const part = this.#parts[0];
      if (part === undefined) return this.#ended && this.#writer.dirty ? this.#writer.seal() : undefined;
      if (!this.#encode(part)) return this.#writer.seal();
      this.#parts.shift();
      this.#done = 0;
    }
  }

  /** Records are mostly parts of one chunk: making views for each takes longer than encoding it. */
  #add(octets: Uint8Array, endOfRecord: boolean): void {
    const { buffer, byteOffset, byteLength } = octets;
    if (this.#area?.octets.buffer !== buffer) this.#area = new OctetArea(new Uint8Array(buffer));
    this.#parts.push({ area: this.#area, from: byteOffset, to: byteOffset + byteLength, endOfRecord });
  }

  /** Encodes what is left of a part; false when the buffer is full before that. */
  #encode({ area, from, to, endOfRecord }: Part): boolean {
    let at = from + this.#done;
    while (at < to) {
      const end = this.#format === "F" ? Math.min(to, at + this.#leftOfRecord()) : to;
      const reached = this.#writer.write(area, at, end);
      this.#done += reached - at;
      this.#unitCount += reached - at;
      this.#encodedOfRecord += reached - at;
      at = reached;
      if (reached < end) return false;
      if (this.#format === "F" && this.#leftOfRecord() === 0) this.#endRecord();
    }
    return !endOfRecord || this.#endRecord();
  }

  #leftOfRecord(): number {
    return this.#recordSize - this.#encodedOfRecord;
  }

  #endRecord(): boolean {
    if (!this.#writer.endRecord()) return false;
    this.#encodedOfRecord = 0;
    this.#recordCount += 1;
    return true;
  }

  #checkOpen(): void {
    if (this.#ended) throw dataOptionsError("The file has ended: nothing can be added");
  }
}
