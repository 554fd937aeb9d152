import { errorMessage, isTransferError, type Logger, silentLogger } from "@waybill/net-core";
import { MAX_CERTIFICATE_BYTES, parseCertificate } from "../certificate/parse-certificate.js";
import type { Certificate } from "../certificate-types.js";
import { type DownloadLimits, download } from "./http-download.js";

/** Options of the download of missing authorities. */
export interface IssuerDownloadOptions extends DownloadLimits {
  readonly logger?: Logger | undefined;
}

/** Addresses of one certificate that are tried. */
const MAX_ADDRESSES = 2;

/**
 * The issuer's certificates from the addresses that a certificate names (caIssuers, RFC 5280 section 4.2.2.1), DER or PEM. Only
 * certificates that made its signature are given; an address that does not work gives none. Errors: `ERR_ABORTED`.
 */
export async function downloadIssuers(
  certificate: Certificate,
  { logger = silentLogger, ...limits }: IssuerDownloadOptions,
  signal: AbortSignal | undefined,
): Promise<Certificate[]> {
  const maxBytes = Math.min(limits.maxBytes ?? MAX_CERTIFICATE_BYTES, MAX_CERTIFICATE_BYTES);
  const issuers: Certificate[] = [];
  for (const url of certificate.caIssuerUrls.filter((one) => /^https?:/i.test(one)).slice(0, MAX_ADDRESSES)) {
    try {
      const issuer = parseCertificate(await download({ url, signal }, { ...limits, maxBytes }), {
        fileName: url,
      });
      if (certificate.isSignedBy(issuer)) issuers.push(issuer);
    } catch (error) {
      if (isTransferError(error, "ERR_ABORTED")) throw error;
      logger.warn({ url, error: errorMessage(error) }, "the certificate of an issuer cannot be had");
    }
  }
  return issuers;
}
