import type { ErrorSource } from "./error-source.js";

/** The longest algorithm, curve or cipher name that is looked at. */
const MAX_NAME_BYTES = 128;

/**
 * Reads the data types of RFC 4251 section 5 from hostile bytes: every length is checked, and what does not fit is
 * `ERR_KEY_DAMAGED`. What it returns are views of the input.
 */
export class WireReader {
  readonly #bytes: Buffer;
  readonly #source: ErrorSource;
  #position = 0;

  constructor(bytes: Uint8Array, source: ErrorSource) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#source = source;
  }

  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  bytes(length: number): Buffer {
    if (length > this.remaining) throw this.#source.damaged("the key data ends too early");
    const start = this.#position;
    this.#position += length;
    return this.#bytes.subarray(start, this.#position);
  }

  uint32(): number {
    return this.bytes(4).readUInt32BE(0);
  }

  string(): Buffer {
    return this.bytes(this.uint32());
  }

  /** The name of an algorithm: printable ASCII. */
  name(): string {
    const bytes = this.string();
    const text = bytes.toString("latin1");
    if (bytes.length > MAX_NAME_BYTES || !/^[\x21-\x7e]+$/.test(text)) {
      throw this.#source.damaged("the key data has something else where a name belongs");
    }
    return text;
  }

  /**
   * The magnitude of a positive mpint, big-endian without leading zeros. Zero, negative and padded numbers are
   * refused.
   */
  mpint(): Buffer {
    const bytes = this.string();
    const first = bytes[0];
    if (first === undefined || first >= 0x80)
      throw this.#source.damaged("a number in the key is not positive");
    if (first !== 0) return bytes;
    const second = bytes[1];
    if (second === undefined || second < 0x80)
      throw this.#source.damaged("a number in the key has leading zeros");
    return bytes.subarray(1);
  }

  /** Nothing may be left. */
  end(): void {
    if (this.remaining > 0) throw this.#source.damaged(`${this.remaining} bytes follow the key data`);
  }
}
