import type { Certificate } from "../certificate-types.js";
import { nameKey } from "../trust/names.js";
import type { TrustList, TrustService, TrustServiceProvider } from "./trust-list-types.js";

/** A service, and the provider that it is of. */
export interface ListedService {
  readonly provider: TrustServiceProvider;
  readonly service: TrustService;
}

/** What a certificate is in a list. */
export interface ListedRoles {
  /** The services that it is the authority of. */
  readonly authorityOf: readonly ListedService[];
  /** The services that bring it only to verify their authority. */
  readonly aboveOnly: readonly ListedService[];
}

const authoritiesOfServices = new WeakMap<TrustService, readonly Certificate[]>();
const indexOfLists = new WeakMap<TrustList, Map<string, ListedRoles>>();
const NO_ROLES: ListedRoles = { authorityOf: [], aboveOnly: [] };

/**
 * The certificates of a service that may issue. An entry of Odette's list has the authority and, to verify it, the
 * chain above it up to the root; so these are the ones that issued no other of the same entry. A root that is listed
 * alone is itself the authority.
 */
export function authoritiesOf(service: TrustService): readonly Certificate[] {
  let authorities = authoritiesOfServices.get(service);
  if (authorities === undefined) {
    const { certificates } = service;
    authorities = certificates.filter(
      (certificate) => !certificates.some((other) => isIssuer(certificate, other)),
    );
    authoritiesOfServices.set(service, authorities);
  }
  return authorities;
}

/** Whether `issuer`, with a key of its own, issued `subject`. */
function isIssuer(issuer: Certificate, subject: Certificate): boolean {
  return (
    nameKey(subject.issuer) === nameKey(issuer.subject) &&
    // Two certificates of one authority, of which the one is self-signed, are none above the other.
    !subject.publicKeyDer.equals(issuer.publicKeyDer) &&
    subject.isSignedBy(issuer)
  );
}

/** What a certificate, or another one with its name and its key, is in a list. */
export function rolesOf(list: TrustList, certificate: Certificate): ListedRoles {
  let index = indexOfLists.get(list);
  if (index === undefined) {
    index = indexList(list);
    indexOfLists.set(list, index);
  }
  return index.get(identityOf(certificate)) ?? NO_ROLES;
}

function indexList(list: TrustList): Map<string, ListedRoles> {
  const index = new Map<string, { authorityOf: ListedService[]; aboveOnly: ListedService[] }>();
  for (const provider of list.providers) {
    for (const service of provider.services) {
      const authorities = authoritiesOf(service);
      for (const certificate of service.certificates) {
        const identity = identityOf(certificate);
        const roles = index.get(identity) ?? { authorityOf: [], aboveOnly: [] };
        index.set(identity, roles);
        const role = authorities.includes(certificate) ? roles.authorityOf : roles.aboveOnly;
        role.push({ provider, service });
      }
    }
  }
  return index;
}

/** Name and key are what a service is known by (ETSI TS 119 612 section 5.5.3), also after its certificate was renewed. */
function identityOf(certificate: Certificate): string {
  return `${certificate.publicKeyDer.toString("base64")} ${nameKey(certificate.subject)}`;
}
