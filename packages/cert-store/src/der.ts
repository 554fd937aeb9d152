import type { ErrorSource } from "./error-source.js";

/** The tags of X.690 section 8 that keys use. */
export const DER_TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  context0: 0xa0,
} as const;

/** One value of DER (X.690). */
export interface DerValue {
  readonly tag: number;
  /** Tag, length and contents. */
  readonly raw: Buffer;
  readonly contents: Buffer;
}

/** More parts than any key has. */
const MAX_PARTS = 64;

/**
 * Reads the one value that `bytes` are, to the last byte. Only the outer structure of keys is read here, to tell
 * the kinds apart and to know what they ask for before OpenSSL reads them.
 */
export function readDer(bytes: Buffer, source: ErrorSource): DerValue {
  const value = readValue(bytes, 0, source);
  if (value.raw.length !== bytes.length) throw source.damaged("bytes follow the key data");
  return value;
}

/** The parts of a constructed value. */
export function derParts(value: DerValue, source: ErrorSource): DerValue[] {
  const parts: DerValue[] = [];
  let position = 0;
  while (position < value.contents.length) {
    if (parts.length === MAX_PARTS) throw source.damaged("the key data has too many parts");
    const part = readValue(value.contents, position, source);
    parts.push(part);
    position += part.raw.length;
  }
  return parts;
}

/** An object identifier, dotted. */
export function derObjectIdentifier(value: DerValue | undefined, source: ErrorSource): string {
  const contents = value?.contents;
  if (value?.tag !== DER_TAG.objectIdentifier || contents === undefined || contents.length > 32) {
    throw source.damaged("the key data has something else where an algorithm belongs");
  }
  const numbers: number[] = [];
  let number = 0;
  for (const byte of contents) {
    number = number * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    // The first two numbers share one (X.690 section 8.19.4).
    if (numbers.length === 0)
      numbers.push(Math.min(2, Math.floor(number / 40)), number - 40 * Math.min(2, Math.floor(number / 40)));
    else numbers.push(number);
    number = 0;
  }
  return numbers.join(".");
}

/** A small integer that is not negative; larger ones give `Infinity`, which no limit allows. */
export function derSmallInteger(value: DerValue | undefined, source: ErrorSource): number {
  const contents = value?.contents;
  if (
    value?.tag !== DER_TAG.integer ||
    contents === undefined ||
    contents.length === 0 ||
    (contents[0] ?? 0) >= 0x80
  ) {
    throw source.damaged("the key data has something else where a number belongs");
  }
  return contents.length > 6 ? Number.POSITIVE_INFINITY : contents.readUIntBE(0, contents.length);
}

/** A value with definite length. */
export function encodeDer(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, part) => sum + part.byteLength, 0);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  const header = length < 0x80 ? [tag, length] : [tag, 0x80 | bytes.length, ...bytes];
  return Buffer.concat([Buffer.from(header), ...contents]);
}

function readValue(bytes: Buffer, start: number, source: ErrorSource): DerValue {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined) throw source.damaged("the key data ends too early");
  let length = first;
  let position = start + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count < 1 || count > 4 || position + count > bytes.length)
      throw source.damaged("the key data has a wrong length");
    length = bytes.readUIntBE(position, count);
    position += count;
  }
  if (length > bytes.length - position) throw source.damaged("the key data ends too early");
  const end = position + length;
  return { tag, raw: bytes.subarray(start, end), contents: bytes.subarray(position, end) };
}
