import { constants, type KeyObject, publicDecrypt, timingSafeEqual, verify } from "node:crypto";
import type { HashName, PrivateKey, SignatureScheme } from "@waybill/cert-store";
import {
  type AlgorithmIdentifier,
  algorithmOf,
  hashOf,
  requireNoParameters,
  unknownAlgorithm,
} from "./algorithm-identifier.js";
import { context, TAG } from "./ber/ber-header.js";
import { BerParts, type BerValue, smallIntegerOf } from "./ber/ber-value.js";
import {
  derAlgorithm,
  derContext,
  derNull,
  derOctetString,
  derSequence,
  derSmallInteger,
} from "./ber/der-writer.js";
import { cmsError } from "./cms-error.js";
import { HASH_ALGORITHMS, type HashAlgorithm, hashNamed } from "./hashes.js";
import { KEY_ALGORITHM } from "./object-identifiers.js";

/** How a signature was made. */
export type SignatureKind =
  | { readonly kind: "rsa-pkcs1" }
  | { readonly kind: "rsa-pss"; readonly saltBytes: number }
  | { readonly kind: "ecdsa" }
  | { readonly kind: "ed25519" };

/** The AlgorithmIdentifier of a hash inside of other parameters: NULL with SHA-2 (RFC 4055 section 2.1), nothing with SHA-3 (RFC 8702). */
export function nestedHash(hash: HashAlgorithm): Buffer {
  return hash.name.startsWith("sha3-") ? derAlgorithm(hash.oid) : derAlgorithm(hash.oid, derNull());
}

/** MGF1 with a hash (RFC 4055 section 2.2). */
export const maskGeneration = (hash: HashAlgorithm): Buffer =>
  derAlgorithm(KEY_ALGORITHM.mgf1, nestedHash(hash));

/** RSASSA-PSS-params (RFC 4055 section 3.1) with a salt as long as the hash. */
function pssParameters(hash: HashAlgorithm): Buffer {
  return derSequence(
    derContext(0, nestedHash(hash)),
    derContext(1, maskGeneration(hash)),
    derContext(2, derSmallInteger(hash.bytes)),
  );
}

/** What a key signs with, and how that is written down. */
export interface SigningAlgorithm {
  readonly hash: HashAlgorithm;
  readonly scheme: SignatureScheme;
  /** AlgorithmIdentifier. */
  readonly identifier: Buffer;
}

/** `padding` counts for RSA only. Ed25519 always signs with SHA-512 (RFC 8419 section 3.1). */
export function signingAlgorithm(
  key: PrivateKey,
  hashName: HashName,
  padding: "pkcs1" | "pss",
): SigningAlgorithm {
  if (key.type === "ssh-ed25519") {
    return {
      hash: hashNamed("sha512"),
      scheme: { hash: "sha512" },
      identifier: derAlgorithm(KEY_ALGORITHM.ed25519),
    };
  }
  const hash = hashNamed(hashName);
  if (key.type !== "ssh-rsa") {
    return { hash, scheme: { hash: hashName }, identifier: derAlgorithm(hash.ecdsaSignatureOid) };
  }
  const identifier =
    padding === "pss"
      ? derAlgorithm(KEY_ALGORITHM.rsaPss, pssParameters(hash))
      : // What everybody reads, whatever the hash (RFC 3370 section 3.2).
        derAlgorithm(KEY_ALGORITHM.rsa, derNull());
  return { hash, scheme: { hash: hashName, padding }, identifier };
}

/**
 * Reads a signature algorithm, which must go with the digest's hash (RFC 8933 section 3).
 *
 * Errors: `ERR_CMS_ALGORITHM`, `ERR_CMS_DAMAGED`.
 */
export function signatureKindOf(algorithm: AlgorithmIdentifier, hash: HashAlgorithm): SignatureKind {
  const { oid, parameters } = algorithm;
  if (oid === KEY_ALGORITHM.rsaPss) return { kind: "rsa-pss", saltBytes: pssSaltBytes(parameters, hash) };
  requireNoParameters(algorithm);
  if (oid === KEY_ALGORITHM.rsa) return { kind: "rsa-pkcs1" };
  // Some write the key's algorithm in place of the signature's.
  if (oid === KEY_ALGORITHM.ed25519) {
    if (hash.name !== "sha512") throw otherHash();
    return { kind: "ed25519" };
  }
  const named = HASH_ALGORITHMS.find(
    ({ rsaSignatureOid, ecdsaSignatureOid }) => rsaSignatureOid === oid || ecdsaSignatureOid === oid,
  );
  if (named === undefined) throw unknownAlgorithm("signature", oid);
  if (named !== hash) throw otherHash();
  return { kind: named.rsaSignatureOid === oid ? "rsa-pkcs1" : "ecdsa" };
}

