import { parseCertificate } from "@waybill/cert-store";
import type { StateStore, StateValue } from "../state-store.js";
import { type PartnerCertificate, SECURITY_PURPOSES, type SecurityPurpose } from "./partner-security.js";

/** What came over the wire and was accepted. */
interface CertificateRecord {
  /** Base64. */
  readonly der: string;
  readonly purposes: readonly SecurityPurpose[] | null;
  /** Milliseconds since 1970. */
  readonly acceptedAt: number;
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

  /** Resolves when it is on disk. `replaces`: the thumbprints (SHA-256) of those that are not to be used any more. */
  async accept(
    partner: string,
    { certificate, purposes }: PartnerCertificate,
    replaces: readonly string[],
    now: Date,
  ): Promise<void> {
    const record: CertificateRecord = {
      der: certificate.der.toString("base64"),
      purposes: purposes ?? null,
      acceptedAt: now.getTime(),
    };
    const thumbprint = certificate.thumbprint("sha256");
    await this.#store.put(acceptedTable(partner), thumbprint, record as unknown as StateValue);
    await this.#store.remove(replacedTable(partner), thumbprint);
    // Last: a crash before leaves one certificate too many, not one too few.
    for (const old of replaces) {
      if (old !== thumbprint) await this.#store.put(replacedTable(partner), old, now.getTime());
    }
  }

  /** Those of the entry and those that were accepted, without those that were replaced. */
  async all(partner: string, entry: readonly PartnerCertificate[]): Promise<readonly PartnerCertificate[]> {
    const [accepted, replaced] = await Promise.all([
      this.#store.list(acceptedTable(partner)),
      this.#store.list(replacedTable(partner)),
    ]);
    if (accepted.length + replaced.length === 0) return entry;
    const gone = new Set(replaced.map(([thumbprint]) => thumbprint));
    const all = new Map<string, PartnerCertificate>();
    for (const each of [...accepted.map(([, value]) => fromRecord(value)), ...entry]) {
      const thumbprint = each.certificate.thumbprint("sha256");
      if (!gone.has(thumbprint)) all.set(thumbprint, each);
    }
    return [...all.values()];
  }
}

function acceptedTable(partner: string): string {
  return `certificates.${partner}`;
}

function replacedTable(partner: string): string {
  return `certificates-replaced.${partner}`;
}

function fromRecord(value: StateValue): PartnerCertificate {
  const { der, purposes } = value as unknown as CertificateRecord;
  return {
    certificate: parseCertificate(Buffer.from(der, "base64")),
    ...(purposes === null ? {} : { purposes: purposes.filter((each) => SECURITY_PURPOSES.includes(each)) }),
  };
}
