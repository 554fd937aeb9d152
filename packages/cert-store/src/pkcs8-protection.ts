import { DER_TAG, type DerValue, derObjectIdentifier, derParts, derSmallInteger } from "./der.js";
import type { ErrorSource } from "./error-source.js";
import { MAX_PBKDF2_ITERATIONS, MAX_SALT_BYTES, MAX_SCRYPT_MEMORY_BYTES, MAX_SCRYPT_WORK } from "./limits.js";

const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";
const SCRYPT = "1.3.6.1.4.1.11591.4.11";

/** The ciphers of PBES2 (RFC 8018 appendix B.2, RFC 3565 section 4.1) that OpenSSL has, with their block sizes. */
const PBES2_CIPHERS: Readonly<Record<string, number>> = {
  "1.2.840.113549.3.7": 8, // des-ede3-cbc
  "2.16.840.1.101.3.4.1.2": 16, // aes128-cbc
  "2.16.840.1.101.3.4.1.22": 16, // aes192-cbc
  "2.16.840.1.101.3.4.1.42": 16, // aes256-cbc
};

/** The schemes of RFC 7292 appendix C that OpenSSL has without its legacy provider, with their block sizes. */
const PKCS12_SCHEMES: Readonly<Record<string, number>> = {
  "1.2.840.113549.1.12.1.3": 8, // pbeWithSHAAnd3-KeyTripleDES-CBC
  "1.2.840.113549.1.12.1.4": 8, // pbeWithSHAAnd2-KeyTripleDES-CBC
};

/**
 * Refuses an EncryptedPrivateKeyInfo (RFC 5958 section 3) that is malformed, that OpenSSL cannot decrypt or that
 * asks for too much work. What passes and still does not decrypt has the wrong passphrase, or damage that looks the
 * same.
 */
export function requireAffordablePkcs8(parts: readonly DerValue[], source: ErrorSource): void {
  const [identifier, ciphertext] = parts;
  if (identifier?.tag !== DER_TAG.sequence || ciphertext?.tag !== DER_TAG.octetString || parts.length !== 2) {
    throw source.damaged("the encrypted key is malformed");
  }
  const [scheme, parameters] = derParts(identifier, source);
  const name = derObjectIdentifier(scheme, source);
  const blockSize = name === PBES2 ? readPbes2(parameters, source) : readPkcs12(name, parameters, source);
  if (ciphertext.contents.length === 0 || ciphertext.contents.length % blockSize !== 0) {
    throw source.damaged("the encrypted part has the wrong length");
  }
}

function readPbes2(parameters: DerValue | undefined, source: ErrorSource): number {
  const [derivation, encryption] = sequence(parameters, source);
  const [kdf, kdfParameters] = sequence(derivation, source);
  const kdfName = derObjectIdentifier(kdf, source);
  if (kdfName === PBKDF2) {
    const [salt, iterations] = sequence(kdfParameters, source);
    requireSalt(salt, source);
    requireIterations(derSmallInteger(iterations, source), source);
  } else if (kdfName === SCRYPT) {
    requireScrypt(sequence(kdfParameters, source), source);
  } else {
    throw source.unsupported(`the key derivation ${kdfName} is not supported: it takes PBKDF2 or scrypt`);
  }
  const cipher = derObjectIdentifier(sequence(encryption, source)[0], source);
  const blockSize = PBES2_CIPHERS[cipher];
  if (blockSize === undefined) {
    throw source.unsupported(`the cipher ${cipher} is not supported: it takes AES-CBC or 3DES-CBC`);
  }
  return blockSize;
}

function readPkcs12(name: string, parameters: DerValue | undefined, source: ErrorSource): number {
  const blockSize = PKCS12_SCHEMES[name];
  if (blockSize === undefined) {
    throw source.unsupported(`the encryption ${name} is not supported: write the key again with PBES2`);
  }
  const [salt, iterations] = sequence(parameters, source);
  requireSalt(salt, source);
  requireIterations(derSmallInteger(iterations, source), source);
  return blockSize;
}

function requireScrypt(parts: readonly DerValue[], source: ErrorSource): void {
  requireSalt(parts[0], source);
  const [n, r, p] = [1, 2, 3].map((index) => derSmallInteger(parts[index], source)) as [
    number,
    number,
    number,
  ];
  if (n < 2 || r < 1 || p < 1 || !Number.isInteger(Math.log2(n)))
    throw source.damaged("the parameters of scrypt are malformed");
  // The sum of RFC 7914 section 5 as OpenSSL calculates it.
  if (128 * r * (p + n + 2) > MAX_SCRYPT_MEMORY_BYTES || n * r * p > MAX_SCRYPT_WORK) {
    throw source.unsupported(
      `scrypt with N ${n}, r ${r}, p ${p} asks for more than is allowed (32 MiB, N times r times p of ${MAX_SCRYPT_WORK})`,
    );
  }
}

function requireIterations(count: number, source: ErrorSource): void {
  if (count < 1) throw source.damaged("the number of iterations is zero");
  if (count > MAX_PBKDF2_ITERATIONS) {
    throw source.unsupported(
      `${count} iterations of the key derivation are more than the ${MAX_PBKDF2_ITERATIONS} allowed`,
    );
  }
}

function requireSalt(salt: DerValue | undefined, source: ErrorSource): void {
  if (salt?.tag !== DER_TAG.octetString) throw source.damaged("the key derivation has no salt");
  if (salt.contents.length > MAX_SALT_BYTES)
    throw source.unsupported(`salts above ${MAX_SALT_BYTES} bytes are not supported`);
}

function sequence(value: DerValue | undefined, source: ErrorSource): DerValue[] {
  if (value?.tag !== DER_TAG.sequence) throw source.damaged("the encrypted key is malformed");
  return derParts(value, source);
}
