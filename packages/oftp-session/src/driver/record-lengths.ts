import { TransferError } from "@waybill/net-core";

/** Octets of the length before each record of a file of format V (RFC 5024 section 6.5). */
export const LENGTH_OCTETS = 2;

/** The longest record that such a length can tell. */
export const MAX_PREFIXED_RECORD = 0xffff;

/** Takes a stream of records with their lengths before them apart. */
export class RecordReader {
  readonly #onPart: (octets: Uint8Array, endOfRecord: boolean) => void;
  /** Octets of the length that were read, and their value so far. */
  #lengthOctets = 0;
  #length = 0;
  /** Octets of the record that are still to come. */
  #left = 0;

  /** `onPart` gets each part of a record as it comes, and whether the record ends with it. */
  constructor(onPart: (octets: Uint8Array, endOfRecord: boolean) => void) {
    this.#onPart = onPart;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#lengthOctets < LENGTH_OCTETS) {
        this.#length = this.#length * 256 + chunk[at]!;
        at += 1;
        this.#lengthOctets += 1;
        if (this.#lengthOctets < LENGTH_OCTETS) continue;
        this.#left = this.#length;
        if (this.#left === 0) this.#end(chunk.subarray(at, at));
        continue;
      }
      const taken = Math.min(this.#left, chunk.length - at);
      const part = chunk.subarray(at, at + taken);
      at += taken;
      this.#left -= taken;
      if (this.#left === 0) this.#end(part);
      else this.#onPart(part, false);
    }
  }

  /** Error: `ERR_OFTP_RECORD_LENGTH` when the stream ended within a record. */
  end(): void {
    if (this.#lengthOctets === 0) return;
    throw new TransferError("ERR_OFTP_RECORD_LENGTH", "The file ends in the middle of a record");
  }

  #end(part: Uint8Array): void {
    this.#lengthOctets = 0;
    this.#length = 0;
    this.#onPart(part, true);
  }
}

/** Gathers records whose parts come one after the other, and puts their lengths before them. */
export class RecordWriter {
  readonly #maxRecordSize: number;
  #record: Buffer;
  #filled = LENGTH_OCTETS;

  constructor(maxRecordSize: number) {
    this.#maxRecordSize = maxRecordSize;
    this.#record = Buffer.allocUnsafeSlow(LENGTH_OCTETS + Math.min(1024, maxRecordSize));
  }

  /** Whether a record has begun. */
  get begun(): boolean {
    return this.#filled > LENGTH_OCTETS;
  }

  add(octets: Uint8Array): void {
    const needed = this.#filled + octets.length;
    if (needed > this.#record.length) {
      const size = Math.min(LENGTH_OCTETS + this.#maxRecordSize, Math.max(needed, 2 * this.#record.length));
      const larger = Buffer.allocUnsafeSlow(size);
      this.#record.copy(larger, 0, 0, this.#filled);
      this.#record = larger;
    }
    this.#record.set(octets, this.#filled);
    this.#filled = needed;
  }

  /** The record with its length before it: a view that holds until the next call. */
  finish(): Buffer {
    const whole = this.#record.subarray(0, this.#filled);
    whole.writeUInt16BE(this.#filled - LENGTH_OCTETS, 0);
    this.#filled = LENGTH_OCTETS;
    return whole;
  }
}
