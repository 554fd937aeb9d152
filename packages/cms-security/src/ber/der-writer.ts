import { CONSTRUCTED, context, contextPrimitive, TAG } from "./ber-header.js";

/** A value of definite length (X.690 section 10.1). */
export function encodeDer(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, part) => sum + part.byteLength, 0);
  return Buffer.concat([encodeHeader(tag, length), ...contents]);
}

/** Identifier and length octets for contents of `length` octets. */
export function encodeHeader(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([tag, length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.from([tag, 0x80 | octets.length, ...octets]);
}

/** The beginning of a value of indefinite length. */
export const startOf = (tag: number): Buffer => Buffer.from([tag | CONSTRUCTED, 0x80]);
/** The ends of `count` of them. */
export const endsOf = (count: number): Buffer => Buffer.alloc(2 * count);

export const derSequence = (...parts: readonly Uint8Array[]): Buffer => encodeDer(TAG.sequence, ...parts);

/** SET OF: the parts in ascending order (X.690 section 11.6). */
export const derSetOf = (...parts: readonly Uint8Array[]): Buffer =>
  encodeDer(TAG.set, ...[...parts].sort(Buffer.compare));

/** A constructed context tag: around a whole value, or in the place of a constructed one's own. */
export const derContext = (number: number, ...parts: readonly Uint8Array[]): Buffer =>
  encodeDer(context(number), ...parts);

/** A context tag in the place of a primitive value's own. */
export const derContextPrimitive = (number: number, contents: Uint8Array): Buffer =>
  encodeDer(contextPrimitive(number), contents);

export const derOctetString = (contents: Uint8Array): Buffer => encodeDer(TAG.octetString, contents);

/** Whole octets. */
export const derBitString = (contents: Uint8Array): Buffer =>
  encodeDer(TAG.bitString, Buffer.from([0]), contents);

export const derNull = (): Buffer => encodeDer(TAG.null);

/** A whole number from 0 to 127. */
export const derSmallInteger = (value: number): Buffer => encodeDer(TAG.integer, Buffer.from([value]));

/** A dotted object identifier. */
export function derOid(oid: string): Buffer {
  const [first = 0n, second = 0n, ...rest] = oid.split(".").map(BigInt);
  const octets = [first * 40n + second, ...rest].flatMap((number) => {
    const groups = [Number(number & 0x7fn)];
    for (let left = number >> 7n; left > 0n; left >>= 7n) groups.unshift(Number(left & 0x7fn) | 0x80);
    return groups;
  });
  return encodeDer(TAG.objectIdentifier, Buffer.from(octets));
}

/** UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5652 section 11.3). */
export function derTime(time: Date): Buffer {
  const digits = time.toISOString().replace(/[-:T]|\.\d+/g, "");
  const isShort = time.getUTCFullYear() >= 1950 && time.getUTCFullYear() <= 2049;
  return isShort
    ? encodeDer(TAG.utcTime, Buffer.from(digits.slice(2)))
    : encodeDer(TAG.generalizedTime, Buffer.from(digits));
}

/** AlgorithmIdentifier; without parameters they are absent. */
export const derAlgorithm = (oid: string, parameters?: Uint8Array): Buffer =>
  parameters === undefined ? derSequence(derOid(oid)) : derSequence(derOid(oid), parameters);
