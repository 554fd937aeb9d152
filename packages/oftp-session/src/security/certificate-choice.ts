import type { Certificate } from "@waybill/cert-store";
import type { SecurityPurpose } from "./partner-security.js";

interface Purposeful {
  readonly certificate: Certificate;
  readonly purposes?: readonly SecurityPurpose[] | undefined;
}

/** Those that are for a purpose, the newest first. */
export function forPurpose<T extends Purposeful>(all: readonly T[], purpose: SecurityPurpose): readonly T[] {
  return all
    .filter(({ purposes }) => purposes === undefined || purposes.includes(purpose))
    .sort((a, b) => b.certificate.notBefore.getTime() - a.certificate.notBefore.getTime());
}

/** Those that are valid at a time. */
export function validAt<T extends Purposeful>(all: readonly T[], time: Date): readonly T[] {
  return all.filter(({ certificate: { notBefore, notAfter } }) => time >= notBefore && time <= notAfter);
}
