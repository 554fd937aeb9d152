import { createHmac, timingSafeEqual } from "node:crypto";
import { DER_TAG, type DerValue, derSmallInteger } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { type AlgorithmIdentifier, berOctets, berParts, readAlgorithm } from "./ber.js";
import { hmacHash, readDerivation, readSalt } from "./password-derivation.js";
import { derivePkcs12, PKCS12_PURPOSE, pkcs12Blocks, pkcs12Password } from "./pkcs12-derivation.js";
import { MAX_PKCS12_ITERATIONS } from "./store-limits.js";
import type { WorkBudget } from "./work-budget.js";

const PBMAC1 = "1.2.840.113549.1.5.14";

/** The hashes of a classic MAC (RFC 7292 section 4, MacData). */
const MAC_HASHES: Readonly<Record<string, string>> = {
  "1.3.14.3.2.26": "sha1",
  "2.16.840.1.101.3.4.2.4": "sha224",
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
  "2.16.840.1.101.3.4.2.5": "sha512-224",
  "2.16.840.1.101.3.4.2.6": "sha512-256",
};

/** The MAC of a PKCS#12 file, read and found affordable. */
export interface Pkcs12Mac {
  /** Whether the password, and what it protects, are what they were when the file was written. */
  fits(password: string | undefined): Promise<boolean>;
}

/** MacData (RFC 7292 section 4): HMAC with the derivation of PKCS#12, or PBMAC1 (RFC 9579). */
export function readPkcs12Mac(
  macData: DerValue,
  content: Buffer,
  budget: WorkBudget,
  source: ErrorSource,
): Pkcs12Mac {
  const [digestInfo, macSalt, macIterations] = berParts(macData, source);
  const [digestAlgorithm, digest] = berParts(digestInfo, source);
  const expected = berOctets(digest, source);
  const algorithm = readAlgorithm(digestAlgorithm, source);
  if (algorithm.oid === PBMAC1) return readPbmac1(algorithm, content, expected, budget, source);
  const hash = MAC_HASHES[algorithm.oid];
  if (hash === undefined) {
    throw source.unsupported(`the MAC with ${algorithm.oid} is not supported: it takes SHA-1 and SHA-2`);
  }
  const salt = readSalt(macSalt, source);
  // Left out when it is 1, the default.
  const iterations = macIterations?.tag === DER_TAG.integer ? derSmallInteger(macIterations, source) : 1;
  budget.spend(iterations, 0, source, MAX_PKCS12_ITERATIONS);
  return {
    fits: async (password) => {
      const length = expected.length;
      const keyBytes = createHmac(hash, "").digest().length;
      if (length !== keyBytes) throw source.damaged("the MAC has the wrong length");
      budget.spend(iterations, pkcs12Blocks(hash, keyBytes), source, MAX_PKCS12_ITERATIONS);
      const key = await derivePkcs12(
        hash,
        PKCS12_PURPOSE.mac,
        pkcs12Password(password),
        salt,
        iterations,
        keyBytes,
      );
      return timingSafeEqual(createHmac(hash, key).update(content).digest(), expected);
    },
  };
}

/** RFC 9579 section 5: the password is UTF-8, and the salt and iterations beside it mean nothing. */
function readPbmac1(
  { parameters }: AlgorithmIdentifier,
  content: Buffer,
  expected: Buffer,
  budget: WorkBudget,
  source: ErrorSource,
): Pkcs12Mac {
  const [kdf, scheme] = berParts(parameters, source);
  const derivation = readDerivation(kdf, budget, source);
  const { keyBytes } = derivation;
  if (keyBytes === undefined) throw source.damaged("the MAC does not say how long its key is");
  const { hash, bytes } = hmacHash(readAlgorithm(scheme, source), source);
  if (expected.length !== bytes) throw source.damaged("the MAC has the wrong length");
  return {
    fits: async (password = "") => {
      const key = await derivation.derive(Buffer.from(password, "utf8"), keyBytes);
      return timingSafeEqual(createHmac(hash, key).update(content).digest(), expected);
    },
  };
}
