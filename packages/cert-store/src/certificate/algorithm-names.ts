import type { DerValue } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { ASN1_TAG, asn1Oid, asn1Parts, asn1Sequence, CONSTRUCTED, contextTag } from "./asn1-values.js";

const RSASSA_PSS = "1.2.840.113549.1.1.10";

/** RFC 3279, RFC 4055, RFC 5758, RFC 8410, RFC 9688 and OpenSSL's spelling of them. */
const SIGNATURE_ALGORITHMS: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.2": "md2WithRSAEncryption",
  "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
  "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
  "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
  "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
  "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
  "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
  "2.16.840.1.101.3.4.3.14": "id-rsassa-pkcs1-v1_5-with-sha3-256",
  "2.16.840.1.101.3.4.3.15": "id-rsassa-pkcs1-v1_5-with-sha3-384",
  "2.16.840.1.101.3.4.3.16": "id-rsassa-pkcs1-v1_5-with-sha3-512",
  "1.2.840.10045.4.1": "ecdsa-with-SHA1",
  "1.2.840.10045.4.3.1": "ecdsa-with-SHA224",
  "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
  "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
  "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
  "2.16.840.1.101.3.4.3.10": "ecdsa-with-SHA3-256",
  "2.16.840.1.101.3.4.3.11": "ecdsa-with-SHA3-384",
  "2.16.840.1.101.3.4.3.12": "ecdsa-with-SHA3-512",
  "1.3.101.112": "Ed25519",
  "1.3.101.113": "Ed448",
  "1.2.840.10040.4.3": "dsa-with-SHA1",
  "2.16.840.1.101.3.4.3.2": "dsa-with-SHA256",
};

const HASHES: Readonly<Record<string, string>> = {
  "1.2.840.113549.2.5": "MD5",
  "1.3.14.3.2.26": "SHA-1",
  "2.16.840.1.101.3.4.2.4": "SHA-224",
  "2.16.840.1.101.3.4.2.1": "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
  "2.16.840.1.101.3.4.2.8": "SHA3-256",
  "2.16.840.1.101.3.4.2.9": "SHA3-384",
  "2.16.840.1.101.3.4.2.10": "SHA3-512",
};

/** The name of a signature's AlgorithmIdentifier (RFC 5280 section 4.1.1.2); its OID when it has none here. */
export function signatureAlgorithmName(identifier: DerValue, source: ErrorSource): string {
  const [algorithm, parameters] = asn1Sequence(identifier, source);
  const oid = asn1Oid(algorithm, source);
  return oid === RSASSA_PSS ? pssName(parameters, source) : (SIGNATURE_ALGORITHMS[oid] ?? oid);
}

/** RSASSA-PSS-params (RFC 4055 section 3.1); what is left out is SHA-1. A mask with another hash is named, too. */
function pssName(parameters: DerValue | undefined, source: ErrorSource): string {
  const parts = parameters?.tag === ASN1_TAG.sequence ? asn1Parts(parameters, source) : [];
  const field = (number: number) => {
    const part = parts.find((candidate) => candidate.tag === (contextTag(number) | CONSTRUCTED));
    return part === undefined ? undefined : asn1Parts(part, source)[0];
  };
  const hash = hashName(field(0), source);
  const mask = field(1);
  const maskHash = hashName(mask === undefined ? undefined : asn1Sequence(mask, source)[1], source);
  return maskHash === hash ? `RSASSA-PSS (${hash})` : `RSASSA-PSS (${hash}, MGF1 ${maskHash})`;
}

function hashName(identifier: DerValue | undefined, source: ErrorSource): string {
  if (identifier === undefined) return "SHA-1";
  const oid = asn1Oid(asn1Sequence(identifier, source)[0], source);
  return HASHES[oid] ?? oid;
}
