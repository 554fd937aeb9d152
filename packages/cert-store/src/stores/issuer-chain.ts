import type { Certificate } from "../certificate-types.js";
import { MAX_CHAIN_LENGTH, MAX_ISSUER_CANDIDATES } from "./store-limits.js";

/** The certificates of a store, found by their subject. */
export class CertificatePool {
  readonly #bySubject = new Map<string, Certificate[]>();

  constructor(certificates: Iterable<Certificate>) {
    for (const certificate of certificates) {
      const key = nameKey(certificate.subject.text);
      const list = this.#bySubject.get(key);
      if (list === undefined) this.#bySubject.set(key, [certificate]);
      else if (!list.some((other) => other.equals(certificate))) list.push(certificate);
    }
  }

  /**
   * The certificate, its issuer and so on, as far as the pool has them, whatever their order in the store. It ends at a
   * self-issued certificate. Says nothing about trust.
   */
  chainOf(certificate: Certificate): Certificate[] {
    const chain = [certificate];
    for (let last = certificate; chain.length < MAX_CHAIN_LENGTH; ) {
      const issuer = last.selfIssued ? undefined : this.#issuerOf(last, chain);
      if (issuer === undefined) break;
      chain.push(issuer);
      last = issuer;
    }
    return chain;
  }

  #issuerOf(certificate: Certificate, chain: readonly Certificate[]): Certificate | undefined {
    const candidates = this.#bySubject.get(nameKey(certificate.issuer.text)) ?? [];
    const { authorityKeyId } = certificate;
    // Several of one name: first the one whose key identifier is asked for (RFC 5280 section 4.2.1.1).
    const isNamed = (candidate: Certificate) =>
      authorityKeyId !== undefined && candidate.subjectKeyId === authorityKeyId;
    const ordered = [
      ...candidates.filter(isNamed),
      ...candidates.filter((candidate) => !isNamed(candidate)),
    ].slice(0, MAX_ISSUER_CANDIDATES);
    return ordered.find(
      (candidate) => !chain.some((known) => known.equals(candidate)) && certificate.isSignedBy(candidate),
    );
  }
}

/** Names are compared without regard to case and to the number of blanks (RFC 5280 section 7.1). */
function nameKey(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/ +/g, " ");
}
