import { createPrivateKey } from "node:crypto";
import { CURVES } from "../curves.js";
import { DER_TAG, type DerValue, derObjectIdentifier } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { BER_TAG, berParts, readBer } from "./ber.js";

/*
 * Elliptic-curve keys that OpenSSL loads, but that end the whole process when node:crypto exports them as a JSON web key:
 * a public key that is the point at infinity, and a private number longer than the curve's. They are refused before
 * node:crypto sees them.
 */

const EC_PUBLIC_KEY = "1.2.840.10045.2.1";

/** The point at infinity is one zero (SEC 1 section 2.3.3), behind the count of unused bits. */
const INFINITY_BYTES = 2;

/** Refuses a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) with the point at infinity. */
export function requireSoundPublicKey(der: Buffer, source: ErrorSource): void {
  const [algorithm, point] = berParts(readBer(der, source), source);
  if (derObjectIdentifier(berParts(algorithm, source)[0], source) === EC_PUBLIC_KEY)
    requirePoint(point, source);
}

/** Refuses such a private key in PKCS#8 (RFC 5958) or SEC 1 (RFC 5915); other kinds and other data pass. */
export function requireSoundPrivateKey(der: Buffer, source: ErrorSource): void {
  const [, second, third] = berParts(readBer(der, source), source);
  if (second?.tag === DER_TAG.octetString) {
    requireSoundSec1(der, undefined, source);
  } else if (second?.tag === DER_TAG.sequence && third?.tag === DER_TAG.octetString) {
    const [oid, curve] = berParts(second, source);
    if (derObjectIdentifier(oid, source) === EC_PUBLIC_KEY) requireSoundSec1(third.contents, curve, source);
  }
}

/** The same for a PEM block that OpenSSL decrypts. One that it cannot load is left to the reader, which says why. */
export function requireSoundEncryptedPem(pem: string, passphrase: string, source: ErrorSource): void {
  let key: ReturnType<typeof createPrivateKey>;
  try {
    key = createPrivateKey({ key: pem, format: "pem", passphrase });
  } catch {
    return;
  }
  if (key.asymmetricKeyType !== "ec") return;
  let der: Buffer;
  try {
    der = key.export({ format: "der", type: "sec1" });
  } catch (error) {
    throw source.damaged("the private number is outside of the curve's range", error);
  }
  requireSoundSec1(der, undefined, source);
}

function requireSoundSec1(der: Buffer, outerCurve: DerValue | undefined, source: ErrorSource): void {
  const [, scalar, ...optional] = berParts(readBer(der, source), source);
  if (scalar?.tag !== DER_TAG.octetString) throw source.damaged("the private key is malformed");
  const named = optional.find((part) => part.tag === DER_TAG.context0);
  const inner = named === undefined ? undefined : berParts(named, source, DER_TAG.context0)[0];
  const first = scalar.contents.findIndex((byte) => byte !== 0);
  const length = first < 0 ? 0 : scalar.contents.length - first;
  for (const curve of [outerCurve, inner]) {
    if (curve?.tag !== DER_TAG.objectIdentifier) continue;
    const oid = derObjectIdentifier(curve, source);
    const bytes = CURVES.find((candidate) => candidate.oid === oid)?.fieldBytes;
    if (bytes !== undefined && length > bytes) {
      throw source.damaged("the private number is outside of the curve's range");
    }
  }
  const point = optional.find((part) => part.tag === BER_TAG.context1);
  if (point !== undefined) requirePoint(berParts(point, source, BER_TAG.context1)[0], source);
}

function requirePoint(point: DerValue | undefined, source: ErrorSource): void {
  if (point?.tag !== DER_TAG.bitString || point.contents.length <= INFINITY_BYTES) {
    throw source.damaged("the public key is no point of the curve");
  }
}
