import { optionError } from "@waybill/net-core";
import type { Certificate, ThumbprintHash } from "../certificate-types.js";

/** A certificate that may sign a list, or its SHA-256 or SHA-1 thumbprint in hexadecimal, with or without colons. */
export type TrustListSigner = Certificate | string;

const HASH_BY_LENGTH: Readonly<Record<number, ThumbprintHash>> = { 40: "sha1", 64: "sha256" };

/** Whether a certificate is one of `signers`. Errors: `ERR_OPTION_INVALID` for a thumbprint that is none. */
export function signerMatcher(signers: readonly TrustListSigner[]): (certificate: Certificate) => boolean {
  const matchers = signers.map((signer) => {
    if (typeof signer !== "string") return (certificate: Certificate) => certificate.equals(signer);
    const thumbprint = signer.replace(/[\s:]/g, "").toUpperCase();
    const hash = HASH_BY_LENGTH[thumbprint.length];
    if (hash === undefined || !/^[0-9A-F]+$/.test(thumbprint)) {
      throw optionError("signers", "must have certificates, or SHA-256 or SHA-1 thumbprints in hexadecimal");
    }
    return (certificate: Certificate) => certificate.thumbprint(hash) === thumbprint;
  });
  return (certificate) => matchers.some((matches) => matches(certificate));
}
