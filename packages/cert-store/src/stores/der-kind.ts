import { DER_TAG, type DerValue, derObjectIdentifier, derSmallInteger } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { BER_TAG, berParts, readBer } from "./ber.js";

/** What bytes that begin as ASN.1 can be. */
export type DerKind =
  | "pkcs12"
  | "pkcs7"
  | "bcfks"
  | "certificate"
  | "privateKey"
  | "encryptedKey"
  | "publicKey"
  | "rsaPublicKey";

const PKCS12_VERSION = 3;
const SIGNED_DATA = "1.2.840.113549.1.7.2";

/** Tells what DER (or BER) is by the types of its first parts. */
export function kindOfDer(bytes: Buffer, source: ErrorSource): DerKind {
  const parts = berParts(readBer(bytes, source), source);
  const [first, second, third] = parts;
  if (first?.tag === DER_TAG.integer) return kindOfNumbered(first, second, third, source);
  if (first?.tag === DER_TAG.objectIdentifier) {
    const type = derObjectIdentifier(first, source);
    if (type === SIGNED_DATA) return "pkcs7";
    throw source.unsupported(
      `it is CMS of type ${type}, which is no store: it takes PKCS#7 with certificates`,
    );
  }
  if (first?.tag === DER_TAG.sequence) {
    if (second?.tag === DER_TAG.octetString) return "encryptedKey";
    if (second?.tag === DER_TAG.bitString) return "publicKey";
    if (second?.tag === DER_TAG.sequence && third === undefined) return "bcfks";
    if (second?.tag === DER_TAG.sequence && third?.tag === DER_TAG.bitString) {
      if (!isRequest(first, source)) return "certificate";
      throw source.unsupported(
        "it is a certificate request: the certificate that was issued for it is needed",
      );
    }
  }
  throw source.unsupported("its ASN.1 is no certificate, no key and no store that is known");
}

function kindOfNumbered(
  first: DerValue,
  second: DerValue | undefined,
  third: DerValue | undefined,
  source: ErrorSource,
): DerKind {
  if (second?.tag === DER_TAG.integer) return third === undefined ? "rsaPublicKey" : "privateKey";
  if (second?.tag === DER_TAG.octetString) return "privateKey";
  if (second?.tag !== DER_TAG.sequence) {
    throw source.unsupported("its ASN.1 is no certificate, no key and no store that is known");
  }
  const isPkcs12 = derSmallInteger(first, source) === PKCS12_VERSION && third?.tag !== DER_TAG.octetString;
  return isPkcs12 ? "pkcs12" : "privateKey";
}

/** Whether the first part of something signed is that of a request (RFC 2986 section 4): a number, a name, a key. */
function isRequest(value: DerValue, source: ErrorSource): boolean {
  const [version, name] = berParts(value, source);
  if (version?.tag !== DER_TAG.integer || name?.tag !== DER_TAG.sequence) return false;
  return name.contents.length === 0 || name.contents[0] === BER_TAG.set;
}
