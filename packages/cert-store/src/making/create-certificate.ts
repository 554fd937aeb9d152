import { randomBytes } from "node:crypto";
import { asn1BitString, asn1Sequence, asn1Value } from "../certificate/asn1-values.js";
import { certificateFromDer } from "../certificate/parse-certificate.js";
import type { Certificate } from "../certificate-types.js";
import { errorSource } from "../error-source.js";
import type { PrivateKey } from "../key-types.js";
import { derExplicit, derInteger, derSequence, derTime } from "./der-writer.js";
import { type ExtensionOptions, encodeExtensions, encodeKeyIds, keyIdOf } from "./extension-encoder.js";
import { encodeName, type SubjectInput } from "./name-encoder.js";
import { publicKeyInfo, type SigningOptions, signatureOf, signStructure } from "./signed-structure.js";

/** What every certificate gets. */
export interface CertificateOptions extends ExtensionOptions, SigningOptions {
  readonly subject: SubjectInput;
  /** Default: now. */
  readonly notBefore?: Date | undefined;
  /** Default: `validityDays` after `notBefore`. */
  readonly notAfter?: Date | undefined;
  /** Default 730. */
  readonly validityDays?: number | undefined;
}

/** Options of {@link createSelfSignedCertificate}. */
export interface SelfSignedCertificateOptions extends CertificateOptions {
  /** The key to certify, which signs as well. */
  readonly key: PrivateKey;
}

/** Options of {@link issueCertificate}. */
export interface IssueCertificateOptions extends CertificateOptions {
  /** The authority's certificate and its key. */
  readonly issuer: { readonly certificate: Certificate; readonly key: PrivateKey };
  /** SubjectPublicKeyInfo of the key to certify: of a request, a certificate or `keyObject.export`. */
  readonly publicKeyDer: Uint8Array;
}

const DEFAULT_VALIDITY_DAYS = 730;
const DAY_MS = 24 * 60 * 60 * 1000;
/** "No well-defined expiration" (RFC 5280 section 4.1.2.5). */
const LAST_TIME = Date.UTC(9999, 11, 31, 23, 59, 59);
const SERIAL_BYTES = 20;
const VERSION_3 = 2;
const EMPTY_NAME = derSequence();

const source = errorSource(undefined, "certificate");

/**
 * Makes a certificate that its own key signs (RFC 5280), version 3, with a random serial number of 20 octets. The key may
 * be in a token: only `signWith` is asked of it. With `ca` it is an authority's.
 *
 * Errors: `ERR_CERT_OPTIONS`, and what `signWith` throws.
 */
export async function createSelfSignedCertificate(
  options: SelfSignedCertificateOptions,
): Promise<Certificate> {
  const { key } = options;
  const info = publicKeyInfo(key);
  const keyId = keyIdOf(info.bits);
  const subject = encodeName(options.subject, source);
  return build(options, {
    subject,
    issuer: subject,
    publicKeyDer: info.der,
    keyId,
    issuerKeyId: undefined,
    key,
  });
}

/**
 * Makes a certificate for another key, signed by an authority: for small authorities of one's own and for tests.
 * Nothing is taken over from a request: what it asks for is the caller's decision.
 *
 * Errors: `ERR_CERT_OPTIONS`, `ERR_CERT_KEY_MISMATCH` when the issuer's key is another than its certificate's.
 */
export async function issueCertificate(options: IssueCertificateOptions): Promise<Certificate> {
  const { certificate, key } = options.issuer;
  if (certificate.sshKey?.equals(key.publicKey) !== true) {
    throw source.error(
      "ERR_CERT_KEY_MISMATCH",
      "the issuer's key does not belong to the issuer's certificate",
    );
  }
  const publicKeyDer = Buffer.from(options.publicKeyDer);
  const { bytes } = asn1BitString(asn1Sequence(asn1Value(publicKeyDer, source), source)[1], source);
  const issuerKeyId =
    certificate.subjectKeyId === undefined ? undefined : Buffer.from(certificate.subjectKeyId, "hex");
  return build(options, {
    subject: encodeName(options.subject, source),
    issuer: certificate.subject.der,
    publicKeyDer,
    keyId: keyIdOf(bytes),
    issuerKeyId,
    key,
  });
}

interface Parties {
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly publicKeyDer: Buffer;
  readonly keyId: Buffer;
  readonly issuerKeyId: Buffer | undefined;
  readonly key: PrivateKey;
}

async function build(options: CertificateOptions, parties: Parties): Promise<Certificate> {
  if (parties.subject.equals(EMPTY_NAME))
    throw source.error("ERR_CERT_OPTIONS", "a certificate needs a subject");
  const signature = signatureOf(parties.key, options);
  const toBeSigned = derSequence(
    derExplicit(0, derInteger(VERSION_3)),
    derInteger(randomSerial()),
    signature.identifier,
    parties.issuer,
    validity(options),
    parties.subject,
    parties.publicKeyDer,
    derExplicit(
      3,
      derSequence(
        ...encodeExtensions(withAuthorityUsages(options), source),
        ...encodeKeyIds(parties.keyId, parties.issuerKeyId),
      ),
    ),
  );
  return certificateFromDer(await signStructure(toBeSigned, parties.key, signature), source);
}

/** An authority that states its usages must have these (RFC 5280 section 4.2.1.9). */
function withAuthorityUsages(options: CertificateOptions): ExtensionOptions {
  if (options.ca === undefined || options.keyUsage !== undefined) return options;
  return { ...options, keyUsage: ["digitalSignature", "keyCertSign", "cRLSign"] };
}

function validity(options: CertificateOptions): Buffer {
  const { notBefore = new Date(), validityDays = DEFAULT_VALIDITY_DAYS } = options;
  const notAfter = options.notAfter ?? new Date(notBefore.getTime() + validityDays * DAY_MS);
  const [from, to] = [notBefore.getTime(), notAfter.getTime()];
  if (!(from >= 0 && to > from && to <= LAST_TIME)) {
    throw source.error(
      "ERR_CERT_OPTIONS",
      "the validity must begin after 1970, end after it begins and before 10000",
    );
  }
  return derSequence(derTime(notBefore), derTime(notAfter));
}

/** Positive, and always of 20 octets (RFC 5280 section 4.1.2.2). */
function randomSerial(): Buffer {
  const serial = randomBytes(SERIAL_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}
