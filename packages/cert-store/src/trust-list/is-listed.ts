import type { Certificate } from "../certificate-types.js";
import { authoritiesOf, type ListedService, rolesOf } from "./listed-authorities.js";
import {
  ACTIVE_SERVICE_STATUSES,
  ISSUING_SERVICE_TYPES,
  serviceStateAt,
  shortName,
} from "./service-status.js";
import type { TrustList, TrustServiceProvider } from "./trust-list-types.js";

/** What counts as an active authority. */
export interface ListedOptions {
  /** The time whose status counts, from the service's history if need be. Default: now. */
  readonly at?: Date | undefined;
  /** Default {@link ACTIVE_SERVICE_STATUSES}. */
  readonly activeStatuses?: readonly string[] | undefined;
  /** Default {@link ISSUING_SERVICE_TYPES}. */
  readonly serviceTypes?: readonly string[] | undefined;
}

/**
 * Why a path is not covered by a list. `noIssuer`: the path has one certificate only. `notListed`: nothing of it is
 * listed. `aboveOnly`: the issuer is listed only as the root, or another certificate above, of an authority.
 * `unlistedIntermediate`: a listed authority is in the path, but another one issued. `serviceType`: the issuer's
 * service issues no certificates. `notYet`: its status begins later. `inactive`: it was withdrawn, revoked and so on.
 */
export type NotListedReason =
  | "noIssuer"
  | "notListed"
  | "aboveOnly"
  | "unlistedIntermediate"
  | "serviceType"
  | "notYet"
  | "inactive";

/** What a list says of a path. */
export type ListedVerdict =
  | ({ readonly isListed: true } & ListedService)
  | {
      readonly isListed: false;
      readonly reason: NotListedReason;
      /** One sentence for a person. */
      readonly message: string;
      /** The service that is meant, where there is one. */
      readonly found: ListedService | undefined;
    };

/**
 * Whether the certificate at the beginning of a path was issued by an active authority of the list. The authority must
 * have issued it itself: neither its root nor an authority below it, which are not listed, count (Odette's
 * certificate policy for OFTP2).
 *
 * The path (the certificate first, its issuer next, and so on) must have been verified: signatures are not looked at
 * here. Nor is the list's own age; see `trustListStep`.
 */
export function isListed(
  list: TrustList,
  path: readonly Certificate[],
  options: ListedOptions = {},
): ListedVerdict {
  const issuer = path[1];
  if (issuer === undefined) {
    return not("noIssuer", "the certificate was issued by itself, or its issuer is not known", undefined);
  }
  const roles = rolesOf(list, issuer);
  const at = options.at ?? new Date();
  const verdicts = roles.authorityOf.map((listed) => verdictOf(listed, at, options));
  const verdict = verdicts.find((candidate) => candidate.isListed) ?? verdicts[0];
  if (verdict !== undefined) return verdict;
  const name = issuer.subject.text;
  if (roles.aboveOnly.length > 0) {
    return not(
      "aboveOnly",
      `${name} is in the trust list only to verify an authority below it, and must not issue certificates itself`,
      roles.aboveOnly[0],
    );
  }
  const above = path.slice(2).flatMap((certificate) => rolesOf(list, certificate).authorityOf)[0];
  if (above !== undefined) {
    return not(
      "unlistedIntermediate",
      `${name} is below an authority of the trust list, but is not in the list itself`,
      above,
    );
  }
  return not("notListed", `${name} is not in the trust list`, undefined);
}

function verdictOf(listed: ListedService, at: Date, options: ListedOptions): ListedVerdict {
  const name = listed.service.name || listed.provider.name;
  const state = serviceStateAt(listed.service, at);
  if (state === undefined) {
    const from = listed.service.statusStartingTime.toISOString();
    return not("notYet", `the trust list has ${name} only from ${from} on`, listed);
  }
  if (!(options.serviceTypes ?? ISSUING_SERVICE_TYPES).includes(state.type)) {
    return not(
      "serviceType",
      `the trust list has ${name} as a service of another type (${shortName(state.type)})`,
      listed,
    );
  }
  if (!(options.activeStatuses ?? ACTIVE_SERVICE_STATUSES).includes(state.status)) {
    const since = state.statusStartingTime.toISOString();
    return not(
      "inactive",
      `the trust list has ${name} as ${shortName(state.status)} since ${since}, which is not active`,
      listed,
    );
  }
  return { isListed: true, ...listed };
}

function not(reason: NotListedReason, message: string, found: ListedService | undefined): ListedVerdict {
  return { isListed: false, reason, message, found };
}

/** The certificates that a list gives to build paths with. */
export interface TrustListCertificates {
  /** The active authorities: anchors. */
  readonly authorities: readonly Certificate[];
  /** What is above them: intermediates and roots, which are there to show a path, and are not to be trusted alone. */
  readonly above: readonly Certificate[];
}

/**
 * The certificates of the active authorities of a list, as anchors and intermediates for `verifyCertificate`. Each
 * once.
 */
export function trustListCertificates(list: TrustList, options: ListedOptions = {}): TrustListCertificates {
  const at = options.at ?? new Date();
  const active = list.providers.flatMap((provider: TrustServiceProvider) =>
    provider.services.filter((service) => verdictOf({ provider, service }, at, options).isListed),
  );
  const authorities = new Set(active.flatMap((service) => authoritiesOf(service)));
  const above = new Set(active.flatMap((service) => service.certificates));
  return {
    authorities: [...authorities],
    above: [...above].filter((certificate) => !authorities.has(certificate)),
  };
}
