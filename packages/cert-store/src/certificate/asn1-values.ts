import type { DerValue } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { readAsn1Header } from "./asn1-guard.js";

/** The universal tags that certificates use (X.680 section 8.4), with the bit of constructed values. */
export const ASN1_TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A context tag (X.680 section 31.2) of a primitive value; add `CONSTRUCTED` for others. */
export const contextTag = (number: number): number => 0x80 | number;
export const CONSTRUCTED = 0x20;

/** Octets of an object identifier; the longest in use, of a UUID, has 20. */
const MAX_OID_BYTES = 64;
/** Some 50 octets. */
const MAX_OID_CHARACTERS = 100;

/** The one value that `bytes` are. They passed `checkAsn1`, or are a part of what did. */
export function asn1Value(bytes: Buffer, source: ErrorSource): DerValue {
  const value = valueAt(bytes, 0, source);
  if (value.raw.length !== bytes.length) throw source.damaged("bytes follow a value of the certificate");
  return value;
}

/** The values inside of a constructed one, whatever its tag. */
export function asn1Parts(value: DerValue, source: ErrorSource): DerValue[] {
  const parts: DerValue[] = [];
  for (let position = 0; position < value.contents.length; ) {
    const part = valueAt(value.contents, position, source);
    parts.push(part);
    position += part.raw.length;
  }
  return parts;
}

/** The parts of a value that must be there and have this tag. */
export function asn1Sequence(
  value: DerValue | undefined,
  source: ErrorSource,
  tag: number = ASN1_TAG.sequence,
): DerValue[] {
  return asn1Parts(requireTag(value, tag, source), source);
}

/** The value itself, when it is there and has this tag. */
export function requireTag(value: DerValue | undefined, tag: number, source: ErrorSource): DerValue {
  if (value?.tag !== tag) throw source.damaged("the certificate has something else where a value belongs");
  return value;
}

/**
 * Values that may be left out, by their context numbers, in ascending order. One that comes twice, out of order or with
 * another number would be read by some programs and overlooked by others, so it is damage.
 */
export function optionalParts(
  parts: readonly DerValue[],
  numbers: readonly number[],
  source: ErrorSource,
): (DerValue | undefined)[] {
  let next = 0;
  const found = numbers.map((number) => {
    const part = parts[next];
    if (part === undefined || (part.tag & ~CONSTRUCTED) !== contextTag(number)) return undefined;
    next += 1;
    return part;
  });
  if (next < parts.length) throw source.damaged("the certificate has a value where none belongs");
  return found;
}

/** Whether a text is an object identifier, dotted (X.660 section 7.6). */
export function isOid(text: string): boolean {
  return (
    text.length <= MAX_OID_CHARACTERS &&
    /^(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9]\d*))(?:\.(?:0|[1-9]\d*))*$/.test(text)
  );
}

