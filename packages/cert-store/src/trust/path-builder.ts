import type { Certificate } from "../certificate-types.js";
import { nameKey } from "./names.js";

/** Where paths are sought, and how much work that may be. */
export interface PathSearch {
  readonly anchors: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  readonly at: Date;
  readonly maxDepth: number;
  readonly maxSignatureChecks: number;
}

/** Why a path ends without an anchor. */
export type DeadEnd = "noIssuer" | "selfSigned" | "badSignature" | "limit";

/** A chain of certificates, each signed by the next. */
export interface CandidatePath {
  readonly certificates: readonly Certificate[];
  /** Undefined when the last certificate is an anchor. */
  readonly deadEnd: DeadEnd | undefined;
}

/** Steps of the search, whatever they cost: authorities that all issued each other make very many paths. */
const MAX_STEPS = 2_000;
const MAX_DEAD_ENDS = 16;

/**
 * The paths from a certificate up to the anchors, likely ones first. Each step up is to a certificate whose subject is the issuer's
 * name and whose key made the signature; no name and key come twice in a path (RFC 4158 section 2.4.2). Ends that reach no anchor come
 * after all others, longest first.
 */
export function findPaths(leaf: Certificate, search: PathSearch): Generator<CandidatePath> {
  return new PathFinder(search).paths(leaf);
}

class PathFinder {
  readonly #search: PathSearch;
  readonly #anchors: ReadonlySet<string>;
  readonly #issuersByName = new Map<string, Certificate[]>();
  readonly #checked = new Map<string, boolean>();
  readonly #thumbprints = new Map<Certificate, string>();
  readonly #ranked = new Map<string, readonly Certificate[]>();
  readonly #deadEnds: CandidatePath[] = [];
  #signatureChecks = 0;
  #steps = 0;

  constructor(search: PathSearch) {
    this.#search = search;
    this.#anchors = new Set(search.anchors.map((anchor) => this.#thumbprint(anchor)));
    const seen = new Set<string>();
    for (const certificate of [...search.anchors, ...search.intermediates]) {
      const thumbprint = this.#thumbprint(certificate);
      if (seen.has(thumbprint)) continue;
      seen.add(thumbprint);
      const key = nameKey(certificate.subject);
      const sameNamed = this.#issuersByName.get(key);
      if (sameNamed === undefined) this.#issuersByName.set(key, [certificate]);
      else sameNamed.push(certificate);
    }
  }

  *paths(leaf: Certificate): Generator<CandidatePath> {
    yield* this.#climb([leaf], leaf);
    yield* this.#deadEnds.sort((first, second) => second.certificates.length - first.certificates.length);
  }

  *#climb(path: readonly Certificate[], top: Certificate): Generator<CandidatePath> {
    this.#steps += 1;
    if (this.#steps > MAX_STEPS) return this.#end(path, "limit");
    const isAnchor = this.#isAnchor(top);
    if (isAnchor) yield { certificates: path, deadEnd: undefined };
    let deadEnd: DeadEnd = top.selfIssued && this.#isIssuedBy(top, top) === true ? "selfSigned" : "noIssuer";
    let isContinued = false;
    for (const issuer of this.#issuersOf(top)) {
      if (isRepeated(path, issuer)) continue;
      const isIssuer = this.#isIssuedBy(top, issuer);
      if (isIssuer === false) {
        if (deadEnd === "noIssuer") deadEnd = "badSignature";
        continue;
      }
      if (isIssuer === undefined || path.length >= this.#search.maxDepth) {
        deadEnd = "limit";
        break;
      }
      isContinued = true;
      yield* this.#climb([...path, issuer], issuer);
    }
    if (!isAnchor && (!isContinued || deadEnd === "limit")) this.#end(path, deadEnd);
  }

  #end(certificates: readonly Certificate[], deadEnd: DeadEnd): void {
    if (this.#deadEnds.length < MAX_DEAD_ENDS) this.#deadEnds.push({ certificates, deadEnd });
  }

  #isAnchor(certificate: Certificate): boolean {
    return this.#anchors.has(this.#thumbprint(certificate));
  }

  /** Undefined when too many signatures were checked before. */
  #isIssuedBy(certificate: Certificate, issuer: Certificate): boolean | undefined {
    const pair = `${this.#thumbprint(certificate)} ${this.#thumbprint(issuer)}`;
    const known = this.#checked.get(pair);
    if (known !== undefined) return known;
    if (this.#signatureChecks >= this.#search.maxSignatureChecks) return undefined;
    this.#signatureChecks += 1;
    const isSigned = isSignedBy(certificate, issuer);
    this.#checked.set(pair, isSigned);
    return isSigned;
  }

  #thumbprint(certificate: Certificate): string {
    let thumbprint = this.#thumbprints.get(certificate);
    if (thumbprint === undefined) {
      thumbprint = certificate.thumbprint("sha256");
      this.#thumbprints.set(certificate, thumbprint);
    }
    return thumbprint;
  }

  #issuersOf(certificate: Certificate): readonly Certificate[] {
    const thumbprint = this.#thumbprint(certificate);
    let issuers = this.#ranked.get(thumbprint);
    if (issuers === undefined) {
      issuers = this.#rank(certificate, this.#issuersByName.get(nameKey(certificate.issuer)) ?? []);
      this.#ranked.set(thumbprint, issuers);
    }
    return issuers;
  }

  /** Those with the right key identifier first (RFC 4158 section 3.5), then anchors, then those valid at the time. */
  #rank(certificate: Certificate, issuers: readonly Certificate[]): Certificate[] {
    const { at } = this.#search;
    const wanted = certificate.authorityKeyId;
    const rank = (issuer: Certificate): number => {
      const isOther =
        wanted !== undefined && issuer.subjectKeyId !== undefined && issuer.subjectKeyId !== wanted;
      const isValid = issuer.notBefore <= at && at <= issuer.notAfter;
      const isAuthority = issuer.basicConstraints?.ca !== false;
      return (isOther ? 8 : 0) + (this.#isAnchor(issuer) ? 0 : 4) + (isValid ? 0 : 2) + (isAuthority ? 0 : 1);
    };
    return issuers
      .map((issuer) => ({ issuer, rank: rank(issuer) }))
      .sort((first, second) => first.rank - second.rank)
      .map(({ issuer }) => issuer);
  }
}

/** Kinds of keys that node:crypto does not know sign nothing. */
function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  try {
    return certificate.isSignedBy(issuer);
  } catch {
    return false;
  }
}

function isRepeated(path: readonly Certificate[], issuer: Certificate): boolean {
  return path.some(
    (certificate) =>
      certificate.publicKeyDer.equals(issuer.publicKeyDer) &&
      nameKey(certificate.subject) === nameKey(issuer.subject),
  );
}
