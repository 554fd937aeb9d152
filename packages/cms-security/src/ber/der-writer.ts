import { derOid, derSequence, encodeDer } from "@waybill/cert-store";
import { CONSTRUCTED, context, contextPrimitive, TAG } from "./ber-header.js";

export {
  derBitString,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derSetOf,
  derTime,
  encodeDer,
} from "@waybill/cert-store";

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

/** A constructed context tag: around a whole value, or in the place of a constructed one's own. */
export const derContext = (number: number, ...parts: readonly Uint8Array[]): Buffer =>
  encodeDer(context(number), ...parts);

/** A context tag in the place of a primitive value's own. */
export const derContextPrimitive = (number: number, contents: Uint8Array): Buffer =>
  encodeDer(contextPrimitive(number), contents);

/** A whole number from 0 to 127. */
export const derSmallInteger = (value: number): Buffer => encodeDer(TAG.integer, Buffer.from([value]));

/** AlgorithmIdentifier; without parameters they are absent. */
export const derAlgorithm = (oid: string, parameters?: Uint8Array): Buffer =>
  parameters === undefined ? derSequence(derOid(oid)) : derSequence(derOid(oid), parameters);
