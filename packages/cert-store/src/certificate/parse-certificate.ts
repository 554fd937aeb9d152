import type { Certificate } from "../certificate-types.js";
import type { ErrorSource } from "../error-source.js";
import { readAsn1Header } from "./asn1-guard.js";
import { certificateErrors, certificateSource } from "./certificate-source.js";
import { checkedDer, derBlock } from "./der-input.js";
import { ParsedCertificate } from "./x509-certificate.js";

export { MAX_CERTIFICATE_BYTES } from "./der-input.js";

/** Options of {@link parseCertificate}. */
export interface ParseCertificateOptions {
  /** Stands in the messages of errors. */
  readonly fileName?: string | undefined;
}

/** The labels of RFC 7468 section 5.1, an old one, and OpenSSL's with its notes on trust behind the certificate. */
const TRUSTED_LABEL = "TRUSTED CERTIFICATE";
const LABELS: ReadonlySet<string> = new Set(["CERTIFICATE", "X509 CERTIFICATE", TRUSTED_LABEL]);

/**
 * Reads an X.509 certificate (RFC 5280) from DER, PEM or bare base64. In a PEM file with several blocks it takes the
 * first certificate. Nothing is verified: see `isSignedBy`, and the functions of trust.
 *
 * Errors: `ERR_CERT_DAMAGED`, `ERR_CERT_UNSUPPORTED` (no certificate, above 256 KiB, nested too deep).
 */
export function parseCertificate(
  data: string | Uint8Array,
  options: ParseCertificateOptions = {},
): Certificate {
  const source = certificateErrors(options.fileName);
  const { label, body } = derBlock(data, LABELS, "certificate", source);
  return certificateFromDer(label === TRUSTED_LABEL ? firstValue(body, source) : body, source);
}

/**
 * The certificate of exactly these octets of DER, which are copied; `source` says whose it is in errors.
 * Errors: `ERR_CERT_DAMAGED`, `ERR_CERT_UNSUPPORTED`.
 */
export function certificateFromDer(der: Uint8Array, source: ErrorSource): Certificate {
  const errors = certificateSource(source);
  return new ParsedCertificate(checkedDer(der, errors), errors);
}

function firstValue(bytes: Buffer, source: ErrorSource): Buffer {
  const { headerBytes, contentBytes } = readAsn1Header(bytes, 0, bytes.length, source);
  return bytes.subarray(0, headerBytes + Math.max(0, contentBytes));
}
