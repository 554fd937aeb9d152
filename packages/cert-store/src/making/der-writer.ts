import { ASN1_TAG, CONSTRUCTED, contextTag } from "../certificate/asn1-values.js";
import { encodeDer } from "../der.js";

/*
 * The values that certificates, requests and stores are made of, in DER (X.690 section 10).
 */

export const derSequence = (...parts: readonly Uint8Array[]): Buffer =>
  encodeDer(ASN1_TAG.sequence, ...parts);

/** SET OF: the parts in ascending order (X.690 section 11.6). */
export const derSetOf = (...parts: readonly Uint8Array[]): Buffer =>
  encodeDer(ASN1_TAG.set, ...[...parts].sort(Buffer.compare));

/** A tag around a whole value. */
export const derExplicit = (number: number, ...parts: readonly Uint8Array[]): Buffer =>
  encodeDer(contextTag(number) | CONSTRUCTED, ...parts);

/** A context tag in the place of a primitive value's own. */
export const derImplicit = (number: number, contents: Uint8Array): Buffer =>
  encodeDer(contextTag(number), contents);

export const derOctetString = (contents: Uint8Array): Buffer => encodeDer(ASN1_TAG.octetString, contents);

/** Whole octets. */
export const derBitString = (contents: Uint8Array): Buffer =>
  encodeDer(ASN1_TAG.bitString, Buffer.from([0]), contents);

export const derNull = (): Buffer => encodeDer(ASN1_TAG.null);

export const derTrue = (): Buffer => encodeDer(ASN1_TAG.boolean, Buffer.from([0xff]));

/** Bits by their numbers, without those at the end that are not set (X.690 section 11.2.2). */
export function derNamedBits(numbers: readonly number[]): Buffer {
  const highest = Math.max(-1, ...numbers);
  const octets = Buffer.alloc((highest >> 3) + 1);
  for (const number of numbers) octets[number >> 3] = (octets[number >> 3] ?? 0) | (0x80 >> (number & 7));
  const unused = highest < 0 ? 0 : 7 - (highest & 7);
  return encodeDer(ASN1_TAG.bitString, Buffer.from([unused]), octets);
}

/** A whole number that is not negative, or the octets of a positive one. */
export function derInteger(value: number | Uint8Array): Buffer {
  const hex = typeof value === "number" ? value.toString(16) : Buffer.from(value).toString("hex");
  const octets = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  const start = octets.findIndex((octet) => octet !== 0);
  const magnitude = start < 0 ? Buffer.from([0]) : octets.subarray(start);
  return encodeDer(ASN1_TAG.integer, Buffer.alloc((magnitude[0] ?? 0) >= 0x80 ? 1 : 0), magnitude);
}

/** A dotted object identifier. */
export function derOid(oid: string): Buffer {
  const [first = 0n, second = 0n, ...rest] = oid.split(".").map(BigInt);
  const octets = [first * 40n + second, ...rest].flatMap((number) => {
    const groups = [Number(number & 0x7fn)];
    for (let left = number >> 7n; left > 0n; left >>= 7n) groups.unshift(Number(left & 0x7fn) | 0x80);
    return groups;
  });
  return encodeDer(ASN1_TAG.objectIdentifier, Buffer.from(octets));
}

/** UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5). */
export function derTime(time: Date): Buffer {
  const digits = time.toISOString().replace(/[-:T]|\.\d+/g, "");
  const isShort = time.getUTCFullYear() >= 1950 && time.getUTCFullYear() <= 2049;
  return isShort
    ? encodeDer(ASN1_TAG.utcTime, Buffer.from(digits.slice(2)))
    : encodeDer(ASN1_TAG.generalizedTime, Buffer.from(digits));
}

/** UTF-16, big-endian: the names in PKCS#12. */
export const derBmpString = (text: string): Buffer =>
  encodeDer(ASN1_TAG.bmpString, Buffer.from(text, "utf16le").swap16());
