import { decodeBase64 } from "../base64.js";
import type { ErrorSource } from "../error-source.js";
import { looksLikeDer } from "../key-input.js";
import { hasPemBlock, type PemBlock, readPemBlocks } from "../pem.js";
import { type Asn1Limits, checkAsn1 } from "./asn1-guard.js";

/** The largest certificate or request that is read, in bytes. Those of today have 1 to 8 KiB, those of many names 50. */
export const MAX_CERTIFICATE_BYTES = 256 * 1024;

/** With base64, line breaks and text around the block. */
const MAX_INPUT_BYTES = 4 * MAX_CERTIFICATE_BYTES;

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** With the size, what reading one costs in memory. */
const LIMITS: Asn1Limits = { maxDepth: 64, maxBytes: MAX_CERTIFICATE_BYTES, maxValues: 32_768 };

/**
 * The one structure of a file: DER, a PEM block with one of the labels (the first of several), or bare base64.
 * `what` stands in messages.
 */
export function derBlock(
  data: string | Uint8Array,
  labels: ReadonlySet<string>,
  what: string,
  source: ErrorSource,
): Pick<PemBlock, "label" | "body"> {
  const length = typeof data === "string" ? data.length : data.byteLength;
  if (length === 0) throw source.damaged("it is empty");
  if (length > MAX_INPUT_BYTES) {
    throw source.unsupported(`${length} bytes are more than a ${what} may have (${MAX_CERTIFICATE_BYTES})`);
  }
  const input =
    typeof data === "string" ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, length);
  const bytes = input.subarray(0, 3).equals(BYTE_ORDER_MARK) ? input.subarray(3) : input;
  if (looksLikeDer(bytes)) return { label: "", body: bytes };
  const text = bytes.toString("latin1");
  if (hasPemBlock(text)) {
    const [block] = readPemBlocks(text, (label) => labels.has(label), source);
    if (block === undefined) throw source.unsupported(`the PEM file holds no ${what}`);
    return block;
  }
  const bare = /^\s*MI[A-Za-z0-9+/=\s]+$/.test(text) ? decodeBase64(text) : undefined;
  if (bare === undefined) throw source.unsupported(`it is not a ${what}: it takes DER or PEM`);
  return { label: "", body: bare };
}

/** A copy of DER that a certificate or a request may be: within the limits, and one value. */
export function checkedDer(der: Uint8Array, source: ErrorSource): Buffer {
  checkAsn1(der, source, LIMITS);
  return Buffer.from(der);
}
