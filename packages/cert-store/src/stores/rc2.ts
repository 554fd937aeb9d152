import { setImmediate } from "node:timers/promises";

const BLOCK_BYTES = 8;
/** node-forge works on strings, a character at a time: pieces keep its memory small and the event loop free. */
const PIECE_BYTES = 8192;

/** How many bits of the key count, by the parameter version of RFC 2268 section 6. */
export const RC2_EFFECTIVE_BITS: ReadonlyMap<number, number> = new Map([
  [160, 40],
  [120, 64],
  [58, 128],
]);

/**
 * RC2 in CBC mode (RFC 2268), padding left on, of whole blocks. OpenSSL has it in its legacy provider only, so it is
 * node-forge's, loaded when a file needs it.
 */
export async function decryptRc2(
  key: Buffer,
  effectiveBits: number,
  iv: Buffer,
  ciphertext: Buffer,
): Promise<Buffer> {
  const { default: forge } = await import("node-forge");
  const cipher = forge.rc2.createDecryptionCipher(key.toString("latin1"), effectiveBits);
  const pieces: Buffer[] = [];
  for (let start = 0; start < ciphertext.length; start += PIECE_BYTES) {
    if (start > 0) await setImmediate();
    const before = start === 0 ? iv : ciphertext.subarray(start - BLOCK_BYTES, start);
    cipher.start(before.toString("latin1"));
    cipher.update(forge.util.createBuffer(ciphertext.toString("latin1", start, start + PIECE_BYTES)));
    pieces.push(Buffer.from(cipher.output.getBytes(), "latin1"));
  }
  return Buffer.concat(pieces);
}
