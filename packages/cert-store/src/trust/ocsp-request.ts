import { createHash } from "node:crypto";
import { asn1BitString, asn1Sequence, asn1Value } from "../certificate/asn1-values.js";
import { certificateErrors } from "../certificate/certificate-source.js";
import type { Certificate } from "../certificate-types.js";
import { DER_TAG, encodeDer } from "../der.js";

const HASH_ALGORITHM = {
  // SHA-1 with the NULL that old responders want to see.
  sha1: Buffer.from("300906052b0e03021a0500", "hex"),
  sha256: Buffer.from("300d06096086480165030402010500", "hex"),
} as const;
const NONCE_OID = Buffer.from("06092b0601050507300102", "hex");

/** An OCSPRequest for one certificate (RFC 6960 section 4.1), without a signature. `nonce`: of RFC 9654. */
export function ocspRequest(
  certificate: Certificate,
  issuer: Certificate,
  hash: keyof typeof HASH_ALGORITHM,
  nonce: Uint8Array | undefined,
): Buffer {
  const certId = encodeDer(
    DER_TAG.sequence,
    HASH_ALGORITHM[hash],
    encodeDer(DER_TAG.octetString, createHash(hash).update(certificate.issuer.der).digest()),
    encodeDer(DER_TAG.octetString, createHash(hash).update(publicKeyBits(issuer)).digest()),
    encodeDer(DER_TAG.integer, serialOctets(certificate)),
  );
  const requests = encodeDer(DER_TAG.sequence, encodeDer(DER_TAG.sequence, certId));
  return encodeDer(DER_TAG.sequence, encodeDer(DER_TAG.sequence, requests, ...nonceExtensions(nonce)));
}

function nonceExtensions(nonce: Uint8Array | undefined): Buffer[] {
  if (nonce === undefined) return [];
  const value = encodeDer(DER_TAG.octetString, encodeDer(DER_TAG.octetString, nonce));
  const extension = encodeDer(DER_TAG.sequence, NONCE_OID, value);
  return [encodeDer(0xa2, encodeDer(DER_TAG.sequence, extension))];
}

/** The octets of the key that OCSP hashes: those of the BIT STRING, without its header (RFC 6960 section 4.1.1). */
export function publicKeyBits(certificate: Certificate): Buffer {
  const source = certificateErrors(undefined);
  const [, bits] = asn1Sequence(asn1Value(certificate.publicKeyDer, source), source);
  return asn1BitString(bits, source).bytes;
}

/** The contents of the INTEGER. */
function serialOctets(certificate: Certificate): Buffer {
  const octets = Buffer.from(certificate.serialNumber, "hex");
  return (octets[0] ?? 0) >= 0x80 || octets.length === 0 ? Buffer.concat([Buffer.alloc(1), octets]) : octets;
}
