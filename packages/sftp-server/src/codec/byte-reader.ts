import { malformed, outOfRange } from "./codec-errors.js";
import { decodeName } from "./names.js";

/** Reads the fields of a packet in order (RFC 4251 section 5); every length is checked before it is used. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  uint32(field: string): number {
    const at = this.#advance(4, field);
    return this.#bytes.readUInt32BE(at);
  }

  /** A uint64 as a number. Error: `ERR_SFTP_OUT_OF_RANGE` above 2^53 - 1. */
  uint64(field: string): number {
    const at = this.#advance(8, field);
    const high = this.#bytes.readUInt32BE(at);
    if (high > 0x1fffff) throw outOfRange(field);
    return high * 0x1_0000_0000 + this.#bytes.readUInt32BE(at + 4);
  }

  bigUint64(field: string): bigint {
    return this.#bytes.readBigUInt64BE(this.#advance(8, field));
  }

  /** A string's bytes: a view of the packet, not a copy. */
  bytes(field: string): Buffer {
    const length = this.uint32(field);
    const at = this.#advance(length, field);
    return this.#bytes.subarray(at, at + length);
  }

  text(field: string): string {
    return decodeName(this.bytes(field));
  }

  /** A handle: opaque bytes, kept one character to the byte. */
  handle(): string {
    return this.bytes("handle").toString("latin1");
  }

  rest(): Buffer {
    return this.#bytes.subarray(this.#advance(this.remaining, "rest"));
  }

  /** Says that the packet must be over here. */
  end(): void {
    if (this.remaining > 0) throw malformed(`${this.remaining} bytes follow its last field`);
  }

  #advance(count: number, field: string): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) throw malformed(`it ends inside its ${field}`);
    this.#at = at + count;
    return at;
  }
}