/** An object identifier, dotted. */
export function asn1Oid(
  value: DerValue | undefined,
  source: ErrorSource,
  tag: number = ASN1_TAG.objectIdentifier,
): string {
  const { contents } = requireTag(value, tag, source);
  const isDamaged =
    contents.length === 0 || contents.length > MAX_OID_BYTES || (contents.at(-1) ?? 0) >= 0x80;
  if (isDamaged) throw source.damaged("an object identifier is malformed");
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

/** BOOLEAN. */
export function asn1Boolean(value: DerValue | undefined, source: ErrorSource): boolean {
  const { contents } = requireTag(value, ASN1_TAG.boolean, source);
  if (contents.length !== 1) throw source.damaged("a truth value is malformed");
  return contents[0] !== 0;
}

/** An INTEGER from 0 to 2^47. */
export function asn1SmallInteger(
  value: DerValue | undefined,
  source: ErrorSource,
  tag: number = ASN1_TAG.integer,
): number {
  const { contents } = requireTag(value, tag, source);
  if (contents.length === 0 || contents.length > 6 || (contents[0] ?? 0) >= 0x80) {
    throw source.damaged("a number is out of range");
  }
  return contents.readUIntBE(0, contents.length);
}

/** The octets of a BIT STRING, which must be whole octets unless `unused` takes their number. */
export function asn1BitString(
  value: DerValue | undefined,
  source: ErrorSource,
): { bytes: Buffer; unused: number } {
  const { contents } = requireTag(value, ASN1_TAG.bitString, source);
  const unused = contents[0];
  if (unused === undefined || unused > 7 || (unused > 0 && contents.length === 1)) {
    throw source.damaged("a bit string is malformed");
  }
  return { bytes: contents.subarray(1), unused };
}

const TIME = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?(?:\.\d{1,9})?(?:Z|([+-])(\d{2})(\d{2}))$/;

/** A Time of RFC 5280 section 4.1.2.5; those with an offset or without seconds, which it forbids, are taken. */
export function asn1Time(value: DerValue | undefined, source: ErrorSource): Date {
  const damaged = () => source.damaged("a date of the certificate is malformed");
  const yearDigits = value?.tag === ASN1_TAG.utcTime ? 2 : value?.tag === ASN1_TAG.generalizedTime ? 4 : 0;
  if (value === undefined || yearDigits === 0 || value.contents.length > 32) throw damaged();
  const match = TIME.exec(`${value.contents.toString("latin1")}`);
  if (match === null || match[1]?.length !== yearDigits) throw damaged();
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  // Two digits stand for 1950 to 2049 (RFC 5280 section 4.1.2.5.1).
  const fullYear = yearDigits === 4 ? year : year >= 50 ? 1900 + year : 2000 + year;
  const time = new Date(0);
  time.setUTCFullYear(fullYear, month - 1, day);
  time.setUTCHours(hour, minute, second);
  const isReal =
    time.getUTCMonth() === month - 1 && time.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  if (!isReal) throw damaged();
  const [, , , , , , , sign, offsetHours, offsetMinutes] = match;
  if (sign === undefined) return time;
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000;
  return new Date(time.getTime() + (sign === "-" ? offset : -offset));
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of any of the string types; undefined for other values and for octets that are not such text. */
export function asn1Text(value: DerValue): string | undefined {
  const { tag, contents } = value;
  switch (tag) {
    case ASN1_TAG.utf8String:
      try {
        return utf8.decode(contents);
      } catch {
        return undefined;
      }
    case ASN1_TAG.numericString:
    case ASN1_TAG.printableString:
    case ASN1_TAG.teletexString:
    case ASN1_TAG.ia5String:
    case ASN1_TAG.visibleString:
      return contents.toString("latin1");
    case ASN1_TAG.bmpString:
      return bmpText(contents);
    case ASN1_TAG.universalString:
      return universalText(contents);
    default:
      return undefined;
  }
}

function bmpText(contents: Buffer): string | undefined {
  if (contents.length % 2 !== 0) return undefined;
  const text = Buffer.from(contents).swap16().toString("utf16le");
  // Half of a character has no form in UTF-8.
  return /\p{Surrogate}/u.test(text) ? undefined : text;
}

function universalText(contents: Buffer): string | undefined {
  if (contents.length % 4 !== 0) return undefined;
  const characters: string[] = [];
  for (let position = 0; position < contents.length; position += 4) {
    const code = contents.readUInt32BE(position);
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
    characters.push(String.fromCodePoint(code));
  }
  return characters.join("");
}

function valueAt(bytes: Buffer, start: number, source: ErrorSource): DerValue {
  const { tag, headerBytes, contentBytes } = readAsn1Header(bytes, start, bytes.length, source);
  if (contentBytes < 0) throw source.damaged("a length in the certificate is missing");
  const contents = start + headerBytes;
  const end = contents + contentBytes;
  return { tag, raw: bytes.subarray(start, end), contents: bytes.subarray(contents, end) };
}
