import { CURVES } from "./curves.js";
import { DER_TAG, type DerValue, derObjectIdentifier, derParts } from "./der.js";
import type { ErrorSource } from "./error-source.js";

const RSA_ENCRYPTION = "1.2.840.113549.1.1.1";
const EC_PUBLIC_KEY = "1.2.840.10045.2.1";
const ED25519 = "1.3.101.112";

/** Names for the kinds that people bring and that are refused. */
const UNSUPPORTED_NAMES: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.10": "RSA-PSS",
  "1.2.840.10040.4.1": "DSA",
  "1.2.840.113549.1.3.1": "Diffie-Hellman",
  "1.3.101.110": "X25519",
  "1.3.101.111": "X448",
  "1.3.101.113": "Ed448",
};

/**
 * Refuses an AlgorithmIdentifier (RFC 5280 section 4.1.1.2) of a kind of key, or of a curve, that is not ours,
 * before OpenSSL sees it: curves with parameters of their own (RFC 3279 section 2.3.5) never reach it.
 */
export function requireSupportedAlgorithm(identifier: DerValue | undefined, source: ErrorSource): void {
  if (identifier?.tag !== DER_TAG.sequence) throw source.damaged("the key data names no algorithm");
  const [algorithm, parameters] = derParts(identifier, source);
  const name = derObjectIdentifier(algorithm, source);
  if (name === RSA_ENCRYPTION || name === ED25519) return;
  if (name !== EC_PUBLIC_KEY) {
    throw source.unsupported(
      `keys of type ${UNSUPPORTED_NAMES[name] ?? name} are not supported: it takes Ed25519, ECDSA or RSA`,
    );
  }
  requireSupportedCurve(parameters, source);
}

/** Refuses ECParameters (RFC 5480 section 2.1.1) that are not one of our curves by name. */
export function requireSupportedCurve(parameters: DerValue | undefined, source: ErrorSource): void {
  if (parameters?.tag !== DER_TAG.objectIdentifier) {
    throw source.unsupported(
      "the key does not name its curve; curves with explicit parameters are not supported",
    );
  }
  const oid = derObjectIdentifier(parameters, source);
  if (!CURVES.some((curve) => curve.oid === oid)) {
    throw source.unsupported(`the curve ${oid} is not supported: it takes P-256, P-384 or P-521`);
  }
}
