import { pbkdf2, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { DER_TAG, type DerValue, derSmallInteger } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { MAX_SALT_BYTES, MAX_SCRYPT_MEMORY_BYTES, MAX_SCRYPT_WORK } from "../limits.js";
import { type AlgorithmIdentifier, berParts, readAlgorithm } from "./ber.js";
import type { WorkBudget } from "./work-budget.js";

const PBKDF2 = "1.2.840.113549.1.5.12";
const SCRYPT = "1.3.6.1.4.1.11591.4.11";
const HMAC_SHA1 = "1.2.840.113549.2.7";

/** The longest key that is derived: two keys of AES-256 would fit, and so does a key of HMAC-SHA-512. */
const MAX_DERIVED_BYTES = 128;

/** HMAC by OID (RFC 8018 appendix B.1.2 and, with SHA-3, NIST's register), with the hash of node:crypto. */
const HMAC_HASHES: Readonly<Record<string, { readonly hash: string; readonly bytes: number }>> = {
  [HMAC_SHA1]: { hash: "sha1", bytes: 20 },
  "1.2.840.113549.2.8": { hash: "sha224", bytes: 28 },
  "1.2.840.113549.2.9": { hash: "sha256", bytes: 32 },
  "1.2.840.113549.2.10": { hash: "sha384", bytes: 48 },
  "1.2.840.113549.2.11": { hash: "sha512", bytes: 64 },
  "1.2.840.113549.2.12": { hash: "sha512-224", bytes: 28 },
  "1.2.840.113549.2.13": { hash: "sha512-256", bytes: 32 },
  "2.16.840.1.101.3.4.2.13": { hash: "sha3-224", bytes: 28 },
  "2.16.840.1.101.3.4.2.14": { hash: "sha3-256", bytes: 32 },
  "2.16.840.1.101.3.4.2.15": { hash: "sha3-384", bytes: 48 },
  "2.16.840.1.101.3.4.2.16": { hash: "sha3-512", bytes: 64 },
};

/** The hash of an HMAC, by its AlgorithmIdentifier. */
export function hmacHash(algorithm: AlgorithmIdentifier, source: ErrorSource) {
  const known = HMAC_HASHES[algorithm.oid];
  if (known === undefined)
    throw source.unsupported(`the MAC ${algorithm.oid} is not supported: it takes HMAC with SHA`);
  return known;
}

/** A derivation that was read and found affordable. */
export interface PasswordDerivation {
  /** The length that the file states, in bytes; undefined when it leaves that to the cipher. */
  readonly keyBytes: number | undefined;
  /** The key. Costs from the budget each time. */
  derive(password: Buffer, length: number): Promise<Buffer>;
}

/**
 * PBKDF2 (RFC 8018 appendix A.2) or scrypt (RFC 7914 section 7), calculated beside the event loop. Refuses what is
 * malformed, unknown or more work than is allowed before anything is calculated.
 */
export function readDerivation(
  value: DerValue | undefined,
  budget: WorkBudget,
  source: ErrorSource,
): PasswordDerivation {
  const { oid, parameters } = readAlgorithm(value, source);
  const parts = berParts(parameters, source);
  const salt = readSalt(parts[0], source);
  if (oid === PBKDF2) return readPbkdf2(salt, parts.slice(1), budget, source);
  if (oid === SCRYPT) return readScrypt(salt, parts.slice(1), budget, source);
  throw source.unsupported(`the key derivation ${oid} is not supported: it takes PBKDF2 or scrypt`);
}

/** A salt of a length that is allowed. */
export function readSalt(value: DerValue | undefined, source: ErrorSource): Buffer {
  if (value?.tag !== DER_TAG.octetString) throw source.damaged("the key derivation has no salt");
  if (value.contents.length > MAX_SALT_BYTES)
    throw source.unsupported(`salts above ${MAX_SALT_BYTES} bytes are not supported`);
  return value.contents;
}

function readPbkdf2(
  salt: Buffer,
  parts: readonly DerValue[],
  budget: WorkBudget,
  source: ErrorSource,
): PasswordDerivation {
  const iterations = derSmallInteger(parts[0], source);
  const hasLength = parts[1]?.tag === DER_TAG.integer;
  const keyBytes = hasLength ? readKeyBytes(parts[1], source) : undefined;
  const prf = parts[hasLength ? 2 : 1];
  const { hash, bytes } = hmacHash(
    prf === undefined ? { oid: HMAC_SHA1, parameters: undefined } : readAlgorithm(prf, source),
    source,
  );
  budget.spend(iterations, 0, source);
  return {
    keyBytes,
    derive: (password, length) => {
      budget.spend(iterations, Math.ceil(length / bytes), source);
      return promisify(pbkdf2)(password, salt, iterations, length, hash);
    },
  };
}

function readScrypt(
  salt: Buffer,
  parts: readonly DerValue[],
  budget: WorkBudget,
  source: ErrorSource,
): PasswordDerivation {
  const [N, r, p] = [0, 1, 2].map((index) => derSmallInteger(parts[index], source)) as [
    number,
    number,
    number,
  ];
  const keyBytes = parts[3] === undefined ? undefined : readKeyBytes(parts[3], source);
  if (N < 2 || r < 1 || p < 1) throw source.damaged("the parameters of scrypt are malformed");
  // The sum of RFC 7914 section 5 as OpenSSL calculates it.
  if (128 * r * (p + N + 2) > MAX_SCRYPT_MEMORY_BYTES || N * r * p > MAX_SCRYPT_WORK) {
    throw source.unsupported(
      `scrypt with N ${N}, r ${r}, p ${p} asks for more than is allowed (32 MiB, N times r times p of ${MAX_SCRYPT_WORK})`,
    );
  }
  if (!Number.isInteger(Math.log2(N))) throw source.damaged("the parameters of scrypt are malformed");
  return {
    keyBytes,
    derive: (password, length) => {
      // A block of scrypt takes about as long as this many rounds of PBKDF2.
      budget.spend(N * r * p, 1, source);
      return scryptAsync(password, salt, length, { N, r, p, maxmem: 2 * MAX_SCRYPT_MEMORY_BYTES });
    },
  };
}

const scryptAsync = promisify<
  Buffer,
  Buffer,
  number,
  { N: number; r: number; p: number; maxmem: number },
  Buffer
>(scrypt);

function readKeyBytes(value: DerValue | undefined, source: ErrorSource): number {
  const length = derSmallInteger(value, source);
  if (length < 1) throw source.damaged("the key derivation makes an empty key");
  if (length > MAX_DERIVED_BYTES)
    throw source.unsupported("the key derivation makes a longer key than is allowed");
  return length;
}
