import { certificateFromDer } from "../certificate/parse-certificate.js";
import type { Certificate } from "../certificate-types.js";
import type { ErrorSource } from "../error-source.js";
import { requireSoundPublicKey } from "./ec-guard.js";

/** A certificate of a store, whose key is safe to look at. */
export function storeCertificate(der: Uint8Array, source: ErrorSource): Certificate {
  const certificate = certificateFromDer(der, source);
  requireSoundPublicKey(certificate.publicKeyDer, source);
  return certificate;
}
