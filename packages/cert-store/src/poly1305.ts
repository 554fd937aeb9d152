const PRIME = (1n << 130n) - 5n;
const CLAMP = 0x0ffffffc0ffffffc0ffffffc0fffffffn;
const BLOCK_BYTES = 16;

/**
 * Poly1305 (RFC 8439 section 2.5) with a key of 32 bytes. node:crypto has it only inside of an AEAD that frames the
 * data in another way. Not in constant time: for key files, not for traffic.
 */
export function poly1305(key: Buffer, data: Buffer): Buffer {
  const r = littleEndian(key.subarray(0, BLOCK_BYTES)) & CLAMP;
  let sum = 0n;
  for (let start = 0; start < data.length; start += BLOCK_BYTES) {
    const block = data.subarray(start, start + BLOCK_BYTES);
    sum = ((sum + littleEndian(block) + (1n << BigInt(8 * block.length))) * r) % PRIME;
  }
  const tag = BigInt.asUintN(128, sum + littleEndian(key.subarray(BLOCK_BYTES, 2 * BLOCK_BYTES)));
  return Buffer.from(tag.toString(16).padStart(2 * BLOCK_BYTES, "0"), "hex").reverse();
}

function littleEndian(bytes: Buffer): bigint {
  return BigInt(`0x0${Buffer.from(bytes).reverse().toString("hex")}`);
}
