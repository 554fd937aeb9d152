import { encodeName } from "./names.js";

/** Builds one packet with its length in front. */
export class ByteWriter {
  #bytes: Buffer;
  #used = 4;

  /** `expectedBytes`: about how long the packet will be; it grows when that was too little. */
  constructor(type: number, expectedBytes = 96) {
    this.#bytes = Buffer.allocUnsafe(expectedBytes + 4);
    this.uint8(type);
  }

  uint8(value: number): this {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }

  uint32(value: number): this {
    const at = this.#reserve(4);
    this.#bytes.writeUInt32BE(value >>> 0, at);
    return this;
  }

  uint64(value: number | bigint): this {
    const at = this.#reserve(8);
    if (typeof value === "bigint") {
      this.#bytes.writeBigUInt64BE(value, at);
    } else {
      this.#bytes.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
      this.#bytes.writeUInt32BE(value % 0x1_0000_0000, at + 4);
    }
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.uint32(bytes.length).raw(bytes);
  }

  text(text: string): this {
    return this.bytes(encodeName(text));
  }

  handle(handle: string): this {
    return this.bytes(Buffer.from(handle, "latin1"));
  }

  /** The whole packet. The writer is used up. */
  finish(): Buffer {
    this.#bytes.writeUInt32BE(this.#used - 4, 0);
    return this.#bytes.subarray(0, this.#used);
  }

  #reserve(count: number): number {
    const at = this.#used;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#used = needed;
    return at;
  }
}
