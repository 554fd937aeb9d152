import { DATA_IDENTIFIER } from "./command-codes.js";
import { checkBufferSize, MAX_BUFFER_SIZE } from "./data-buffer-options.js";
import { readStreamHeader, STREAM_HEADER_SIZE, streamLengthError } from "./stream-header.js";

/** Options of {@link StreamBufferDecoder}. */
export interface StreamBufferDecoderOptions {
  /**
   * Octets of the largest data exchange buffer, as negotiated (SSIDSDEB), without the header. Default: 99999. Other
   * commands may be as long as that whatever was negotiated: an SFID has more octets than the smallest buffer size.
   */
  readonly maxBufferSize?: number;
  /**
   * Data exchange buffers that cross chunks share one memory: what `next` gives is valid until it is called again. For whoever
   * decodes it at once; over TLS, whose chunks are small, it saves an allocation for each. Default false.
   */
  readonly reusesMemory?: boolean;
}

/**
 * Recovers exchange buffers from a TCP stream (RFC 5024 section 8). Give it the chunks of the socket with
 * {@link push}, then call {@link next} until it says undefined.
 *
 * An exchange buffer that lies within one chunk is a view of it; only those that cross chunks are copied. Apart from the
 * chunks that were pushed, at most one exchange buffer is held.
 *
 * Errors, thrown by `next`, after which the stream is lost: ERR_OFTP_STREAM_VERSION, ERR_OFTP_STREAM_LENGTH (shorter than 1,
 * or longer than allowed; found as soon as the header, and for DATA the octet behind it, is there).
 */
export class StreamBufferDecoder {
  #maxBufferSize = MAX_BUFFER_SIZE;
  readonly #waiting: Uint8Array[] = [];
  #chunk: Uint8Array = new Uint8Array();
  #at = 0;
  /** What was read of a header that is cut, and how many octets of it. */
  #header = 0;
  #headerOctets = 0;
  /** The exchange buffer that crosses chunks, and how much of it is there. */
  #partial: Buffer | undefined;
  #filled = 0;
  readonly #reusesMemory: boolean;
  #memory: Buffer | undefined;

  constructor(options: StreamBufferDecoderOptions = {}) {
    this.maxBufferSize = options.maxBufferSize ?? MAX_BUFFER_SIZE;
    this.#reusesMemory = options.reusesMemory ?? false;
  }

  /** See the option; set it once the buffer size is negotiated. */
  get maxBufferSize(): number {
    return this.#maxBufferSize;
  }

  set maxBufferSize(size: number) {
    checkBufferSize(size);
    this.#maxBufferSize = size;
  }

  /** Adds what the socket delivered. It must not be changed before `next` has said undefined. */
  push(chunk: Uint8Array): void {
    if (this.#at === this.#chunk.length && this.#waiting.length === 0) {
      this.#chunk = chunk;
      this.#at = 0;
    } else if (chunk.length > 0) {
      this.#waiting.push(chunk);
    }
  }

  /** Whether the stream may end here: no exchange buffer has begun. Meant for after `next` said undefined. */
  get idle(): boolean {
    return this.#headerOctets === 0 && this.#at === this.#chunk.length && this.#waiting.length === 0;
  }

  /** The next exchange buffer, without its header; undefined when more of the stream is needed. */
  next(): Uint8Array | undefined {
    for (;;) {
      const buffer = this.#nextOfChunk();
      if (buffer !== undefined) return buffer;
      const chunk = this.#waiting.shift();
      if (chunk === undefined) return undefined;
      this.#chunk = chunk;
      this.#at = 0;
    }
  }

  #nextOfChunk(): Uint8Array | undefined {
    while (this.#headerOctets < STREAM_HEADER_SIZE) {
      if (this.#at === this.#chunk.length) return undefined;
      this.#header = (this.#header << 8) | this.#chunk[this.#at]!;
      this.#at += 1;
      this.#headerOctets += 1;
    }
    const available = this.#chunk.length - this.#at;
    if (this.#partial !== undefined) return this.#continue(this.#partial, available);
    const length = readStreamHeader(this.#header);
    if (length > MAX_BUFFER_SIZE) throw streamLengthError(length, MAX_BUFFER_SIZE);
    if (available === 0) return undefined;
    if (length > this.#maxBufferSize && this.#chunk[this.#at] === DATA_IDENTIFIER) {
      throw streamLengthError(length, this.#maxBufferSize);
    }
    if (available >= length) return this.#complete(this.#take(length));
    this.#partial = this.#memoryFor(length);
    this.#filled = 0;
    return this.#continue(this.#partial, available);
  }

  #memoryFor(length: number): Buffer {
    if (!this.#reusesMemory || this.#chunk[this.#at] !== DATA_IDENTIFIER)
      return Buffer.allocUnsafeSlow(length);
    if (this.#memory === undefined || this.#memory.length < length)
      this.#memory = Buffer.allocUnsafeSlow(length);
    return this.#memory.subarray(0, length);
  }

  #continue(partial: Buffer, available: number): Uint8Array | undefined {
    const taken = this.#take(Math.min(available, partial.length - this.#filled));
    partial.set(taken, this.#filled);
    this.#filled += taken.length;
    return this.#filled === partial.length ? this.#complete(partial) : undefined;
  }

  #take(length: number): Uint8Array {
    const taken = this.#chunk.subarray(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }

  #complete(buffer: Uint8Array): Uint8Array {
    this.#header = 0;
    this.#headerOctets = 0;
    this.#partial = undefined;
    return buffer;
  }
}
