import { damaged } from "../cms-error.js";
import { CONSTRUCTED, INDEFINITE, LONG_TAG, parseHeader, TAG } from "./ber-header.js";
import { encodeDer } from "./der-writer.js";

/** One value of BER (X.690), small enough to be held whole. */
export interface BerValue {
  /** The first identifier octet. */
  readonly tag: number;
  /** The whole value. */
  readonly raw: Buffer;
  /** The contents octets, without an end-of-contents. */
  readonly contents: Buffer;
  /** The values inside; none in a primitive one. */
  readonly parts: readonly BerValue[];
}

/** Deeper than any certificate. */
const MAX_DEPTH = 32;
/** Parts of all depths; a certificate has some 150. */
const MAX_PARTS = 50_000;

/** The one value that `bytes` are. Errors: `ERR_CMS_DAMAGED`. */
export function parseBer(bytes: Buffer): BerValue {
  const budget = { parts: MAX_PARTS };
  const { value, end } = parseAt(bytes, 0, bytes.length, 0, budget);
  if (end !== bytes.length) throw damaged("bytes follow a value");
  return value;
}

function parseAt(
  bytes: Buffer,
  start: number,
  limit: number,
  depth: number,
  budget: { parts: number },
): { value: BerValue; end: number } {
  budget.parts -= 1;
  if (depth > MAX_DEPTH || budget.parts < 0) throw damaged("values are nested too deeply, or too many");
  const header = parseHeader(bytes, start, limit);
  if (header === undefined) throw damaged("a value is cut off");
  const { tag, length, headerBytes } = header;
  if (tag === TAG.endOfContents) throw damaged("an end without a beginning");
  const begin = start + headerBytes;
  if (length > limit - begin) throw damaged("a value is longer than what it is in");
  const parts: BerValue[] = [];
  let position = begin;
  let end = begin + length;
  let contentsEnd = end;
  if (length === INDEFINITE) {
    while (!isEndOfContents(bytes, position, limit)) {
      const part = parseAt(bytes, position, limit, depth + 1, budget);
      parts.push(part.value);
      position = part.end;
    }
    contentsEnd = position;
    end = position + 2;
  } else if ((tag & CONSTRUCTED) !== 0) {
    while (position < end) {
      const part = parseAt(bytes, position, end, depth + 1, budget);
      parts.push(part.value);
      position = part.end;
    }
  }
  const raw = bytes.subarray(start, end);
  return { value: { tag, raw, contents: bytes.subarray(begin, contentsEnd), parts }, end };
}

function isEndOfContents(bytes: Buffer, position: number, limit: number): boolean {
  if (limit - position < 2) throw damaged("a value has no end");
  if (bytes[position] !== 0) return false;
  if (bytes[position + 1] !== 0) throw damaged("an end-of-contents has contents");
  return true;
}

/**
 * Where the value at `start` ends, or undefined when it goes on behind `end`. Only values of indefinite length are looked
 * into.
 */
export function endOfValue(bytes: Buffer, start: number, end: number): number | undefined {
  let open = 0;
  let position = start;
  do {
    const header = parseHeader(bytes, position, end);
    if (header === undefined) return undefined;
    position += header.headerBytes;
    if (header.length === INDEFINITE) {
      open += 1;
      if (open > MAX_DEPTH) throw damaged("values are nested too deeply");
    } else if (header.tag === TAG.endOfContents && open > 0) {
      if (header.length !== 0) throw damaged("an end-of-contents has contents");
      open -= 1;
    } else {
      position += header.length;
    }
    if (position > end) return undefined;
  } while (open > 0);
  return position;
}

/** Reads the parts of a constructed value in their order. Every method throws `ERR_CMS_DAMAGED`. */
export class BerParts {
  readonly #parts: readonly BerValue[];
  readonly #what: string;
  #next = 0;

  constructor(value: BerValue, tag: number, what: string) {
    if (value.tag !== tag) throw damaged(`${what} is something else`);
    this.#parts = value.parts;
    this.#what = what;
  }

