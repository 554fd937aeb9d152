import { TransferError } from "@waybill/net-core";
import type { FileFormat } from "./command-types.js";
import {
  checkRecordSize,
  dataOptionsError,
  type FileCounts,
  hasRecords,
  recordLengthError,
} from "./data-buffer-options.js";
import {
  copyOctets,
  countSubrecords,
  extractSubrecords,
  OctetArea,
  SUBRECORD_MAX,
} from "./subrecord-copy.js";
import { COMPRESSED, COUNT_MASK, END_OF_RECORD } from "./subrecord-writer.js";

/** Options of {@link DataBufferDecoder}. */
export interface DataBufferDecoderOptions {
  /** Format of what is transmitted: U for files that were signed, compressed or encrypted, whatever SFID says. */
  readonly format: FileFormat;
  /** SFIDLRECL. Not used for U and T. */
  readonly maxRecordSize?: number;
  /** What lies before the restart position that was agreed (see `countsAtRestart`). Default: nothing. */
  readonly startAt?: FileCounts;
}

/**
 * Recovers a virtual file from the payloads of its data exchange buffers (`Data.payload`, RFC 5024 section 7).
 * {@link decode} gives a view of a buffer of its own, {@link decodeInto} writes to the caller's. Compressed subrecords
 * are understood whether compression was negotiated or not.
 *
 * Every payload is checked whole before anything of it counts or is written. For U and T the end-of-record flag says that
 * the file ends; because partners exist that set it in every buffer, octets after it are accepted, and
 * the counts of EFID decide.
 *
 * Errors: ERR_OFTP_DATA_TRUNCATED (a subrecord is longer than the buffer), ERR_OFTP_RECORD_LENGTH (a record is longer than
 * `maxRecordSize`, or, for F, a shorter one is not the last), ERR_OFTP_DATA_OPTIONS.
 */
export class DataBufferDecoder {
  readonly #format: FileFormat;
  readonly #recordSize: number;
  #target = new OctetArea(new Uint8Array());
  #own = Buffer.alloc(0);
  #recordEnds: number[] = [];
  #recordCount: number;
  #unitCount: number;
  /** Octets of the record that has not ended yet. */
  #openRecord = 0;
  /** The length of a record of F that was shorter than the others: nothing may follow. */
  #shortRecord: number | undefined;
  #endOfRecord = false;

  constructor(options: DataBufferDecoderOptions) {
    this.#format = options.format;
    this.#recordSize = checkRecordSize(options.format, options.maxRecordSize);
    this.#recordCount = options.startAt?.recordCount ?? 0;
    this.#unitCount = options.startAt?.unitCount ?? 0;
  }

