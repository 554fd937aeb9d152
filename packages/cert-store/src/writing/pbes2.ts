import { createCipheriv, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { errorSource } from "../error-source.js";
import { MAX_PBKDF2_ITERATIONS } from "../limits.js";
import { derInteger, derNull, derOctetString, derOid, derSequence } from "../making/der-writer.js";

const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";
const HMAC_SHA256 = "1.2.840.113549.2.9";
const AES256_CBC = "2.16.840.1.101.3.4.1.42";

const SALT_BYTES = 16;
const KEY_BYTES = 32;
const IV_BYTES = 16;
const MIN_ITERATIONS = 1000;

const derive = promisify(pbkdf2);

/** What PBES2 made: how, and the ciphertext. */
export interface Pbes2Result {
  /** DER of the AlgorithmIdentifier. */
  readonly algorithm: Buffer;
  readonly ciphertext: Buffer;
}

/**
 * Encrypts with PBES2 (RFC 8018 section 6.2): PBKDF2 with HMAC-SHA-256 and 16 random bytes of salt, in the thread pool,
 * and AES-256-CBC.
 */
export async function encryptPbes2(
  plain: Uint8Array,
  passphrase: string,
  iterations: number,
): Promise<Pbes2Result> {
  const salt = randomBytes(SALT_BYTES);
  const iv = randomBytes(IV_BYTES);
  const key = await derive(Buffer.from(passphrase, "utf8"), salt, iterations, KEY_BYTES, "sha256");
  const cipher = createCipheriv("aes-256-cbc", key, iv);
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  const derivation = derSequence(
    derOid(PBKDF2),
    derSequence(
      derOctetString(salt),
      derInteger(iterations),
      derInteger(KEY_BYTES),
      derSequence(derOid(HMAC_SHA256), derNull()),
    ),
  );
  const encryption = derSequence(derOid(AES256_CBC), derOctetString(iv));
  return { algorithm: derSequence(derOid(PBES2), derSequence(derivation, encryption)), ciphertext };
}

/** EncryptedPrivateKeyInfo (RFC 5958 section 3). */
export async function encryptPkcs8(
  pkcs8: Uint8Array,
  passphrase: string,
  iterations: number,
): Promise<Buffer> {
  const { algorithm, ciphertext } = await encryptPbes2(pkcs8, passphrase, iterations);
  return derSequence(algorithm, derOctetString(ciphertext));
}

/** Errors: `ERR_CERT_OPTIONS`. */
export function requireIterations(iterations: number, maximum = MAX_PBKDF2_ITERATIONS): void {
  if (!Number.isInteger(iterations) || iterations < MIN_ITERATIONS || iterations > maximum) {
    throw errorSource(undefined, "key derivation").error(
      "ERR_CERT_OPTIONS",
      `iterations must be a whole number from ${MIN_ITERATIONS} to ${maximum}`,
    );
  }
}

/** Errors: `ERR_CERT_OPTIONS`: an empty one would look like protection and be none. */
export function requirePassphrase(passphrase: string): void {
  if (passphrase === "") {
    throw errorSource(undefined, "passphrase").error("ERR_CERT_OPTIONS", "the passphrase must not be empty");
  }
}