  /** The next part, which must have this tag, when one is named. */
  next(tag?: number): BerValue {
    const part = this.#parts[this.#next];
    if (part === undefined || (tag !== undefined && part.tag !== tag)) {
      throw damaged(`${this.#what} has something else where a value belongs`);
    }
    this.#next += 1;
    return part;
  }

  /** The next part when it has this tag. */
  optional(tag: number): BerValue | undefined {
    return this.#parts[this.#next]?.tag === tag ? this.next() : undefined;
  }

  get hasMore(): boolean {
    return this.#next < this.#parts.length;
  }

  end(): void {
    if (this.hasMore) throw damaged(`${this.#what} has more values than it may`);
  }
}

/** The octets of an OCTET STRING in any encoding (X.690 section 8.7); `tag` is that of an implicit one, primitive. */
export function octetsOf(value: BerValue, tag: number = TAG.octetString): Buffer {
  if (value.tag === tag) return value.contents;
  if (value.tag !== (tag | CONSTRUCTED)) throw damaged("something else is where octets belong");
  return Buffer.concat(value.parts.map((part) => octetsOf(part)));
}

/** A small INTEGER that is not negative. */
export function smallIntegerOf(value: BerValue): number {
  const { tag, contents } = value;
  if (
    tag !== TAG.integer ||
    contents.length === 0 ||
    contents.length > 4 ||
    (contents[0] as number) >= 0x80
  ) {
    throw damaged("a number is out of range");
  }
  return contents.readUIntBE(0, contents.length);
}

/** Octets of the longest object identifier in use, of a UUID: 20. */
const MAX_OID_BYTES = 64;

/** An OBJECT IDENTIFIER, dotted. */
export function oidOf(value: BerValue): string {
  if (value.tag !== TAG.objectIdentifier)
    throw damaged("something else is where an object identifier belongs");
  return oidFromContents(value.contents);
}

/** The dotted form of an object identifier's contents. */
export function oidFromContents(contents: Buffer): string {
  if (contents.length === 0 || contents.length > MAX_OID_BYTES || (contents.at(-1) as number) >= 0x80) {
    throw damaged("an object identifier is malformed");
  }
  const numbers: bigint[] = [];
  let number = 0n;
  for (const byte of contents) {
    number = (number << 7n) | BigInt(byte & 0x7f);
    if (byte >= 0x80) continue;
    if (numbers.length > 0) {
      numbers.push(number);
    } else {
      // The first two numbers share one (X.690 section 8.19.4).
      const first = number >= 80n ? 2n : number / 40n;
      numbers.push(first, number - 40n * first);
    }
    number = 0n;
  }
  return numbers.join(".");
}

const TIME = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(?:\.\d{1,9})?Z$/;

/** A Time of RFC 5652 section 11.3, in Greenwich time and with seconds, as it demands. */
export function timeOf(value: BerValue): Date {
  const digits = value.tag === TAG.utcTime ? 2 : value.tag === TAG.generalizedTime ? 4 : 0;
  const match =
    digits === 0 || value.contents.length > 32 ? null : TIME.exec(value.contents.toString("latin1"));
  if (match === null || match[1]?.length !== digits) throw damaged("a time is malformed");
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  // Two digits stand for 1950 to 2049.
  const fullYear = digits === 4 ? year : year >= 50 ? 1900 + year : 2000 + year;
  const time = new Date(0);
  time.setUTCFullYear(fullYear, month - 1, day);
  time.setUTCHours(hour, minute, second);
  if (
    time.getUTCMonth() !== month - 1 ||
    time.getUTCDate() !== day ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  ) {
    throw damaged("a time is malformed");
  }
  return time;
}

/** The same value in DER: definite lengths, strings in one piece, sets in order (X.690 sections 10 and 11). */
export function toDer(value: BerValue): Buffer {
  if ((value.tag & LONG_TAG) === LONG_TAG) return value.raw;
  if (value.tag === TAG.constructedOctetString) return encodeDer(TAG.octetString, octetsOf(value));
  if ((value.tag & CONSTRUCTED) === 0) return encodeDer(value.tag, value.contents);
  const parts = value.parts.map(toDer);
  if (value.tag === TAG.set) parts.sort(Buffer.compare);
  return encodeDer(value.tag, ...parts);
}
