import type { Certificate } from "../certificate-types.js";
import { derExplicit, derInteger, derOid, derSequence, derSetOf } from "../making/der-writer.js";
import { formatPem } from "../pem.js";
import { distinct, requireContent } from "./written-entry.js";

/** Options of {@link writePkcs7}. */
export interface WritePkcs7Options {
  readonly certificates: readonly Certificate[];
}

const SIGNED_DATA = "1.2.840.113549.1.7.2";
const DATA = "1.2.840.113549.1.7.1";

/**
 * Certificates alone as PKCS #7 (`.p7b`, RFC 5652 section 5.1: signed data that nobody signed), in DER. DER sorts a set,
 * so their order is lost. Errors: `ERR_CERT_OPTIONS` without any.
 */
export function writePkcs7(options: WritePkcs7Options): Buffer {
  const certificates = distinct(options.certificates);
  requireContent(certificates.length, "PKCS #7");
  const sorted = certificates.map((certificate) => certificate.der).sort(Buffer.compare);
  const signedData = derSequence(
    derInteger(1),
    derSetOf(),
    derSequence(derOid(DATA)),
    derExplicit(0, ...sorted),
    derSetOf(),
  );
  return derSequence(derOid(SIGNED_DATA), derExplicit(0, signedData));
}

/** As {@link writePkcs7}, in PEM. */
export function writePkcs7Pem(options: WritePkcs7Options): string {
  return formatPem("PKCS7", writePkcs7(options));
}
