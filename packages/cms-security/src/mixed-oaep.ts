import { constants, createHash, type KeyObject, privateDecrypt } from "node:crypto";
import { type HashName, isSoftwareKey, type PrivateKey } from "@waybill/cert-store";
import { cmsError, decryptError } from "./cms-error.js";

/**
 * RSA-OAEP (RFC 8017 section 7.1) whose mask is made with another hash than the label's: what Java makes of
 * `OAEPWithSHA-256AndMGF1Padding` when nobody tells it otherwise. RFC 4055 section 4.1 recommends the same hash.
 */
export interface MixedOaep {
  readonly padding: "oaep-mixed";
  readonly hash: HashName;
  readonly maskHash: HashName;
  readonly label?: Uint8Array | undefined;
}

/**
 * Decrypts with it. Neither node:crypto nor a token does it, so the padding is taken off here, and the key must be in this
 * process.
 *
 * Errors: `ERR_CMS_ALGORITHM` for a key in a token or of another kind; `ERR_CMS_DECRYPT` for whatever is wrong.
 */
export function decryptMixedOaep(key: PrivateKey, ciphertext: Uint8Array, scheme: MixedOaep): Buffer {
  if (!isSoftwareKey(key) || key.type !== "ssh-rsa") {
    throw cmsError(
      "ERR_CMS_ALGORITHM",
      `RSA-OAEP with ${scheme.hash} and MGF1 with ${scheme.maskHash} takes an RSA key in a file: no token does it`,
    );
  }
  const message = unpadMixedOaep(rawBlock(key.keyObject, ciphertext), scheme);
  if (message === undefined) throw decryptError();
  return message;
}

function rawBlock(key: KeyObject, ciphertext: Uint8Array): Buffer {
  try {
    return privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, ciphertext);
  } catch {
    // Of another length than the modulus, or not below it: the key has no part in that.
    throw decryptError();
  }
}

/**
 * Takes the padding off `block`, which is as long as the modulus. Undefined when it is wrong, whatever is wrong with it.
 *
 * One bit of difference between good and bad is all that Manger's attack needs, so nothing branches on a byte of the
 * block or leaves a loop early: conditions are numbers, all ones or all zeros.
 */
export function unpadMixedOaep(block: Buffer, { hash, maskHash, label }: MixedOaep): Buffer | undefined {
  const labelHash = createHash(hash)
    .update(label ?? Buffer.alloc(0))
    .digest();
  const hashBytes = labelHash.length;
  if (block.length < 2 * hashBytes + 2) return undefined;
  const maskedSeed = block.subarray(1, 1 + hashBytes);
  const maskedData = block.subarray(1 + hashBytes);
  const seed = exclusiveOr(maskedSeed, mask(maskHash, maskedData, hashBytes));
  const data = exclusiveOr(maskedData, mask(maskHash, seed, maskedData.length));
  let good = isZero(block[0] as number);
  for (let index = 0; index < hashBytes; index += 1) {
    good &= isZero((data[index] as number) ^ (labelHash[index] as number));
  }
  let found = 0;
  let separator = 0;
  for (let index = hashBytes; index < data.length; index += 1) {
    const byte = data[index] as number;
    const one = isZero(byte ^ 1);
    separator |= index & one & ~found;
    // Before the separator there are zeros only.
    good &= found | one | isZero(byte);
    found |= one;
  }
  return (good & found) === 0 ? undefined : data.subarray(separator + 1);
}

/** MGF1 (RFC 8017 appendix B.2.1). */
function mask(hash: HashName, seed: Uint8Array, length: number): Buffer {
  const blocks: Buffer[] = [];
  const counter = Buffer.alloc(4);
  for (let made = 0, index = 0; made < length; index += 1) {
    counter.writeUInt32BE(index);
    const block = createHash(hash).update(seed).update(counter).digest();
    blocks.push(block);
    made += block.length;
  }
  return Buffer.concat(blocks, length);
}

function exclusiveOr(one: Uint8Array, other: Uint8Array): Buffer {
  const result = Buffer.alloc(one.length);
  for (let index = 0; index < one.length; index += 1) {
    result[index] = (one[index] as number) ^ (other[index] as number);
  }
  return result;
}

/** All ones for zero, else zero; for bytes. */
function isZero(value: number): number {
  return (value - 1) >> 31;
}
