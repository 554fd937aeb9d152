import { damaged } from "../cms-error.js";

/** The identifiers of X.690 section 8.1.2 that CMS uses, with the bit of constructed values. */
export const TAG = {
  endOfContents: 0x00,
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  constructedOctetString: 0x24,
  null: 0x05,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export const CONSTRUCTED = 0x20;

/** A constructed context tag: `[number]` in the ASN.1. */
export const context = (number: number): number => 0xa0 | number;
/** A primitive context tag. */
export const contextPrimitive = (number: number): number => 0x80 | number;

/** The length of values that end with an end-of-contents (X.690 section 8.1.3.6). */
export const INDEFINITE = -1;

/** Identifier and length octets of one value. */
export interface BerHeader {
  /** The first identifier octet. */
  readonly tag: number;
  /** Octets of contents, or {@link INDEFINITE}. */
  readonly length: number;
  /** Octets of the header itself. */
  readonly headerBytes: number;
}

/** The number of tags whose number follows (X.690 section 8.1.2.4). */
export const LONG_TAG = 0x1f;
/** Far more than any tag in use. */
const MAX_TAG_OCTETS = 4;
const MAX_LENGTH_OCTETS = 8;

/**
 * The header at `start`, or undefined when it goes on behind `end`.
 *
 * Errors: `ERR_CMS_DAMAGED`.
 */
export function parseHeader(bytes: Buffer, start: number, end: number): BerHeader | undefined {
  if (end - start < 2) return undefined;
  const tag = bytes[start] as number;
  let position = start + 1;
  if ((tag & LONG_TAG) === LONG_TAG) {
    for (let more = true; more; position += 1) {
      if (position - start > MAX_TAG_OCTETS) throw damaged("a tag is too long");
      if (position >= end) return undefined;
      more = (bytes[position] as number) >= 0x80;
    }
  }
  if (position >= end) return undefined;
  const first = bytes[position] as number;
  position += 1;
  if (first < 0x80) return { tag, length: first, headerBytes: position - start };
  if (first === 0x80) {
    if ((tag & CONSTRUCTED) === 0) throw damaged("a primitive value has no length");
    return { tag, length: INDEFINITE, headerBytes: position - start };
  }
  const count = first & 0x7f;
  if (count > MAX_LENGTH_OCTETS) throw damaged("a length is too long");
  if (end - position < count) return undefined;
  let length = 0;
  for (const stop = position + count; position < stop; position += 1) {
    length = length * 256 + (bytes[position] as number);
  }
  if (!Number.isSafeInteger(length)) throw damaged("a length is too long");
  return { tag, length, headerBytes: position - start };
}
