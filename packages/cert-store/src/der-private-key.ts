import { createPrivateKey, type KeyObject } from "node:crypto";
import { requireSupportedAlgorithm, requireSupportedCurve } from "./algorithm-identifier.js";
import { DER_TAG, type DerValue, derParts, derSmallInteger, encodeDer, readDer } from "./der.js";
import type { ErrorSource } from "./error-source.js";
import type { SoftwarePrivateKey } from "./key-types.js";
import { passphraseRequired, passphraseWrong } from "./passphrase-errors.js";
import { requireAffordablePkcs8 } from "./pkcs8-protection.js";
import { privateKeyFromKeyObject } from "./private-key.js";

/** The kinds of private keys in DER, by their labels in PEM (RFC 7468 sections 10 and 11, RFC 5915 section 4). */
export const DER_KEY_LABELS = [
  "PRIVATE KEY",
  "ENCRYPTED PRIVATE KEY",
  "RSA PRIVATE KEY",
  "EC PRIVATE KEY",
] as const;
export type DerKeyLabel = (typeof DER_KEY_LABELS)[number];

/** PKCS#8 with the public key beside the private one (RFC 5958 section 2). */
const PKCS8_VERSION_2 = 1;
const PKCS8_PUBLIC_KEY = 0x81;
const PKCS12_VERSION = 3;

/** What kind of private key `bytes` are, by their structure. */
export function labelOfDer(bytes: Buffer, source: ErrorSource): DerKeyLabel {
  const value = readDer(bytes, source);
  const [first, second] = value.tag === DER_TAG.sequence ? derParts(value, source) : [];
  if (first?.tag === DER_TAG.sequence && second?.tag === DER_TAG.octetString) return "ENCRYPTED PRIVATE KEY";
  if (first?.tag === DER_TAG.integer) {
    if (second?.tag === DER_TAG.octetString) return "EC PRIVATE KEY";
    if (second?.tag === DER_TAG.integer) return "RSA PRIVATE KEY";
    // PKCS#12 (RFC 7292 section 4) begins in the same way.
    const isPkcs12 = derSmallInteger(first, source) === PKCS12_VERSION;
    if (second?.tag === DER_TAG.sequence && !isPkcs12) return "PRIVATE KEY";
    if (isPkcs12)
      throw source.unsupported("PKCS#12 files are not supported as keys: take the key out of it first");
  }
  throw source.unsupported("the DER data is not a private key in PKCS#8, PKCS#1 or SEC1");
}

/**
 * A private key in DER: PKCS#8 (RFC 5958), encrypted or not, PKCS#1 (RFC 8017 appendix A.1.2), SEC1 (RFC 5915).
 * OpenSSL reads it; what is done here before tells damage from what is not supported, and limits the work that a
 * file can ask for.
 */
export function readDerPrivateKey(
  label: DerKeyLabel,
  bytes: Buffer,
  passphrase: string | undefined,
  source: ErrorSource,
): SoftwarePrivateKey {
  const value = readDer(bytes, source);
  if (value.tag !== DER_TAG.sequence) throw source.damaged("the private key is malformed");
  const parts = derParts(value, source);
  if (label === "ENCRYPTED PRIVATE KEY") return readEncryptedPkcs8(bytes, parts, passphrase, source);
  if (label === "PRIVATE KEY") return readPkcs8(bytes, parts, source);
  const version = derSmallInteger(parts[0], source);
  if (label === "RSA PRIVATE KEY") {
    if (version !== 0) throw source.unsupported("RSA keys of more than two primes are not supported");
    return privateKeyFromKeyObject(loadKey(bytes, "pkcs1", source), "", source);
  }
  const parameters = parts.find((part) => part.tag === DER_TAG.context0);
  requireSupportedCurve(parameters === undefined ? undefined : derParts(parameters, source)[0], source);
  return privateKeyFromKeyObject(loadKey(bytes, "sec1", source), "", source);
}

function readEncryptedPkcs8(
  bytes: Buffer,
  parts: readonly DerValue[],
  passphrase: string | undefined,
  source: ErrorSource,
): SoftwarePrivateKey {
  requireAffordablePkcs8(parts, source);
  if (passphrase === undefined) throw passphraseRequired(source);
  let keyObject: KeyObject;
  try {
    keyObject = createPrivateKey({ key: bytes, format: "der", type: "pkcs8", passphrase });
  } catch (error) {
    throw passphraseWrong(source, error);
  }
  return privateKeyFromKeyObject(keyObject, "", source);
}

function readPkcs8(bytes: Buffer, parts: readonly DerValue[], source: ErrorSource): SoftwarePrivateKey {
  const [version, algorithm, privateKey] = parts;
  requireSupportedAlgorithm(algorithm, source);
  if (algorithm === undefined || privateKey?.tag !== DER_TAG.octetString) {
    throw source.damaged("the private key is malformed");
  }
  if (derSmallInteger(version, source) !== PKCS8_VERSION_2) {
    return privateKeyFromKeyObject(loadKey(bytes, "pkcs8", source), "", source);
  }
  // OpenSSL 3.0 does not read this version, so it gets the same key as the first version writes it.
  const zero = encodeDer(DER_TAG.integer, Buffer.from([0]));
  const first = encodeDer(DER_TAG.sequence, zero, algorithm.raw, privateKey.raw);
  const key = privateKeyFromKeyObject(loadKey(first, "pkcs8", source), "", source);
  const stated = parts.find((part) => part.tag === PKCS8_PUBLIC_KEY)?.contents;
  const spki = readDer(key.publicKey.keyObject.export({ format: "der", type: "spki" }), source);
  if (stated !== undefined && derParts(spki, source)[1]?.contents.equals(stated) !== true) {
    throw source.damaged("the private key and the public key in it do not belong together");
  }
  return key;
}

function loadKey(key: Buffer, type: "pkcs8" | "pkcs1" | "sec1", source: ErrorSource): KeyObject {
  try {
    return createPrivateKey({ key, format: "der", type });
  } catch (error) {
    throw source.damaged("the private key is malformed", error);
  }
}
