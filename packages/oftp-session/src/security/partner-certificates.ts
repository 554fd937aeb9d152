import { parseCertificate } from "@waybill/cert-store";
import type { StateStore, StateValue } from "../state-store.js";
import { type PartnerCertificate, SECURITY_PURPOSES, type SecurityPurpose } from "./partner-security.js";

/** Null: all. */
type StoredPurposes = readonly SecurityPurpose[] | null;

/** What came over the wire and was accepted. */
interface CertificateRecord {
  /** Base64. */
  readonly der: string;
  readonly purposes: StoredPurposes;
  /** Milliseconds since 1970. */
  readonly acceptedAt: number;
}

/** What is not to be used any more, and for what. */
interface ReplacedRecord {
  readonly purposes: StoredPurposes;
  /** Milliseconds since 1970. */
  readonly replacedAt: number;
}

/**
 * The certificates that partners have sent and that were accepted, in the state store: they come on top of those of the
 * partner's entry. What was replaced is not used any more, wherever it stands.
 */
export class PartnerCertificates {
  readonly #store: StateStore;

  constructor(store: StateStore) {
    this.#store = store;
  }

  /**
   * Resolves when it is on disk. `replaces`: the thumbprints (SHA-256) of those that are not to be used any more for what this one is
   * for.
   */
  async accept(
    partner: string,
    { certificate, purposes }: PartnerCertificate,
    replaces: readonly string[],
    now: Date,
  ): Promise<void> {
    const thumbprint = certificate.thumbprint("sha256");
    const [before, replaced] = await Promise.all([
      this.#store.get(acceptedTable(partner), thumbprint),
      this.#store.get(replacedTable(partner), thumbprint),
    ]);
    const added = purposesOf(purposes);
    const record: CertificateRecord = {
      der: certificate.der.toString("base64"),
      purposes: stored(union(before === undefined ? [] : storedPurposes(before), added)),
      acceptedAt: now.getTime(),
    };
    await this.#store.put(acceptedTable(partner), thumbprint, record as unknown as StateValue);
    if (replaced !== undefined) {
      await this.#putReplaced(partner, thumbprint, without(storedPurposes(replaced), added), now);
    }
    // Last: a crash before leaves one certificate too many, not one too few.
    for (const old of replaces) {
      if (old === thumbprint) continue;
      const already = await this.#store.get(replacedTable(partner), old);
      await this.#putReplaced(
        partner,
        old,
        union(already === undefined ? [] : storedPurposes(already), added),
        now,
      );
    }
  }

  async #putReplaced(
    partner: string,
    thumbprint: string,
    purposes: readonly SecurityPurpose[],
    now: Date,
  ): Promise<void> {
    const record: ReplacedRecord = { purposes: stored(purposes), replacedAt: now.getTime() };
    if (purposes.length === 0) await this.#store.remove(replacedTable(partner), thumbprint);
    else await this.#store.put(replacedTable(partner), thumbprint, record as unknown as StateValue);
  }

  /** Those of the entry and those that were accepted, without those that were replaced. */
  async all(partner: string, entry: readonly PartnerCertificate[]): Promise<readonly PartnerCertificate[]> {
    const [accepted, replaced] = await Promise.all([
      this.#store.list(acceptedTable(partner)),
      this.#store.list(replacedTable(partner)),
    ]);
    if (accepted.length + replaced.length === 0) return entry;
    const gone = new Map(replaced.map(([thumbprint, value]) => [thumbprint, storedPurposes(value)]));
    return [...accepted.map(([, value]) => fromRecord(value)), ...entry].flatMap((each) => {
      const replacedFor = gone.get(each.certificate.thumbprint("sha256")) ?? [];
      const left = without(purposesOf(each.purposes), replacedFor);
      return left.length === 0 ? [] : { ...each, purposes: left };
    });
  }
}

function acceptedTable(partner: string): string {
  return `certificates.${partner}`;
}

function replacedTable(partner: string): string {
  return `certificates-replaced.${partner}`;
}

function fromRecord(value: StateValue): PartnerCertificate {
  const { der } = value as unknown as CertificateRecord;
  return { certificate: parseCertificate(Buffer.from(der, "base64")), purposes: storedPurposes(value) };
}

function storedPurposes(value: StateValue): readonly SecurityPurpose[] {
  const { purposes } = value as unknown as CertificateRecord | ReplacedRecord;
  return purposesOf(purposes ?? undefined);
}

function stored(purposes: readonly SecurityPurpose[]): StoredPurposes {
  return purposes.length === SECURITY_PURPOSES.length ? null : purposes;
}

function purposesOf(purposes: readonly SecurityPurpose[] | undefined): readonly SecurityPurpose[] {
  return purposes === undefined
    ? SECURITY_PURPOSES
    : SECURITY_PURPOSES.filter((each) => purposes.includes(each));
}

function union(
  some: readonly SecurityPurpose[],
  more: readonly SecurityPurpose[],
): readonly SecurityPurpose[] {
  return SECURITY_PURPOSES.filter((each) => some.includes(each) || more.includes(each));
}

function without(
  some: readonly SecurityPurpose[],
  less: readonly SecurityPurpose[],
): readonly SecurityPurpose[] {
  return some.filter((each) => !less.includes(each));
}