function otherHash(): Error {
  return cmsError("ERR_CMS_ALGORITHM", "the signature uses another hash than the digest that it signs");
}

/** The defaults of RSASSA-PSS-params (RFC 4055 section 3.1). */
const DEFAULT_SALT_BYTES = 20;
const TRAILER = 1;

function pssSaltBytes(parameters: BerValue | undefined, hash: HashAlgorithm): number {
  if (parameters === undefined)
    throw cmsError("ERR_CMS_ALGORITHM", "the RSA-PSS signature has no parameters");
  const parts = new BerParts(parameters, TAG.sequence, "the parameters of RSA-PSS");
  const inner = (number: number) => {
    const value = parts.optional(context(number));
    return value === undefined ? undefined : onlyPart(value);
  };
  const [hashPart, maskPart, saltPart, trailerPart] = [0, 1, 2, 3].map(inner);
  parts.end();
  const pssHash = hashPart === undefined ? hashNamed("sha1") : hashOf(algorithmOf(hashPart));
  const maskHash = maskPart === undefined ? hashNamed("sha1") : maskHashOf(algorithmOf(maskPart));
  if (pssHash !== hash || maskHash !== hash) throw otherHash();
  if (trailerPart !== undefined && smallIntegerOf(trailerPart) !== TRAILER) {
    throw cmsError("ERR_CMS_ALGORITHM", "the RSA-PSS signature has an unknown trailer");
  }
  return saltPart === undefined ? DEFAULT_SALT_BYTES : smallIntegerOf(saltPart);
}

/** The hash of a MaskGenAlgorithm. Errors: `ERR_CMS_ALGORITHM`. */
export function maskHashOf({ oid, parameters }: AlgorithmIdentifier): HashAlgorithm {
  if (oid !== KEY_ALGORITHM.mgf1 || parameters === undefined) throw unknownAlgorithm("mask generation", oid);
  return hashOf(algorithmOf(parameters));
}

/** The one value inside of an explicit tag. */
export function onlyPart(value: BerValue): BerValue {
  const parts = new BerParts(value, value.tag, "a tagged value");
  const part = parts.next();
  parts.end();
  return part;
}

/** Whether a public key is of the kind that makes such signatures. */
export function suits(publicKey: KeyObject, { kind }: SignatureKind): boolean {
  const type = publicKey.asymmetricKeyType;
  if (kind === "rsa-pkcs1") return type === "rsa";
  if (kind === "rsa-pss") return type === "rsa" || type === "rsa-pss";
  return type === (kind === "ecdsa" ? "ec" : "ed25519");
}

/** Whether `signature` is the key's signature of `data`. Never throws. */
export function verifies(
  publicKey: KeyObject,
  how: SignatureKind,
  hash: HashAlgorithm,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!suits(publicKey, how)) return false;
  try {
    if (how.kind === "ed25519") return verify(null, data, publicKey, signature);
    return verify(hash.name, data, { key: publicKey, ...paddingOf(how) }, signature);
  } catch {
    return false;
  }
}

/** The padding of a signature for node:crypto. */
export function paddingOf(how: SignatureKind): { padding?: number; saltLength?: number } {
  if (how.kind === "rsa-pkcs1") return { padding: constants.RSA_PKCS1_PADDING };
  if (how.kind === "rsa-pss") return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: how.saltBytes };
  return {};
}

/**
 * The same for content whose digest is all that is left: RSA with PKCS #1 v1.5 (RFC 8017 section 8.2.2), which is what signs
 * without attributes. Never throws.
 */
export function verifiesDigest(
  publicKey: KeyObject,
  how: SignatureKind,
  hash: HashAlgorithm,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (how.kind !== "rsa-pkcs1" || !suits(publicKey, how)) return false;
  try {
    const info = publicDecrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, signature);
    return [derAlgorithm(hash.oid, derNull()), derAlgorithm(hash.oid)].some((algorithm) => {
      const wanted = derSequence(algorithm, derOctetString(digest));
      return wanted.length === info.length && timingSafeEqual(wanted, info);
    });
  } catch {
    return false;
  }
}
