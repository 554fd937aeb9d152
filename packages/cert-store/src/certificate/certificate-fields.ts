import type { DistinguishedName } from "../certificate-types.js";
import type { DerValue } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { signatureAlgorithmName } from "./algorithm-names.js";
import {
  ASN1_TAG,
  asn1BitString,
  asn1Parts,
  asn1Sequence,
  asn1SmallInteger,
  asn1Time,
  asn1Value,
  CONSTRUCTED,
  contextTag,
  optionalParts,
  requireTag,
} from "./asn1-values.js";
import { readName } from "./distinguished-name.js";
import { type CertificateExtensions, readExtensions } from "./extensions.js";
import { readSubjectKey, type SubjectKey } from "./subject-key.js";

/** The fields of a Certificate (RFC 5280 section 4.1). */
export interface CertificateFields {
  readonly version: number;
  readonly serialNumber: string;
  readonly signatureAlgorithm: string;
  readonly issuer: DistinguishedName;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly subject: DistinguishedName;
  readonly publicKeyDer: Buffer;
  readonly subjectKey: SubjectKey;
  readonly extensions: CertificateExtensions;
}

const MAX_VERSION = 3;
/** RFC 5280 section 4.1.2.2 allows 20; some authorities do not keep to it. */
const MAX_SERIAL_BYTES = 64;

/** Reads a certificate whose DER passed `checkAsn1`. */
export function readCertificateFields(der: Buffer, source: ErrorSource): CertificateFields {
  const [toBeSigned, algorithm, signature, ...rest] = asn1Sequence(asn1Value(der, source), source);
  if (toBeSigned === undefined || algorithm === undefined || rest.length > 0) {
    throw source.damaged("the data is not a certificate");
  }
  asn1BitString(signature, source);
  const parts = asn1Sequence(toBeSigned, source);
  const version = parts[0]?.tag === (contextTag(0) | CONSTRUCTED) ? readVersion(parts.shift(), source) : 1;
  const [serial, innerAlgorithm, issuer, validity, subject, keyInfo, ...optional] = parts;
  if (keyInfo === undefined) throw source.damaged("the certificate is not whole");
  if (innerAlgorithm?.raw.equals(algorithm.raw) !== true) {
    throw source.damaged("the certificate names two different signature algorithms");
  }
  const [notBefore, notAfter] = asn1Sequence(validity, source);
  const [, , list] = optionalParts(optional, [1, 2, 3], source);
  return {
    version,
    serialNumber: readSerialNumber(serial, source),
    signatureAlgorithm: signatureAlgorithmName(algorithm, source),
    issuer: readName(issuer, source),
    notBefore: asn1Time(notBefore, source),
    notAfter: asn1Time(notAfter, source),
    subject: readName(subject, source),
    publicKeyDer: keyInfo.raw,
    subjectKey: readSubjectKey(keyInfo, source),
    extensions: readExtensions(list === undefined ? undefined : onlyPart(list, source), source),
  };
}

function onlyPart(value: DerValue, source: ErrorSource): DerValue | undefined {
  const [part, ...rest] = asn1Parts(value, source);
  if (rest.length > 0) throw source.damaged("the certificate has a value where none belongs");
  return part;
}

function readVersion(value: DerValue | undefined, source: ErrorSource): number {
  const version = 1 + asn1SmallInteger(value === undefined ? undefined : asn1Parts(value, source)[0], source);
  if (version > MAX_VERSION) throw source.unsupported(`certificates of version ${version} are not supported`);
  return version;
}

/** Hexadecimal, upper case, two digits an octet, without leading zero octets. */
export function readSerialNumber(value: DerValue | undefined, source: ErrorSource): string {
  const { contents } = requireTag(value, ASN1_TAG.integer, source);
  if (contents.length === 0 || contents.length > MAX_SERIAL_BYTES) {
    throw source.damaged("the serial number of the certificate is malformed");
  }
  const start = contents.findIndex((octet) => octet !== 0);
  return contents
    .subarray(start < 0 ? contents.length - 1 : start)
    .toString("hex")
    .toUpperCase();
}
