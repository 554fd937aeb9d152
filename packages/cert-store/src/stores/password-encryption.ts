import { createDecipheriv, createHash } from "node:crypto";
import { DER_TAG, type DerValue, derSmallInteger } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { type AlgorithmIdentifier, berOctets, berParts, readAlgorithm } from "./ber.js";
import { readDerivation, readSalt } from "./password-derivation.js";
import { derivePkcs12, PKCS12_PURPOSE, pkcs12Blocks, pkcs12Password } from "./pkcs12-derivation.js";
import { decryptRc2, RC2_EFFECTIVE_BITS } from "./rc2.js";
import { MAX_PKCS12_ITERATIONS } from "./store-limits.js";
import type { WorkBudget } from "./work-budget.js";

/** A block cipher in CBC mode. */
interface CbcCipher {
  readonly name: "aes-128-cbc" | "aes-192-cbc" | "aes-256-cbc" | "des-ede3-cbc" | "rc2-cbc";
  readonly keyBytes: number;
  readonly blockBytes: number;
  /** RC2 only. */
  readonly effectiveBits?: number;
}

const DES_EDE3: CbcCipher = { name: "des-ede3-cbc", keyBytes: 24, blockBytes: 8 };

/** RFC 8018 appendix B.2, RFC 3565 section 4.1. */
const PBES2_CIPHERS: Readonly<Record<string, CbcCipher>> = {
  "1.2.840.113549.3.7": DES_EDE3,
  "2.16.840.1.101.3.4.1.2": { name: "aes-128-cbc", keyBytes: 16, blockBytes: 16 },
  "2.16.840.1.101.3.4.1.22": { name: "aes-192-cbc", keyBytes: 24, blockBytes: 16 },
  "2.16.840.1.101.3.4.1.42": { name: "aes-256-cbc", keyBytes: 32, blockBytes: 16 },
};

/** RFC 7292 appendix C. */
const PKCS12_CIPHERS: Readonly<Record<string, CbcCipher>> = {
  "1.2.840.113549.1.12.1.3": DES_EDE3,
  "1.2.840.113549.1.12.1.4": { ...DES_EDE3, keyBytes: 16 },
  "1.2.840.113549.1.12.1.5": { name: "rc2-cbc", keyBytes: 16, blockBytes: 8, effectiveBits: 128 },
  "1.2.840.113549.1.12.1.6": { name: "rc2-cbc", keyBytes: 5, blockBytes: 8, effectiveBits: 40 },
};

/** The hashes of PBES1 with DES (RFC 8018 appendix A.3), which OpenSSL wrote keys with before its version 1.0. */
const PBES1_HASHES: Readonly<Record<string, "md5" | "sha1">> = {
  "1.2.840.113549.1.5.3": "md5",
  "1.2.840.113549.1.5.10": "sha1",
};

const PBES2 = "1.2.840.113549.1.5.13";
const RC2_CBC = "1.2.840.113549.3.2";

/** Something that is encrypted with a password, read and found affordable. */
export interface PasswordEncrypted {
  /**
   * What was encrypted, or undefined when the password does not fit or the data is damaged. No password at all is not
   * the same as an empty one in PKCS#12's own schemes.
   */
  decrypt(password: string | undefined): Promise<Buffer | undefined>;
}

/**
 * Reads how `ciphertext` was encrypted: PBES2 (RFC 8018 section 6.2) with AES, 3DES or RC2 and PBKDF2 or scrypt, the
 * schemes of PKCS#12 (RFC 7292 appendix C) with 3DES or RC2, PBES1 with DES. The ciphers are those of node:crypto, RC2
 * is node-forge's.
 */
export function readPasswordEncrypted(
  algorithm: AlgorithmIdentifier,
  ciphertext: Buffer,
  budget: WorkBudget,
  source: ErrorSource,
): PasswordEncrypted {
  const parts = berParts(algorithm.parameters, source);
  const pkcs12Cipher = PKCS12_CIPHERS[algorithm.oid];
  const pbes1Hash = PBES1_HASHES[algorithm.oid];
  if (algorithm.oid === PBES2) return readPbes2(parts, ciphertext, budget, source);
  if (pkcs12Cipher !== undefined) return readPkcs12(pkcs12Cipher, parts, ciphertext, budget, source);
  if (pbes1Hash !== undefined) return readPbes1(pbes1Hash, parts, ciphertext, budget, source);
  throw source.unsupported(
    `the encryption ${algorithm.oid} is not supported: write it again with PBES2 and AES (openssl's default)`,
  );
}

/** An EncryptedPrivateKeyInfo (RFC 5958 section 3). */
export function readEncryptedKeyInfo(
  value: DerValue,
  budget: WorkBudget,
  source: ErrorSource,
): PasswordEncrypted {
  const [algorithm, data] = berParts(value, source);
  return readPasswordEncrypted(readAlgorithm(algorithm, source), berOctets(data, source), budget, source);
}

function readPbes2(
  parts: readonly DerValue[],
  ciphertext: Buffer,
  budget: WorkBudget,
  source: ErrorSource,
): PasswordEncrypted {
  const derivation = readDerivation(parts[0], budget, source);
  const encryption = readAlgorithm(parts[1], source);
  const { cipher, iv } = readCbcParameters(encryption, derivation.keyBytes, source);
  requireWholeBlocks(ciphertext, iv, cipher, source);
  return {
    decrypt: async (password = "") => {
      const key = await derivation.derive(Buffer.from(password, "utf8"), cipher.keyBytes);
      return decryptCbc(cipher, key, iv, ciphertext);
    },
  };
}

