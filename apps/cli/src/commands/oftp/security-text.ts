import type { Certificate } from "@waybill/cert-store";
import type { QueuedFile, ReceivedFile } from "@waybill/oftp-session";

const SHOWN_DIGITS = 16;

/** Enough of a fingerprint (SHA-256) to tell certificates apart: `waybill cert show` has the whole. */
export function shortFingerprint(of: Certificate | string): string {
  const whole = typeof of === "string" ? of : of.thumbprint("sha256");
  return `${whole.toUpperCase().slice(0, SHOWN_DIGITS)}…`;
}

/** Subject and fingerprint. */
export function certificateText(certificate: Certificate): string {
  return `${certificate.subject.text} (${shortFingerprint(certificate)})`;
}

/** As in `encrypted, signed by 1A2B3C4D5E6F7081…, compressed`; empty for a file that came as it is. */
export function receivedSecurityText({ security }: ReceivedFile): string {
  const { encrypted, signer, compressed } = security;
  return [
    ...(encrypted ? ["encrypted"] : []),
    ...(signer === undefined ? [] : [`signed by ${shortFingerprint(signer)}`]),
    ...(compressed ? ["compressed"] : []),
  ].join(", ");
}

/** As in `encrypted, signed, compressed`; empty for a file that goes as it is. */
export function sentSecurityText({ security: { securityLevel, compressed } }: QueuedFile): string {
  return [
    ...(securityLevel === 1 || securityLevel === 3 ? ["encrypted"] : []),
    ...(securityLevel === 2 || securityLevel === 3 ? ["signed"] : []),
    ...(compressed ? ["compressed"] : []),
  ].join(", ");
}
