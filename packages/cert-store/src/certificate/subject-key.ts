import { createPublicKey, type KeyObject } from "node:crypto";
import type { DerValue } from "../der.js";
import { requireSoundKey } from "../ec-guard.js";
import type { ErrorSource } from "../error-source.js";
import { MAX_RSA_BITS } from "../limits.js";
import { ASN1_TAG, asn1BitString, asn1Oid, asn1Sequence, asn1Value, requireTag } from "./asn1-values.js";

/** What a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) says without OpenSSL's help. */
export interface SubjectKey {
  readonly algorithm: string;
  readonly bits: number;
  /** Undefined when node:crypto can be asked for the key; otherwise why not. */
  readonly problem: string | undefined;
}

const RSA = "1.2.840.113549.1.1.1";
const RSA_PSS = "1.2.840.113549.1.1.10";
const EC = "1.2.840.10045.2.1";
const DSA = "1.2.840.10040.4.1";
const MAX_DSA_BITS = 4096;

const CURVES: Readonly<Record<string, readonly [name: string, bits: number]>> = {
  "1.2.840.10045.3.1.7": ["P-256", 256],
  "1.3.132.0.34": ["P-384", 384],
  "1.3.132.0.35": ["P-521", 521],
  "1.2.840.10045.3.1.1": ["P-192", 192],
  "1.3.132.0.33": ["P-224", 224],
  "1.3.132.0.10": ["secp256k1", 256],
  "1.3.36.3.3.2.8.1.1.7": ["brainpoolP256r1", 256],
  "1.3.36.3.3.2.8.1.1.11": ["brainpoolP384r1", 384],
  "1.3.36.3.3.2.8.1.1.13": ["brainpoolP512r1", 512],
};

/** Kinds without parameters (RFC 8410). */
const FIXED: Readonly<Record<string, readonly [name: string, bits: number]>> = {
  "1.3.101.110": ["X25519", 256],
  "1.3.101.111": ["X448", 448],
  "1.3.101.112": ["Ed25519", 256],
  "1.3.101.113": ["Ed448", 456],
};

/** Reads a SubjectPublicKeyInfo as far as its kind and length. */
export function readSubjectKey(info: DerValue | undefined, source: ErrorSource): SubjectKey {
  const [identifier, key, ...rest] = asn1Sequence(info, source);
  if (rest.length > 0) throw source.damaged("the public key of the certificate is malformed");
  const [algorithm, parameters] = asn1Sequence(identifier, source);
  const oid = asn1Oid(algorithm, source);
  const { bytes, unused } = asn1BitString(key, source);
  if (unused !== 0) throw source.damaged("the public key of the certificate is malformed");
  if (oid === RSA || oid === RSA_PSS) return rsaKey(oid === RSA ? "RSA" : "RSA-PSS", bytes, source);
  if (oid === EC) return ecKey(parameters, bytes, source);
  if (oid === DSA) return dsaKey(parameters, bytes, source);
  const [name, bits] = FIXED[oid] ?? [oid, 8 * bytes.length];
  return {
    algorithm: name,
    bits,
    problem: name === oid ? `keys of type ${oid} are not supported` : undefined,
  };
}

function rsaKey(algorithm: string, bytes: Buffer, source: ErrorSource): SubjectKey {
  const [modulus, exponent, ...rest] = asn1Sequence(asn1Value(bytes, source), source);
  const bits = bitLength(modulus, source);
  requireTag(exponent, ASN1_TAG.integer, source);
  if (rest.length > 0) throw source.damaged("the RSA key of the certificate is malformed");
  const problem =
    bits > MAX_RSA_BITS
      ? `RSA keys of ${bits} bits are not supported: it takes up to ${MAX_RSA_BITS}`
      : undefined;
  return { algorithm, bits, problem };
}

function ecKey(parameters: DerValue | undefined, bytes: Buffer, source: ErrorSource): SubjectKey {
  if (parameters?.tag !== ASN1_TAG.objectIdentifier) {
    // They let anyone choose a generator for which a known key fits (CVE-2020-0601), so OpenSSL never sees them.
    return {
      algorithm: "EC",
      bits: pointBits(bytes),
      problem: "curves with parameters of their own are not supported",
    };
  }
  const oid = asn1Oid(parameters, source);
  const [name, bits] = CURVES[oid] ?? [oid, pointBits(bytes)];
  return {
    algorithm: `EC ${name}`,
    bits,
    problem: name === oid ? `the curve ${oid} is not supported` : undefined,
  };
}

function dsaKey(parameters: DerValue | undefined, bytes: Buffer, source: ErrorSource): SubjectKey {
  const numbers = parameters === undefined ? [] : asn1Sequence(parameters, source);
  // Each is looked at: node:crypto ends the process over a negative one, as it does over what ec-guard.ts is for.
  bitLength(asn1Value(bytes, source), source);
  const [bits = 0] = numbers.map((number) => bitLength(number, source));
  const isUsable = bits > 0 && bits <= MAX_DSA_BITS;
  return {
    algorithm: "DSA",
    bits,
    problem: isUsable ? undefined : `DSA keys of ${bits} bits are not supported`,
  };
}

/** Of the coordinates: one in a compressed point, two in others (SEC 1 section 2.3.3). */
function pointBits(point: Buffer): number {
  const coordinates = point[0] === 2 || point[0] === 3 ? 1 : 2;
  return (8 * Math.max(0, point.length - 1)) / coordinates;
}

function bitLength(value: DerValue | undefined, source: ErrorSource): number {
  const { contents } = requireTag(value, ASN1_TAG.integer, source);
  if (contents.length === 0 || (contents[0] ?? 0) >= 0x80)
    throw source.damaged("a number of the key is malformed");
  const start = contents.findIndex((octet) => octet !== 0);
  return start < 0 ? 0 : 8 * (contents.length - start) - Math.clz32(contents[start] ?? 0) + 24;
}

/** The key for node:crypto. Errors: `ERR_KEY_UNSUPPORTED`. */
export function loadSubjectKey(der: Buffer, key: SubjectKey, source: ErrorSource): KeyObject {
  const unsupported = (problem: string, cause?: unknown) =>
    source.error("ERR_KEY_UNSUPPORTED", problem, cause);
  if (key.problem !== undefined) throw unsupported(key.problem);
  try {
    const keyObject = createPublicKey({ key: der, format: "der", type: "spki" });
    requireSoundKey(keyObject, source);
    return keyObject;
  } catch (error) {
    throw unsupported(`the ${key.algorithm} key of the certificate cannot be used`, error);
  }
}