  /** Records that have ended, those before the restart position included; 0 for U and T. Compare it with EFIDRCNT. */
  get recordCount(): number {
    return hasRecords(this.#format) ? this.#recordCount : 0;
  }

  /** Octets, those before the restart position included. Compare it with EFIDUCNT. */
  get unitCount(): number {
    return this.#unitCount;
  }

  /** F and V: octets of a record that has begun and not ended. At the end of the file it must be 0. */
  get openRecordSize(): number {
    return hasRecords(this.#format) ? this.#openRecord : 0;
  }

  /** Whether the last subrecord ended a record; for U and T, whether the file should be whole. */
  get endOfRecord(): boolean {
    return this.#endOfRecord;
  }

  /**
   * F and V: where records ended in what the last call gave, counted from its first octet; 0 means before it, and equal
   * ones that a record is empty. Always empty for U and T.
   */
  get recordEnds(): readonly number[] {
    return this.#recordEnds;
  }

  /** How many octets of the file a payload represents, at most 63 for every 2 octets. */
  measure(payload: Uint8Array): number {
    return measureFrom(payload, countSubrecords(payload, 0));
  }

  /** The octets of the file in a payload: a view that holds until the next call. */
  decode(payload: Uint8Array): Buffer {
    const leading = countSubrecords(payload, 0);
    const size = measureFrom(payload, leading);
    if (size > this.#own.length) this.#own = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.#own.length));
    this.#decode(payload, leading, this.#own, 0);
    return this.#own.subarray(0, size);
  }

  /**
   * Writes the octets of the file in a payload to `target` from `at` on, and says how many there were. The room that is
   * needed is what {@link measure} says, and never more than the payload's length unless it is compressed; too little
   * of it is ERR_OFTP_DATA_OPTIONS.
   */
  decodeInto(payload: Uint8Array, target: Uint8Array, at = 0): number {
    const leading = countSubrecords(payload, 0);
    const size = measureFrom(payload, leading);
    if (at < 0 || at + size > target.length) {
      throw dataOptionsError(`A buffer of ${target.length} octets has no room for ${size} from ${at} on`);
    }
    this.#decode(payload, leading, target, at);
    return size;
  }

  /** `leading`: how many full subrecords it starts with. */
  #decode(payload: Uint8Array, leading: number, target: Uint8Array, at: number): void {
    if (hasRecords(this.#format)) this.#checkRecords(payload);
    if (this.#target.octets !== target) this.#target = new OctetArea(target);
    this.#recordEnds = [];
    const { view, octets } = this.#target;
    const source = new OctetArea(payload);
    const length = payload.length;
    let to = at;
    let next = 0;
    while (next < length) {
      const whole = next === 0 ? leading : countSubrecords(payload, next);
      if (whole > 0) {
        extractSubrecords(this.#target, to, source, next, whole);
        to += whole * SUBRECORD_MAX;
        next += whole * (SUBRECORD_MAX + 1);
        this.#endOfRecord = false;
        if (next === length) break;
      }
      const header = payload[next]!;
      const count = header & COUNT_MASK;
      if ((header & COMPRESSED) === 0) {
        copyOctets(view, to, source.view, next + 1, count);
        next += 1 + count;
      } else {
        octets.fill(payload[next + 1]!, to, to + count);
        next += 2;
      }
      to += count;
      this.#endOfRecord = (header & END_OF_RECORD) !== 0;
      if (this.#endOfRecord && hasRecords(this.#format)) this.#recordEnds.push(to - at);
    }
    this.#unitCount += to - at;
    this.#countRecords(to - at);
  }

  #countRecords(size: number): void {
    const ends = this.#recordEnds;
    const last = ends.at(-1);
    this.#openRecord = last === undefined ? this.#openRecord + size : size - last;
    this.#recordCount += ends.length;
  }

  /** Refuses records that are too long before anything of them is written. */
  #checkRecords(payload: Uint8Array): void {
    const length = payload.length;
    const limit = this.#recordSize;
    let record = this.#openRecord;
    let short = this.#shortRecord;
    let at = 0;
    while (at < length) {
      const header = payload[at]!;
      const count = header & COUNT_MASK;
      at += (header & COMPRESSED) === 0 ? 1 + count : 2;
      record += count;
      const ended = (header & END_OF_RECORD) !== 0;
      if (short !== undefined && (count > 0 || ended)) throw recordLengthError(short, limit, this.#format);
      if (record > limit) throw recordLengthError(record, limit, this.#format);
      if (!ended) continue;
      if (this.#format === "F" && record < limit) short = record;
      record = 0;
    }
    this.#shortRecord = short;
  }
}

/** What a payload represents that starts with so many full subrecords. */
function measureFrom(payload: Uint8Array, leading: number): number {
  const length = payload.length;
  let at = leading * (SUBRECORD_MAX + 1);
  let total = leading * SUBRECORD_MAX;
  while (at < length) {
    const header = payload[at]!;
    const count = header & COUNT_MASK;
    total += count;
    at += (header & COMPRESSED) === 0 ? 1 + count : 2;
  }
  if (at !== length) {
    const message = "The last subrecord of a data exchange buffer is longer than the buffer";
    throw new TransferError("ERR_OFTP_DATA_TRUNCATED", message);
  }
  return total;
}
