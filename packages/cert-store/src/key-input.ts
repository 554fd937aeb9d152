import type { ErrorSource } from "./error-source.js";
import { MAX_KEY_FILE_BYTES } from "./limits.js";

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const DER_SEQUENCE = 0x30;
const LAST_TAG = 0x06;

/** The bytes of a key file: not empty, not above the limit, without a byte order mark. */
export function keyInput(data: string | Uint8Array, source: ErrorSource): Buffer {
  const length = typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
  if (length > MAX_KEY_FILE_BYTES) {
    throw source.unsupported(`${length} bytes are more than a key file may have (${MAX_KEY_FILE_BYTES})`);
  }
  if (length === 0) throw source.damaged("the key file is empty");
  const bytes =
    typeof data === "string" ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return bytes.subarray(0, 3).equals(BYTE_ORDER_MARK) ? bytes.subarray(3) : bytes;
}

/**
 * Whether the bytes are DER rather than text, perhaps damaged: they begin as a sequence, and hold one of the
 * control characters that are the tags of integers, strings and algorithms.
 */
export function looksLikeDer(bytes: Buffer): boolean {
  return bytes[0] === DER_SEQUENCE && bytes.some((byte) => byte <= LAST_TAG);
}
