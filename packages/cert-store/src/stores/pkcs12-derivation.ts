import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";

/** What the derivation is for (RFC 7292 appendix B.3). */
export const PKCS12_PURPOSE = { key: 1, iv: 2, mac: 3 } as const;

/** Hash calls between two turns of the event loop: some 5 ms. */
const HASHES_PER_TURN = 4096;

/** The bytes that a hash takes at once (v of RFC 7292 appendix B.2). */
const blockBytesOf = (hash: string) => (hash === "sha384" || hash.startsWith("sha512") ? 128 : 64);

/**
 * The password as PKCS#12 has it (RFC 7292 appendix B.1): UTF-16, big-endian, with two zeros at the end. Undefined, no
 * password, has no bytes at all; some tools write that instead of an empty one.
 */
export function pkcs12Password(password: string | undefined): Buffer {
  return password === undefined ? Buffer.alloc(0) : Buffer.from(`${password}\0`, "utf16le").swap16();
}

/** The hash calls that {@link derivePkcs12} makes, in units of its iterations. */
export function pkcs12Blocks(hash: string, length: number): number {
  return Math.ceil(length / createHash(hash).digest().length);
}

/**
 * The key derivation of RFC 7292 appendix B.2. Ours, because node:crypto has none, and those of the libraries keep the
 * event loop busy.
 */
export async function derivePkcs12(
  hash: string,
  purpose: (typeof PKCS12_PURPOSE)[keyof typeof PKCS12_PURPOSE],
  password: Buffer,
  salt: Buffer,
  iterations: number,
  length: number,
): Promise<Buffer> {
  const blockBytes = blockBytesOf(hash);
  const diversifier = Buffer.alloc(blockBytes, purpose);
  const input = Buffer.concat([repeat(salt, blockBytes), repeat(password, blockBytes)]);
  const blocks: Buffer[] = [];
  let total = 0;
  for (;;) {
    let digest = createHash(hash).update(diversifier).update(input).digest();
    for (let iteration = 1; iteration < iterations; iteration += 1) {
      digest = createHash(hash).update(digest).digest();
      if (iteration % HASHES_PER_TURN === 0) await setImmediate();
    }
    blocks.push(digest);
    total += digest.length;
    if (total >= length) return Buffer.concat(blocks).subarray(0, length);
    addToBlocks(input, repeat(digest, blockBytes, blockBytes), blockBytes);
  }
}

/** `bytes` over and over, up to a multiple of `blockBytes`, or to exactly `length`. */
function repeat(
  bytes: Buffer,
  blockBytes: number,
  length = blockBytes * Math.ceil(bytes.length / blockBytes),
): Buffer {
  return bytes.length === 0 ? Buffer.alloc(0) : Buffer.alloc(length, bytes);
}

/** Adds `number` and 1 to every block of `input`, modulo the size of a block (step 6 C). */
function addToBlocks(input: Buffer, number: Buffer, blockBytes: number): void {
  for (let start = 0; start < input.length; start += blockBytes) {
    let carry = 1;
    for (let index = blockBytes - 1; index >= 0; index -= 1) {
      const sum = (input[start + index] ?? 0) + (number[index] ?? 0) + carry;
      input[start + index] = sum & 0xff;
      carry = sum >> 8;
    }
  }
}
