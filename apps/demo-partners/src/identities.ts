import { createSelfSignedCertificate, generateKeyPair } from "@waybill/cert-store";
import type { OwnIdentity } from "@waybill/oftp-session";
import type { Report } from "./report.js";
import { ALDER, BIRCH, type Company } from "./stations.js";

/** A company with its identity. */
export type KnownCompany = Company & { readonly identity: OwnIdentity };

/** Enough for a demonstration, and made in a moment. */
const KEY_BITS = 2048;

/** Gives both companies a key and a certificate. */
export async function makeIdentities(report: Report): Promise<readonly [KnownCompany, KnownCompany]> {
  report.chapter("2. Keys and certificates");
  const both = await Promise.all([withIdentity(ALDER), withIdentity(BIRCH)]);
  for (const { name, identity } of both) {
    const { subject } = identity.certificate;
    report.line(`${name} makes an RSA key and a certificate: ${subject.text}, SHA-256 ${printOf(identity)}`);
  }
  report.line("each gives the other its certificate, and keeps its key to itself");
  return both;
}

/** A company with a new key, and a certificate that the key itself signs. */
export async function withIdentity(company: Company): Promise<KnownCompany> {
  const key = await generateKeyPair({ type: "rsa", bits: KEY_BITS });
  const certificate = await createSelfSignedCertificate({ subject: `CN=${company.name}`, key });
  return { ...company, identity: { key, certificate } };
}

/** The beginning of the certificate's fingerprint: enough to see whose it is. */
export function printOf({ certificate }: Pick<OwnIdentity, "certificate">): string {
  return `${certificate.thumbprint("sha256").slice(0, 16)}…`;
}
