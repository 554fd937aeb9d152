import type { ErrorSource } from "../error-source.js";

/** Reads what Java's DataOutputStream wrote: numbers big-endian, texts with a length before them. */
export class JavaReader {
  readonly #bytes: Buffer;
  readonly #source: ErrorSource;
  #position = 0;

  constructor(bytes: Buffer, source: ErrorSource) {
    this.#bytes = bytes;
    this.#source = source;
  }

  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  bytes(length: number): Buffer {
    if (length > this.remaining) throw this.#source.damaged("the store ends too early");
    this.#position += length;
    return this.#bytes.subarray(this.#position - length, this.#position);
  }

  byte(): number {
    return this.bytes(1).readUInt8();
  }

  short(): number {
    return this.bytes(2).readUInt16BE();
  }

  int(): number {
    return this.bytes(4).readUInt32BE();
  }

  long(): bigint {
    return this.bytes(8).readBigUInt64BE();
  }

  /** Bytes behind a length of four bytes. */
  block(): Buffer {
    return this.bytes(this.int());
  }

  /**
   * A text in modified UTF-8: as UTF-8, but zero has two bytes and what is beyond U+FFFF has two surrogates of three
   * bytes each.
   */
  text(): string {
    const bytes = this.bytes(this.short());
    const units: number[] = [];
    for (let index = 0; index < bytes.length; ) {
      const first = bytes[index] ?? 0;
      const extra = first < 0x80 ? 0 : first < 0xe0 ? 1 : 2;
      let unit = extra === 0 ? first : extra === 1 ? first & 0x1f : first & 0x0f;
      for (let count = 1; count <= extra; count += 1) {
        const next = bytes[index + count];
        if (next === undefined || (next & 0xc0) !== 0x80)
          throw this.#source.damaged("a name in the store is malformed");
        unit = unit * 64 + (next & 0x3f);
      }
      units.push(unit & 0xffff);
      index += 1 + extra;
    }
    const text = Buffer.alloc(2 * units.length);
    for (const [index, unit] of units.entries()) text.writeUInt16LE(unit, 2 * index);
    return text.toString("utf16le");
  }
}