function readCbcParameters(
  { oid, parameters }: AlgorithmIdentifier,
  statedKeyBytes: number | undefined,
  source: ErrorSource,
): { cipher: CbcCipher; iv: Buffer } {
  if (oid === RC2_CBC) {
    const [version, iv] = berParts(parameters, source);
    const effectiveBits = RC2_EFFECTIVE_BITS.get(derSmallInteger(version, source));
    if (effectiveBits === undefined) throw source.unsupported("this key length of RC2 is not supported");
    const keyBytes = statedKeyBytes ?? effectiveBits / 8;
    return { cipher: { name: "rc2-cbc", keyBytes, blockBytes: 8, effectiveBits }, iv: berOctets(iv, source) };
  }
  const cipher = PBES2_CIPHERS[oid];
  if (cipher === undefined) {
    throw source.unsupported(`the cipher ${oid} is not supported: it takes AES-CBC, 3DES-CBC or RC2-CBC`);
  }
  if (statedKeyBytes !== undefined && statedKeyBytes !== cipher.keyBytes) {
    throw source.damaged("the key derivation makes a key of another length than the cipher has");
  }
  return { cipher, iv: berOctets(parameters, source) };
}

function readPkcs12(
  cipher: CbcCipher,
  parts: readonly DerValue[],
  ciphertext: Buffer,
  budget: WorkBudget,
  source: ErrorSource,
): PasswordEncrypted {
  const { salt, iterations } = readSaltAndIterations(parts, budget, source);
  requireWholeBlocks(ciphertext, undefined, cipher, source);
  return {
    decrypt: async (password) => {
      const secret = pkcs12Password(password);
      budget.spend(iterations, pkcs12Blocks("sha1", cipher.keyBytes) + 1, source, MAX_PKCS12_ITERATIONS);
      const derive = (purpose: 1 | 2, length: number) =>
        derivePkcs12("sha1", purpose, secret, salt, iterations, length);
      const key = await derive(PKCS12_PURPOSE.key, cipher.keyBytes);
      const iv = await derive(PKCS12_PURPOSE.iv, cipher.blockBytes);
      return decryptCbc(cipher, key, iv, ciphertext);
    },
  };
}

function readPbes1(
  hash: "md5" | "sha1",
  parts: readonly DerValue[],
  ciphertext: Buffer,
  budget: WorkBudget,
  source: ErrorSource,
): PasswordEncrypted {
  const { salt, iterations } = readSaltAndIterations(parts, budget, source);
  requireWholeBlocks(ciphertext, undefined, DES_EDE3, source);
  return {
    decrypt: async (password = "") => {
      budget.spend(iterations, 1, source, MAX_PKCS12_ITERATIONS);
      let digest = createHash(hash).update(password, "utf8").update(salt).digest();
      for (let iteration = 1; iteration < iterations; iteration += 1)
        digest = createHash(hash).update(digest).digest();
      // Three times the same key makes DES of 3DES; OpenSSL has DES itself in its legacy provider only.
      const key = Buffer.alloc(DES_EDE3.keyBytes, digest.subarray(0, 8));
      return decryptCbc(DES_EDE3, key, digest.subarray(8, 16), ciphertext);
    },
  };
}

function readSaltAndIterations(parts: readonly DerValue[], budget: WorkBudget, source: ErrorSource) {
  const salt = readSalt(parts[0], source);
  if (parts[1]?.tag !== DER_TAG.integer) throw source.damaged("the number of iterations is missing");
  const iterations = derSmallInteger(parts[1], source);
  budget.spend(iterations, 0, source, MAX_PKCS12_ITERATIONS);
  return { salt, iterations };
}

function requireWholeBlocks(
  ciphertext: Buffer,
  iv: Buffer | undefined,
  { blockBytes }: CbcCipher,
  source: ErrorSource,
): void {
  if (ciphertext.length === 0 || ciphertext.length % blockBytes !== 0) {
    throw source.damaged("the encrypted part has the wrong length");
  }
  if (iv !== undefined && iv.length !== blockBytes)
    throw source.damaged("the initialization vector has the wrong length");
}

async function decryptCbc(
  cipher: CbcCipher,
  key: Buffer,
  iv: Buffer,
  ciphertext: Buffer,
): Promise<Buffer | undefined> {
  let padded: Buffer;
  if (cipher.name === "rc2-cbc") {
    padded = await decryptRc2(key, cipher.effectiveBits ?? 8 * cipher.keyBytes, iv, ciphertext);
  } else {
    // With two keys the first is used once more (RFC 7292 appendix C).
    const whole =
      cipher.name === "des-ede3-cbc" && key.length === 16 ? Buffer.concat([key, key.subarray(0, 8)]) : key;
    const decipher = createDecipheriv(cipher.name, whole, iv).setAutoPadding(false);
    padded = decipher.update(ciphertext);
    decipher.final();
  }
  return withoutPadding(padded, cipher.blockBytes);
}

/** Takes the padding of RFC 8018 section 6.1.1 off. */
export function withoutPadding(padded: Buffer, blockBytes: number): Buffer | undefined {
  const count = padded.at(-1) ?? 0;
  if (count < 1 || count > blockBytes || padded.length < count) return undefined;
  const end = padded.length - count;
  return padded.subarray(end).every((byte) => byte === count) ? padded.subarray(0, end) : undefined;
}
