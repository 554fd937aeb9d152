import type { TrustService } from "./trust-list-types.js";

/** Types of services that issue certificates of public keys (ETSI TS 119 612 section 5.5.1). */
export const SERVICE_TYPE_CA_PKC = "http://uri.etsi.org/TrstSvc/Svctype/CA/PKC";
export const SERVICE_TYPE_CA_QC = "http://uri.etsi.org/TrstSvc/Svctype/CA/QC";

/** The service types whose certificates may issue, unless others are given. */
export const ISSUING_SERVICE_TYPES: readonly string[] = [SERVICE_TYPE_CA_PKC, SERVICE_TYPE_CA_QC];

/** "In accord with the scheme" (ETSI TS 102 231 section 5.5.4): what Odette's list says of an active authority. */
export const SERVICE_STATUS_IN_ACCORD = "http://uri.etsi.org/TrstSvc/Svcstatus/inaccord";

const EU_STATUS = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/";
const OLD_EU_STATUS = "http://uri.etsi.org/TrstSvc/eSigDir-1999-93-EC-TrustedList/Svcstatus/";
const SUPERVISED = ["undersupervision", "supervisionincessation", "accredited"];

/**
 * The statuses of an active service, unless others are given: in accord (TS 102 231), under supervision, supervision
 * in cessation (still supervised until it ends), accredited (TS 102 231 annex, TS 119 612 version 1), granted, set by
 * national law, recognised at national level (TS 119 612 version 2). Every other, known or not, is inactive.
 */
export const ACTIVE_SERVICE_STATUSES: readonly string[] = [
  SERVICE_STATUS_IN_ACCORD,
  ...SUPERVISED.map((status) => `${OLD_EU_STATUS}${status}`),
  ...[...SUPERVISED, "granted", "setbynationallaw", "recognisedatnationallevel"].map(
    (status) => `${EU_STATUS}${status}`,
  ),
];

/** What a service was at some time. */
export interface ServiceState {
  readonly type: string;
  readonly status: string;
  readonly statusStartingTime: Date;
}

/**
 * What a service was at a time: its present state, or that of its history which had begun last. Undefined before the
 * first of them.
 */
export function serviceStateAt(service: TrustService, at: Date): ServiceState | undefined {
  const begun = [service, ...service.history].filter((state) => state.statusStartingTime <= at);
  // On equal times the earlier in the list, which is the newer, stays.
  return begun.reduce<ServiceState | undefined>(
    (latest, state) =>
      latest === undefined || state.statusStartingTime > latest.statusStartingTime ? state : latest,
    undefined,
  );
}

/** The last word of a status or type, for messages: `withdrawn`, `inaccord`. */
export function shortName(uri: string): string {
  return uri.slice(uri.lastIndexOf("/") + 1).slice(0, 60) || uri.slice(0, 60);
}
