import { type Asn1Header, INDEFINITE, readAsn1Header } from "../certificate/asn1-guard.js";
import { DER_TAG, type DerValue, derObjectIdentifier } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { MAX_STORE_ENTRIES } from "./store-limits.js";

/*
 * BER (X.690 section 8), which some tools write containers in: indefinite lengths and strings in pieces. Only the
 * value that is asked for is looked at, so a container costs nothing until it is taken apart. What lies in it, the
 * certificates and keys, is DER and read by the libraries.
 */

/** The tags that containers use beside {@link DER_TAG}. */
export const BER_TAG = {
  utf8String: 0x0c,
  bmpString: 0x1e,
  set: 0x31,
  constructedOctetString: 0x24,
  context0Primitive: 0x80,
  context1: 0xa1,
} as const;

/** Deeper than any container. */
const MAX_DEPTH = 48;
const CONSTRUCTED = 0x20;
const END_OF_CONTENTS_BYTES = 2;

/** The one value that `bytes` are. */
export function readBer(bytes: Buffer, source: ErrorSource): DerValue {
  const value = readValueAt(bytes, 0, source);
  if (value.raw.length !== bytes.length) throw source.damaged("bytes follow the end of the data");
  return value;
}

/** The first value of `bytes`, whatever follows. */
export function readFirstBer(bytes: Buffer, source: ErrorSource): DerValue {
  return readValueAt(bytes, 0, source);
}

/** The parts of a constructed value, which must have `tag`. */
export function berParts(
  value: DerValue | undefined,
  source: ErrorSource,
  tag: number = DER_TAG.sequence,
): DerValue[] {
  if (value?.tag !== tag) throw source.damaged("the ASN.1 data has something else where a structure belongs");
  const parts: DerValue[] = [];
  for (let position = 0; position < value.contents.length; ) {
    if (parts.length === MAX_STORE_ENTRIES)
      throw source.unsupported(`more than ${MAX_STORE_ENTRIES} entries are not supported`);
    const part = readValueAt(value.contents, position, source);
    parts.push(part);
    position += part.raw.length;
  }
  return parts;
}

/** The bytes of an OCTET STRING, put together when it comes in pieces, or of an implicitly tagged one. */
export function berOctets(value: DerValue | undefined, source: ErrorSource): Buffer {
  if (value?.tag === DER_TAG.octetString || value?.tag === BER_TAG.context0Primitive) return value.contents;
  if (value?.tag === BER_TAG.constructedOctetString || value?.tag === DER_TAG.context0) {
    const pieces = berParts(value, source, value.tag).map((piece) => {
      if (piece.tag !== DER_TAG.octetString)
        throw source.damaged("a string in pieces has something else in it");
      return piece.contents;
    });
    return Buffer.concat(pieces);
  }
  throw source.damaged("the ASN.1 data has something else where bytes belong");
}

/** The text of a name, or undefined for another type of value. */
export function berName(value: DerValue | undefined): string | undefined {
  if (value?.tag === BER_TAG.utf8String) return value.contents.toString("utf8");
  if (value?.tag !== BER_TAG.bmpString || value.contents.length % 2 !== 0) return undefined;
  return Buffer.from(value.contents).swap16().toString("utf16le").replace(/\0+$/, "");
}

/** The parts of an AlgorithmIdentifier (RFC 5280 section 4.1.1.2). */
export interface AlgorithmIdentifier {
  readonly oid: string;
  readonly parameters: DerValue | undefined;
}

export function readAlgorithm(value: DerValue | undefined, source: ErrorSource): AlgorithmIdentifier {
  const [oid, parameters] = berParts(value, source);
  return { oid: derObjectIdentifier(oid, source), parameters };
}

function readValueAt(bytes: Buffer, start: number, source: ErrorSource): DerValue {
  const { tag, headerBytes, contentBytes } = readHeader(bytes, start, source);
  const contentsStart = start + headerBytes;
  const isIndefinite = contentBytes === INDEFINITE;
  const contentsEnd = isIndefinite
    ? endOfIndefinite(bytes, contentsStart, source)
    : contentsStart + contentBytes;
  const end = isIndefinite ? contentsEnd + END_OF_CONTENTS_BYTES : contentsEnd;
  return {
    tag,
    raw: bytes.subarray(start, end),
    contents: bytes.subarray(contentsStart, contentsEnd),
  };
}

function readHeader(bytes: Buffer, start: number, source: ErrorSource): Asn1Header {
  const header = readAsn1Header(bytes, start, bytes.length, source);
  if (header.contentBytes === INDEFINITE && (header.tag & CONSTRUCTED) === 0) {
    throw source.damaged("the ASN.1 data has a wrong length");
  }
  return header;
}

/** Where the two zeros stand that end a value of indefinite length. Values of definite length are jumped over. */
function endOfIndefinite(bytes: Buffer, start: number, source: ErrorSource): number {
  let depth = 1;
  for (let position = start; ; ) {
    const isEnd = bytes[position] === 0 && bytes[position + 1] === 0;
    if (isEnd && depth === 1) return position;
    if (isEnd) {
      depth -= 1;
      position += END_OF_CONTENTS_BYTES;
      continue;
    }
    const header = readHeader(bytes, position, source);
    const isIndefinite = header.contentBytes === INDEFINITE;
    position += header.headerBytes + (isIndefinite ? 0 : header.contentBytes);
    if (isIndefinite) depth += 1;
    if (depth > MAX_DEPTH) throw source.unsupported("the ASN.1 data is nested too deep");
  }
}
