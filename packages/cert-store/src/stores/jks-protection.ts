import { createDecipheriv, createHash, timingSafeEqual } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { DER_TAG, type DerValue, derSmallInteger } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { berOctets, berParts, readAlgorithm, readBer } from "./ber.js";
import { looksLikePkcs8 } from "./key-item.js";
import { readSalt } from "./password-derivation.js";
import { type PasswordEncrypted, readPasswordEncrypted, withoutPadding } from "./password-encryption.js";
import { MAX_PKCS12_ITERATIONS } from "./store-limits.js";
import type { WorkBudget } from "./work-budget.js";

/** Sun's own schemes, by which a key says how it is protected. */
const JKS_PROTECTOR = "1.3.6.1.4.1.42.2.17.1.1";
const JCEKS_PROTECTOR = "1.3.6.1.4.1.42.2.19.1";

const SHA1_BYTES = 20;
const DES_BLOCK_BYTES = 8;

/** Hash calls between two turns of the event loop: some 5 ms. */
const HASHES_PER_TURN = 8192;

/** What the integrity of a store is keyed with, between the password and the store. */
const WHITENER = "Mighty Aphrodite";

/** The password as Java's stores hash it: its UTF-16, big-endian. */
export function javaPassword(password: string): Buffer {
  return Buffer.from(password, "utf16le").swap16();
}

/** The digest at the end of a JKS or JCEKS store. */
export function storeDigest(password: string, content: Buffer): Buffer {
  return createHash("sha1")
    .update(javaPassword(password))
    .update(WHITENER, "latin1")
    .update(content)
    .digest();
}

/** A private key of a JKS or JCEKS store: an EncryptedPrivateKeyInfo with one of Sun's schemes, or a common one. */
export function readJavaProtectedKey(
  bytes: Buffer,
  budget: WorkBudget,
  source: ErrorSource,
): PasswordEncrypted {
  const [identifier, data] = berParts(readBer(bytes, source), source);
  const algorithm = readAlgorithm(identifier, source);
  const ciphertext = berOctets(data, source);
  if (algorithm.oid === JKS_PROTECTOR) return readJksProtected(ciphertext, source);
  if (algorithm.oid === JCEKS_PROTECTOR)
    return readJceksProtected(algorithm.parameters, ciphertext, budget, source);
  return readPasswordEncrypted(algorithm, ciphertext, budget, source);
}

/**
 * JKS: the key, XORed with a chain of SHA-1 digests that begins with a salt, and a digest of password and key that
 * tells a wrong password with certainty.
 */
function readJksProtected(bytes: Buffer, source: ErrorSource): PasswordEncrypted {
  if (bytes.length <= 2 * SHA1_BYTES) throw source.damaged("a private key of the store is too short");
  const encrypted = bytes.subarray(SHA1_BYTES, bytes.length - SHA1_BYTES);
  const check = bytes.subarray(bytes.length - SHA1_BYTES);
  return {
    decrypt: async (password) => {
      const secret = javaPassword(password ?? "");
      const plain = Buffer.from(encrypted);
      let digest = bytes.subarray(0, SHA1_BYTES);
      for (let start = 0; start < plain.length; start += SHA1_BYTES) {
        digest = createHash("sha1").update(secret).update(digest).digest();
        for (let index = 0; index < SHA1_BYTES && start + index < plain.length; index += 1)
          plain[start + index] = (plain[start + index] ?? 0) ^ (digest[index] ?? 0);
      }
      const actual = createHash("sha1").update(secret).update(plain).digest();
      return timingSafeEqual(actual, check) ? plain : undefined;
    },
  };
}

/** JCEKS: PBEWithMD5AndTripleDES, a scheme of Sun's that extends PBES1 to two halves of a salt. */
function readJceksProtected(
  parameters: DerValue | undefined,
  ciphertext: Buffer,
  budget: WorkBudget,
  source: ErrorSource,
): PasswordEncrypted {
  const parts = berParts(parameters, source);
  const salt = readSalt(parts[0], source);
  if (salt.length !== DES_BLOCK_BYTES) throw source.damaged("the salt of a private key has the wrong length");
  if (parts[1]?.tag !== DER_TAG.integer) throw source.damaged("the number of iterations is missing");
  const iterations = derSmallInteger(parts[1], source);
  budget.spend(iterations, 0, source, MAX_PKCS12_ITERATIONS);
  if (ciphertext.length === 0 || ciphertext.length % DES_BLOCK_BYTES !== 0) {
    throw source.damaged("a private key of the store has the wrong length");
  }
  return {
    decrypt: async (password = "") => {
      budget.spend(iterations, 2, source, MAX_PKCS12_ITERATIONS);
      const derived = await deriveJceks(password, salt, iterations);
      const decipher = createDecipheriv("des-ede3-cbc", derived.subarray(0, 24), derived.subarray(24));
      decipher.setAutoPadding(false);
      const plain = withoutPadding(
        Buffer.concat([decipher.update(ciphertext), decipher.final()]),
        DES_BLOCK_BYTES,
      );
      return plain !== undefined && looksLikePkcs8(plain) ? plain : undefined;
    },
  };
}

/**
 * A chain of MD5 for each half of the salt. keytool asks for 200,000 rounds, in which hash-wasm takes less than half of
 * the time that node:crypto does.
 */
async function deriveJceks(password: string, salt: Buffer, iterations: number): Promise<Buffer> {
  const [a, b, c, d] = salt as unknown as readonly [number, number, number, number];
  const second = salt.subarray(4);
  // Two equal halves would give the same key twice. Sun meant to reverse the first; what it does is part of the format.
  const first = second.equals(salt.subarray(0, 4)) ? Buffer.from([d, a, b, d]) : Buffer.from([a, b, c, d]);
  const { createMD5 } = await import("hash-wasm");
  const hash = await createMD5();
  const secret = Buffer.from(password, "latin1");
  const derived: Uint8Array[] = [];
  for (const start of [first, second]) {
    let digest: Uint8Array = start;
    for (let iteration = 1; iteration <= iterations; iteration += 1) {
      digest = hash.init().update(digest).update(secret).digest("binary");
      if (iteration % HASHES_PER_TURN === 0) await setImmediate();
    }
    derived.push(digest);
  }
  return Buffer.concat(derived);
}
