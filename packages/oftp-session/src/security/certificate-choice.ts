import type { Certificate } from "@waybill/cert-store";
import { sameCode } from "../station/partner.js";
import type { PartnerCertificate, SecurityPurpose } from "./partner-security.js";

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

/** Those of one station: what is named for it, else what is named for none. `code`: undefined for the partner itself. */
export function ofStation<T extends Pick<PartnerCertificate, "sfids">>(
  all: readonly T[],
  code: string | undefined,
): readonly T[] {
  const named = all.filter(
    ({ sfids }) => code !== undefined && sfids?.some((sfid) => sameCode(sfid, code)) === true,
  );
  return named.length > 0 ? named : all.filter(({ sfids }) => sfids === undefined);
}

/** Those that are valid at a time. */
export function validAt<T extends Purposeful>(all: readonly T[], time: Date): readonly T[] {
  return all.filter(({ certificate: { notBefore, notAfter } }) => time >= notBefore && time <= notAfter);
}
