import { createHash } from "node:crypto";
import type { Certificate, KeyUsage, PrivateKey } from "@waybill/cert-store";
import { context, contextPrimitive, TAG } from "./ber/ber-header.js";
import { BerParts, type BerValue, octetsOf, parseBer } from "./ber/ber-value.js";
import { derContextPrimitive, derSequence } from "./ber/der-writer.js";
import { cmsError, damaged } from "./cms-error.js";

/** How CMS names a certificate (RFC 5652 sections 5.3 and 6.2.1): by issuer and serial number, or by its key. */
export interface CertificateIdentifier {
  /** The issuer's Name in DER. */
  readonly issuer?: Buffer | undefined;
  /** Contents of the INTEGER. */
  readonly serialNumber?: Buffer | undefined;
  readonly subjectKeyId?: Buffer | undefined;
}

/** A certificate and its private key, which may be in a token. */
export interface Identity {
  readonly certificate: Certificate;
  readonly key: PrivateKey;
}

/** What to call a certificate by. */
export type IdentifierForm = "issuerAndSerialNumber" | "subjectKeyId";

interface Facts {
  readonly serial: BerValue;
  readonly keyBits: Buffer;
}

/** Certificates are parsed once, however many messages name them. */
const facts = new WeakMap<Certificate, Facts>();

function factsOf(certificate: Certificate): Facts {
  const known = facts.get(certificate);
  if (known !== undefined) return known;
  const outer = new BerParts(parseBer(certificate.der), TAG.sequence, "a certificate");
  const inner = new BerParts(outer.next(), TAG.sequence, "a certificate");
  inner.optional(context(0));
  const serial = inner.next(TAG.integer);
  const keyInfo = new BerParts(parseBer(certificate.publicKeyDer), TAG.sequence, "a public key");
  keyInfo.next();
  const found = { serial, keyBits: keyInfo.next(TAG.bitString).contents.subarray(1) };
  facts.set(certificate, found);
  return found;
}

/** IssuerAndSerialNumber (RFC 5652 section 10.2.4). */
export function issuerAndSerialNumber(certificate: Certificate): Buffer {
  return derSequence(certificate.issuer.der, factsOf(certificate).serial.raw);
}

/** The key's identifier: the certificate's own, else the usual one (RFC 5280 section 4.2.1.2). */
export function subjectKeyIdOf(certificate: Certificate): Buffer {
  const { subjectKeyId } = certificate;
  if (subjectKeyId !== undefined) return Buffer.from(subjectKeyId, "hex");
  return createHash("sha1").update(factsOf(certificate).keyBits).digest();
}

/** SignerIdentifier and RecipientIdentifier. */
export function encodeIdentifier(certificate: Certificate, form: IdentifierForm): Buffer {
  return form === "subjectKeyId"
    ? derContextPrimitive(0, subjectKeyIdOf(certificate))
    : issuerAndSerialNumber(certificate);
}

/** Reads a SignerIdentifier or RecipientIdentifier. */
export function identifierOf(value: BerValue): CertificateIdentifier {
  if (value.tag === TAG.sequence) return issuerAndSerialNumberOf(value);
  if (value.tag === contextPrimitive(0) || value.tag === context(0)) {
    return { subjectKeyId: octetsOf(value, contextPrimitive(0)) };
  }
  throw damaged("something else is where a certificate is named");
}

export function issuerAndSerialNumberOf(value: BerValue): CertificateIdentifier {
  const parts = new BerParts(value, TAG.sequence, "an issuer and serial number");
  const issuer = parts.next(TAG.sequence).raw;
  const serialNumber = parts.next(TAG.integer).contents;
  parts.end();
  return { issuer, serialNumber };
}

/** Whether it names this certificate. */
export function names(identifier: CertificateIdentifier, certificate: Certificate): boolean {
  const { issuer, serialNumber, subjectKeyId } = identifier;
  if (subjectKeyId !== undefined) return subjectKeyIdOf(certificate).equals(subjectKeyId);
  return (
    issuer?.equals(certificate.issuer.der) === true &&
    serialNumber?.equals(factsOf(certificate).serial.contents) === true
  );
}

/** Refuses a certificate whose key usages are stated and are none of these. Errors: `ERR_CMS_KEY_USAGE`. */
export function requireKeyUsage(
  certificate: Certificate,
  usages: readonly KeyUsage[],
  purpose: string,
): void {
  const { keyUsage } = certificate;
  if (keyUsage === undefined || usages.some((usage) => keyUsage.includes(usage))) return;
  throw cmsError(
    "ERR_CMS_KEY_USAGE",
    `the certificate of ${certificate.subject.text} is not meant for ${purpose}: its key usage lacks ${usages.join(" or ")}`,
    { details: { thumbprint: certificate.thumbprint("sha256") } },
  );
}

/** Errors: `ERR_CMS_KEY_MISMATCH`. */
export function requireOwnKey({ certificate, key }: Identity): void {
  if (certificate.sshKey?.equals(key.publicKey) === true) return;
  throw cmsError(
    "ERR_CMS_KEY_MISMATCH",
    `the private key does not belong to the certificate of ${certificate.subject.text}`,
  );
}
