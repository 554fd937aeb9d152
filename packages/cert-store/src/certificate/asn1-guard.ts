import type { ErrorSource } from "../error-source.js";

/** Limits of {@link checkAsn1}. */
export interface Asn1Limits {
  /** Values inside of values. Default 64; a certificate has some 12. */
  readonly maxDepth?: number;
  /** Default 16 MiB. */
  readonly maxBytes?: number;
  /** Values in all: libraries make an object of each. Default 100,000. */
  readonly maxValues?: number;
  /** BER's lengths that are not told (X.690 section 8.1.3.6), as some PKCS#7 and PKCS#12 have them. Default false. */
  readonly allowIndefinite?: boolean;
}

/** The tag and the length of one value (X.690 section 8.1). */
export interface Asn1Header {
  /** The first octet: class, form and, below 31, the number. */
  readonly tag: number;
  /** Octets of tag and length. */
  readonly headerBytes: number;
  /** Octets of the contents, or `INDEFINITE`. */
  readonly contentBytes: number;
}

/** The length of a value that goes on until its end-of-contents octets. */
export const INDEFINITE = -1;

const DEFAULT_MAX_DEPTH = 64;
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;
const DEFAULT_MAX_VALUES = 100_000;
const CONSTRUCTED = 0x20;
const HIGH_TAG_NUMBER = 0x1f;
const MAX_TAG_OCTETS = 5;
const MAX_LENGTH_OCTETS = 4;

/** Reads the header at `start`, which must not reach beyond `end`; nor must the contents. */
export function readAsn1Header(bytes: Buffer, start: number, end: number, source: ErrorSource): Asn1Header {
  const tooShort = () => source.damaged("the ASN.1 data ends too early");
  let position = start;
  const next = (): number => {
    if (position >= end) throw tooShort();
    const byte = bytes[position] ?? 0;
    position += 1;
    return byte;
  };
  const tag = next();
  if ((tag & HIGH_TAG_NUMBER) === HIGH_TAG_NUMBER) {
    while (next() >= 0x80) {
      if (position - start > MAX_TAG_OCTETS) throw source.damaged("a tag of the ASN.1 data is too long");
    }
  }
  const first = next();
  let contentBytes = first;
  if (first === 0x80) {
    contentBytes = INDEFINITE;
  } else if (first > 0x80) {
    const count = first & 0x7f;
    if (count > MAX_LENGTH_OCTETS) throw source.damaged("a length in the ASN.1 data is too long");
    contentBytes = 0;
    for (let index = 0; index < count; index += 1) contentBytes = contentBytes * 256 + next();
  }
  if (contentBytes > end - position) throw tooShort();
  return { tag, headerBytes: position - start, contentBytes };
}

/**
 * Looks whether `bytes` are one ASN.1 value that a recursive reader can take: not too deep, not too many values,
 * every length within the one around it. Takes linear time and no recursion, and no memory beyond the depth.
 *
 * Errors: those of `source`: damaged for lengths that lie and for bytes behind the value, unsupported above the limits.
 */
export function checkAsn1(data: Uint8Array, source: ErrorSource, limits: Asn1Limits = {}): void {
  const {
    maxDepth = DEFAULT_MAX_DEPTH,
    maxBytes = DEFAULT_MAX_BYTES,
    maxValues = DEFAULT_MAX_VALUES,
  } = limits;
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length > maxBytes) {
    throw source.unsupported(`${bytes.length} bytes of ASN.1 data are more than the ${maxBytes} allowed`);
  }
  /** The values that are open, outermost first: where each ends at the latest, and whether it says where. */
  const open: { readonly end: number; readonly isIndefinite: boolean }[] = [];
  let position = 0;
  let values = 0;
  do {
    const around = open.at(-1);
    const end = around?.end ?? bytes.length;
    if (
      around?.isIndefinite === true &&
      bytes[position] === 0 &&
      bytes[position + 1] === 0 &&
      position + 2 <= end
    ) {
      position += 2;
      open.pop();
    } else {
      const header = readAsn1Header(bytes, position, end, source);
      if (header.tag === 0) throw source.damaged("the ASN.1 data has an end without a beginning");
      values += 1;
      if (values > maxValues) {
        throw source.unsupported(`the ASN.1 data has more than the ${maxValues} values allowed`);
      }
      position += header.headerBytes;
      const isConstructed = (header.tag & CONSTRUCTED) !== 0;
      if (header.contentBytes === INDEFINITE && !(isConstructed && limits.allowIndefinite === true)) {
        throw source.damaged("a length in the ASN.1 data is missing");
      }
      if (!isConstructed) {
        position += header.contentBytes;
      } else {
        if (open.length >= maxDepth) {
          throw source.unsupported(`the ASN.1 data is nested deeper than the ${maxDepth} levels allowed`);
        }
        const isIndefinite = header.contentBytes === INDEFINITE;
        open.push({ end: isIndefinite ? end : position + header.contentBytes, isIndefinite });
      }
    }
    while (open.length > 0 && open.at(-1)?.isIndefinite === false && open.at(-1)?.end === position)
      open.pop();
  } while (open.length > 0);
  if (position !== bytes.length) throw source.damaged("bytes follow the ASN.1 data");
}
