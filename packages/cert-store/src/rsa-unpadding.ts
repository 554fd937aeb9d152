import { createHash, createHmac } from "node:crypto";
import type { HashName } from "./key-types.js";

/*
 * The paddings of RSA encryption, taken off here where neither OpenSSL nor a token does it: Node.js refuses PKCS #1 v1.5
 * with an OpenSSL older than 3.2 (CVE-2023-46809), and many tokens know OAEP with SHA-1 only. What the attacks on
 * these paddings need is one bit of difference between good and bad, so nothing below branches on a byte of the block
 * or leaves a loop early: conditions are numbers, all ones or all zeros.
 */

/** Candidates for the length of the message that stands in; fewer than one in 2^64 blocks has none that fits. */
const LENGTH_CANDIDATES = 128;
/** 00 02, and eight bytes of padding at least (RFC 8017 section 7.2.1). */
const PKCS1_OVERHEAD = 10;

/**
 * Takes the padding of RSAES-PKCS1-v1_5 off `block`, which is as long as the modulus. A wrong padding gives another
 * message of random length and content instead of an error, always the same for a ciphertext (implicit rejection,
 * draft-irtf-cfrg-rsa-guidance section 7; OpenSSL 3.2 and later give the same one). `secret` is what the stand-in is
 * derived from: the private exponent as long as the modulus, or anything that only the key's owner knows.
 */
export function unpadPkcs1(block: Buffer, ciphertext: Uint8Array, secret: Uint8Array): Buffer {
  const size = block.length;
  const key = createHmac("sha256", createHash("sha256").update(secret).digest()).update(ciphertext).digest();
  const standIn = expand(key, "message", size);
  const longest = size - PKCS1_OVERHEAD;
  const lengthMask = 2 ** (32 - Math.clz32(longest)) - 1;
  const candidates = expand(key, "length", 2 * LENGTH_CANDIDATES);
  let standInLength = 0;
  for (let index = 0; index < candidates.length; index += 2) {
    const candidate = candidates.readUInt16BE(index) & lengthMask;
    standInLength = select(less(candidate, longest), candidate, standInLength);
  }

  let good = isZero(byteAt(block, 0)) & isZero(byteAt(block, 1) ^ 2);
  let found = 0;
  let separator = 0;
  for (let index = 2; index < size; index += 1) {
    const zero = isZero(byteAt(block, index));
    separator = select(zero & ~found, index, separator);
    found |= zero;
  }
  good &= found & ~less(separator, PKCS1_OVERHEAD);

  const start = select(good, separator + 1, size - standInLength);
  const message = Buffer.allocUnsafe(size);
  for (let index = 0; index < size; index += 1) {
    message[index] = select(good, byteAt(block, index), byteAt(standIn, index));
  }
  return message.subarray(start);
}

/**
 * Takes the padding of RSAES-OAEP (RFC 8017 section 7.1.2) off `block`, which is as long as the modulus. `maskHash`: that of MGF1,
 * by default the same. Undefined when it is wrong, whatever is wrong with it.
 */
export function unpadOaep(
  block: Buffer,
  hash: HashName,
  label: Uint8Array,
  maskHash: HashName = hash,
): Buffer | undefined {
  const labelHash = createHash(hash).update(label).digest();
  const hashBytes = labelHash.length;
  if (block.length < 2 * hashBytes + 2) return undefined;
  const seed = Buffer.from(block.subarray(1, 1 + hashBytes));
  const data = Buffer.from(block.subarray(1 + hashBytes));
  xorInto(seed, mgf1(maskHash, data, hashBytes));
  xorInto(data, mgf1(maskHash, seed, data.length));
  let good = isZero(byteAt(block, 0));
  for (let index = 0; index < hashBytes; index += 1) {
    good &= isZero(byteAt(data, index) ^ byteAt(labelHash, index));
  }
  let found = 0;
  let separator = 0;
  for (let index = hashBytes; index < data.length; index += 1) {
    const byte = byteAt(data, index);
    const one = isZero(byte ^ 1);
    separator = select(one & ~found, index, separator);
    // Before the separator there are zeros only.
    good &= found | one | isZero(byte);
    found |= one;
  }
  return (good & found) === 0 ? undefined : data.subarray(separator + 1);
}

/** The mask generation function of RFC 8017 appendix B.2.1. */
export function mgf1(hash: HashName, seed: Uint8Array, length: number): Buffer {
  const blocks: Buffer[] = [];
  const counter = Buffer.alloc(4);
  for (let made = 0, index = 0; made < length; index += 1) {
    counter.writeUInt32BE(index, 0);
    const block = createHash(hash).update(seed).update(counter).digest();
    blocks.push(block);
    made += block.length;
  }
  return Buffer.concat(blocks, length);
}

/** `target` becomes the exclusive or of both. */
export function xorInto(target: Buffer, mask: Uint8Array): void {
  for (let index = 0; index < target.length; index += 1)
    target[index] = byteAt(target, index) ^ byteAt(mask, index);
}

/** The random function of the draft: HMAC over a counter, a label and the length in bits. */
function expand(key: Buffer, label: string, length: number): Buffer {
  const blocks: Buffer[] = [];
  const frame = Buffer.concat([Buffer.alloc(2), Buffer.from(label), Buffer.alloc(2)]);
  frame.writeUInt16BE(8 * length, frame.length - 2);
  for (let made = 0, index = 0; made < length; index += 1) {
    frame.writeUInt16BE(index, 0);
    const block = createHmac("sha256", key).update(frame).digest();
    blocks.push(block);
    made += block.length;
  }
  return Buffer.concat(blocks, length);
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}

/** All ones for zero, else zero; for numbers from 0 to 2^31 - 1. */
function isZero(value: number): number {
  return (value - 1) >> 31;
}

/** All ones when `a` is less than `b`. */
function less(a: number, b: number): number {
  return (a - b) >> 31;
}

function select(mask: number, ifOnes: number, ifZeros: number): number {
  return (mask & ifOnes) | (~mask & ifZeros);
}
