import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import { type AlgorithmIdentifier, unknownAlgorithm } from "./algorithm-identifier.js";
import { derAlgorithm, derContext, derOctetString, derSequence } from "./ber/der-writer.js";
import { type HashAlgorithm, hashNamed } from "./hashes.js";

/*
 * Keys for EC certificates (RFC 5753): a secret of both sides' keys, a key-encryption key derived from it, and the content's
 * key wrapped with that.
 */

/** Algorithms that wrap a key with another (RFC 3394, RFC 3217), by their names in node:crypto. */
interface KeyWrap {
  readonly oid: string;
  readonly cipher: string;
  readonly keyBytes: number;
  /** The constant of RFC 3394 section 2.2.3.1; none with triple DES. */
  readonly iv: Buffer | null;
}

const AES_WRAP_IV = Buffer.alloc(8, 0xa6);

const KEY_WRAPS: readonly KeyWrap[] = [
  { oid: "2.16.840.1.101.3.4.1.45", cipher: "id-aes256-wrap", keyBytes: 32, iv: AES_WRAP_IV },
  { oid: "2.16.840.1.101.3.4.1.25", cipher: "id-aes192-wrap", keyBytes: 24, iv: AES_WRAP_IV },
  { oid: "2.16.840.1.101.3.4.1.5", cipher: "id-aes128-wrap", keyBytes: 16, iv: AES_WRAP_IV },
  { oid: "1.2.840.113549.1.9.16.3.6", cipher: "id-smime-alg-cms3deswrap", keyBytes: 24, iv: null },
];

/**
 * dhSinglePass-stdDH-…kdf-scheme and dhSinglePass-cofactorDH-…kdf-scheme (RFC 5753 section 7.1.4): the same on the curves
 * that cert-store knows, whose cofactor is 1. The hash is that of the key derivation only, where SHA-1 is not weak.
 */
const AGREEMENTS: Readonly<Record<string, HashAlgorithm>> = {
  "1.3.133.16.840.63.0.2": hashNamed("sha1"),
  "1.3.133.16.840.63.0.3": hashNamed("sha1"),
  "1.3.132.1.11.1": hashNamed("sha256"),
  "1.3.132.1.11.2": hashNamed("sha384"),
  "1.3.132.1.11.3": hashNamed("sha512"),
  "1.3.132.1.14.1": hashNamed("sha256"),
  "1.3.132.1.14.2": hashNamed("sha384"),
  "1.3.132.1.14.3": hashNamed("sha512"),
};

/** The hash of a key agreement, if it is known. */
export const agreementHash = (oid: string): HashAlgorithm | undefined => AGREEMENTS[oid];

/** What we agree with: the hash by the length of the curve (RFC 5753 section 8), always AES-256 to wrap. */
export function agreementFor(curveBits: number): { readonly oid: string; readonly wrapOid: string } {
  const oid = curveBits <= 256 ? "1.3.132.1.11.1" : curveBits <= 384 ? "1.3.132.1.11.2" : "1.3.132.1.11.3";
  return { oid, wrapOid: "2.16.840.1.101.3.4.1.45" };
}

/** A key-encryption key that both sides can derive. */
export interface KeyEncryption {
  readonly hash: HashAlgorithm;
  readonly wrap: KeyWrap;
  /** The wrapping AlgorithmIdentifier as it is in the message: it is a part of what is hashed. */
  readonly wrapIdentifier: Buffer;
}

/** Errors: `ERR_CMS_ALGORITHM`. */
export function keyEncryptionOf(
  agreement: string,
  wrap: AlgorithmIdentifier,
  wrapIdentifier: Buffer,
): KeyEncryption {
  const hash = agreementHash(agreement);
  if (hash === undefined) throw unknownAlgorithm("key agreement", agreement);
  const found = KEY_WRAPS.find(({ oid }) => oid === wrap.oid);
  if (found === undefined) throw unknownAlgorithm("key wrapping", wrap.oid);
  return { hash, wrap: found, wrapIdentifier };
}

/** Wraps a content's key. */
export function wrapKey(
  how: KeyEncryption,
  secret: Uint8Array,
  userKeyingMaterial: Buffer | undefined,
  key: Buffer,
): Buffer {
  const cipher = createCipheriv(how.wrap.cipher, deriveKey(how, secret, userKeyingMaterial), how.wrap.iv);
  return Buffer.concat([cipher.update(key), cipher.final()]);
}

/** Unwraps a content's key. Throws what node:crypto throws when it was wrapped otherwise. */
export function unwrapKey(
  how: KeyEncryption,
  secret: Uint8Array,
  userKeyingMaterial: Buffer | undefined,
  wrapped: Buffer,
): Buffer {
  const decipher = createDecipheriv(how.wrap.cipher, deriveKey(how, secret, userKeyingMaterial), how.wrap.iv);
  return Buffer.concat([decipher.update(wrapped), decipher.final()]);
}

/** The key derivation of X9.63 (SEC 1 section 3.6.1) over ECC-CMS-SharedInfo (RFC 5753 section 7.2). */
function deriveKey(
  { hash, wrap, wrapIdentifier }: KeyEncryption,
  secret: Uint8Array,
  ukm: Buffer | undefined,
): Buffer {
  const bits = Buffer.alloc(4);
  bits.writeUInt32BE(8 * wrap.keyBytes);
  const shared = derSequence(
    wrapIdentifier,
    ...(ukm === undefined ? [] : [derContext(0, derOctetString(ukm))]),
    derContext(2, derOctetString(bits)),
  );
  const blocks: Buffer[] = [];
  const counter = Buffer.alloc(4);
  for (let made = 0, index = 1; made < wrap.keyBytes; index += 1, made += hash.bytes) {
    counter.writeUInt32BE(index);
    blocks.push(createHash(hash.name).update(secret).update(counter).update(shared).digest());
  }
  return Buffer.concat(blocks).subarray(0, wrap.keyBytes);
}

/** The wrapping AlgorithmIdentifier that we write. */
export const wrapIdentifier = (oid: string): Buffer => derAlgorithm(oid);
