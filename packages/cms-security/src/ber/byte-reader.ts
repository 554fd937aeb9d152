import { cmsError, damaged, limitError } from "../cms-error.js";
import { type BerHeader, INDEFINITE, parseHeader, TAG } from "./ber-header.js";
import { type BerValue, endOfValue, parseBer } from "./ber-value.js";

/** A constructed value that is being read: where it ends, or {@link INDEFINITE}. */
export interface OpenValue {
  readonly end: number;
}

const EMPTY = Buffer.alloc(0);
/** Values of indefinite length in each other; a message in a message has some six. */
const MAX_SKIPPED_DEPTH = 64;
/** Of a value whose contents are as long as they may be. */
const MOST_HEADER_BYTES = 64;

/**
 * Reads BER from chunks of any size, one value after the other. Holds no more than one chunk, and one small value that is
 * wanted whole. Errors: `ERR_CMS_TRUNCATED` when the input ends too early, `ERR_CMS_DAMAGED`, `ERR_CMS_LIMIT`.
 */
export class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #buffer: Buffer = EMPTY;
  #offset = 0;
  /** Where `#buffer` begins in the input. */
  #base = 0;
  #ended = false;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Bytes that were read so far. */
  get position(): number {
    return this.#base + this.#offset;
  }

  /** Bytes that can be read without waiting. */
  get available(): number {
    return this.#buffer.length - this.#offset;
  }

  /** Waits for more bytes behind those that are there. False at the end of the input. */
  async more(): Promise<boolean> {
    while (!this.#ended) {
      const next = await this.#chunks.next();
      if (next.done === true) {
        this.#ended = true;
      } else if (next.value.length > 0) {
        const rest = this.available;
        this.#base += this.#offset;
        this.#buffer =
          rest === 0 ? next.value : Buffer.concat([this.#buffer.subarray(this.#offset), next.value]);
        this.#offset = 0;
        return true;
      }
    }
    return false;
  }

  /** As {@link more}, where the input must go on. */
  async need(): Promise<void> {
    if (!(await this.more())) throw truncated();
  }

  /** Takes up to `most` of the bytes that are there, without copying them. */
  take(most: number): Buffer {
    const end = Math.min(this.#buffer.length, this.#offset + most);
    const bytes = this.#buffer.subarray(this.#offset, end);
    this.#offset = end;
    return bytes;
  }

  /** The next `count` bytes, or fewer at the end of the input, which stay unread. */
  async peek(count: number): Promise<Buffer> {
    while (this.available < count && (await this.more()));
    return this.#buffer.subarray(this.#offset, this.#offset + count);
  }

  /** The next header when it is there as a whole. It is read. */
  tryHeader(): BerHeader | undefined {
    const header = parseHeader(this.#buffer, this.#offset, this.#buffer.length);
    if (header !== undefined) this.#offset += header.headerBytes;
    return header;
  }

  /** The next header. */
  async header(): Promise<BerHeader> {
    for (;;) {
      const header = this.tryHeader();
      if (header !== undefined) return header;
      await this.need();
    }
  }

  /** Begins to read a constructed value, which must have this tag. */
  async enter(tag: number, what: string, within?: OpenValue): Promise<OpenValue> {
    const header = await this.header();
    if (header.tag !== tag) throw damaged(`something else is where ${what} belongs`);
    return this.opened(header, within);
  }

  /** The constructed value whose header was just read. */
  opened(header: BerHeader, within?: OpenValue): OpenValue {
    if (header.length === INDEFINITE) return { end: INDEFINITE };
    const end = this.position + header.length;
    if (within !== undefined && within.end !== INDEFINITE && end > within.end) {
      throw damaged("a value is longer than what it is in");
    }
    return { end };
  }

  /** Whether a constructed value has another part. */
  async hasMore(value: OpenValue): Promise<boolean> {
    if (value.end !== INDEFINITE) return this.position < value.end;
    const [octet] = await this.peek(1);
    if (octet === undefined) throw truncated();
    return octet !== TAG.endOfContents;
  }

  /** The tag of the next part of a constructed value, or undefined at its end. */
  async nextTag(value: OpenValue): Promise<number | undefined> {
    if (!(await this.hasMore(value))) return undefined;
    const [tag] = await this.peek(1);
    if (tag === undefined) throw truncated();
    return tag;
  }

  /** Ends a constructed value, which must have no further parts. */
  async leave(value: OpenValue): Promise<void> {
    if (value.end !== INDEFINITE) {
      if (this.position !== value.end) throw damaged("a value ends elsewhere than it says");
      return;
    }
    const header = await this.header();
    if (header.tag !== TAG.endOfContents || header.length !== 0)
      throw damaged("a value has parts where it ends");
  }

  /**
   * Reads one small value whole. `limit` names the limit that its `most` octets are; without one it is damage when a
   * value is longer.
   */
  async value(within: OpenValue, most: number, limit: string | undefined, what: string): Promise<BerValue> {
    const tooLong = () =>
      limit === undefined
        ? damaged(`${what} is too long`)
        : limitError(limit, most, `${what} of too many bytes`);
    for (;;) {
      const header = parseHeader(this.#buffer, this.#offset, this.#buffer.length);
      if (header !== undefined && header.length > most) throw tooLong();
      const end = header && endOfValue(this.#buffer, this.#offset, this.#buffer.length);
      if (end !== undefined) {
        const bytes = this.take(end - this.#offset);
        if (within.end !== INDEFINITE && this.position > within.end) {
          throw damaged("a value is longer than what it is in");
        }
        if (bytes.length > most + MOST_HEADER_BYTES) throw tooLong();
        return parseBer(bytes);
      }
      if (this.available > most + MOST_HEADER_BYTES) throw tooLong();
      await this.need();
    }
  }

  /** Reads over the rest of a constructed value, whatever it is and however much. */
  async skipRest(value: OpenValue): Promise<void> {
    if (value.end !== INDEFINITE) return await this.#skip(value.end - this.position);
    for (let nested = 0; nested > 0 || (await this.hasMore(value)); ) {
      const header = await this.header();
      if (header.length === INDEFINITE) {
        nested += 1;
        if (nested > MAX_SKIPPED_DEPTH) throw damaged("values are nested too deeply");
      } else if (header.tag === TAG.endOfContents) {
        if (nested === 0 || header.length !== 0) throw damaged("an end-of-contents has contents");
        nested -= 1;
      } else {
        await this.#skip(header.length);
      }
    }
  }

  async #skip(bytes: number): Promise<void> {
    for (let left = bytes; left > 0; left -= this.take(left).length) {
      if (this.available === 0) await this.need();
    }
  }

  /** The rest of the input. */
  async *rest(): AsyncGenerator<Buffer> {
    if (this.available > 0) yield this.take(this.available);
    while (await this.more()) yield this.take(this.available);
  }

  /** The input must end here. Errors: `ERR_CMS_TRAILING`. */
  async end(): Promise<void> {
    if (this.available > 0 || (await this.more())) {
      throw cmsError("ERR_CMS_TRAILING", "bytes follow the end of the CMS message");
    }
  }
}

export function truncated(): Error {
  return cmsError("ERR_CMS_TRUNCATED", "the CMS message ends too early");
}
