import { signatureAlgorithmName } from "../certificate/algorithm-names.js";
import {
  ASN1_TAG,
  asn1BitString,
  asn1Oid,
  asn1Parts,
  asn1Sequence,
  asn1SmallInteger,
  asn1Value,
  CONSTRUCTED,
  contextTag,
} from "../certificate/asn1-values.js";
import { readName } from "../certificate/distinguished-name.js";
import { type CertificateExtensions, readExtensions } from "../certificate/extensions.js";
import { readSubjectKey, type SubjectKey } from "../certificate/subject-key.js";
import type { DistinguishedName } from "../certificate-types.js";
import type { DerValue } from "../der.js";
import type { ErrorSource } from "../error-source.js";

/** The attribute with the extensions that are asked for (RFC 2985 section 5.4.2), and Microsoft's for the same. */
export const EXTENSION_REQUEST_OID = "1.2.840.113549.1.9.14";
const MICROSOFT_EXTENSION_REQUEST_OID = "1.3.6.1.4.1.311.2.1.14";

/** The fields of a CertificationRequest (RFC 2986 section 4). */
export interface RequestFields {
  readonly subject: DistinguishedName;
  readonly publicKeyDer: Buffer;
  readonly subjectKey: SubjectKey;
  readonly extensions: CertificateExtensions;
  readonly signatureAlgorithm: string;
  /** DER of the AlgorithmIdentifier. */
  readonly signatureIdentifier: Buffer;
  readonly toBeSigned: Buffer;
  readonly signature: Buffer;
}

/** Reads a request whose DER passed `checkAsn1`. */
export function readRequestFields(der: Buffer, source: ErrorSource): RequestFields {
  const [toBeSigned, algorithm, signature, ...rest] = asn1Sequence(asn1Value(der, source), source);
  if (toBeSigned === undefined || algorithm === undefined || rest.length > 0) {
    throw source.damaged("the data is not a certificate request");
  }
  const [version, subject, keyInfo, attributes] = asn1Sequence(toBeSigned, source);
  if (version?.tag !== ASN1_TAG.integer || keyInfo === undefined) {
    throw source.damaged("the data is not a certificate request");
  }
  if (asn1SmallInteger(version, source) !== 0)
    throw source.unsupported("it is a request of another version than the first");
  return {
    subject: readName(subject, source),
    publicKeyDer: keyInfo.raw,
    subjectKey: readSubjectKey(keyInfo, source),
    extensions: readExtensions(requestedExtensions(attributes, source), source),
    signatureAlgorithm: signatureAlgorithmName(algorithm, source),
    signatureIdentifier: algorithm.raw,
    toBeSigned: toBeSigned.raw,
    signature: asn1BitString(signature, source).bytes,
  };
}

function requestedExtensions(attributes: DerValue | undefined, source: ErrorSource): DerValue | undefined {
  if (attributes?.tag !== (contextTag(0) | CONSTRUCTED)) return undefined;
  for (const attribute of asn1Parts(attributes, source)) {
    const [type, values] = asn1Sequence(attribute, source);
    const oid = asn1Oid(type, source);
    if (oid === EXTENSION_REQUEST_OID || oid === MICROSOFT_EXTENSION_REQUEST_OID) {
      return asn1Sequence(values, source, ASN1_TAG.set)[0];
    }
  }
  return undefined;
}
