import { readFile, stat } from "node:fs/promises";
import {
  type Certificate,
  type DistinguishedName,
  type TrustFailure,
  verifyCertificate,
} from "@waybill/cert-store";
import { errorMessage } from "@waybill/net-core";
import type { Partner, StationHooks } from "@waybill/oftp-session";
import { shortFingerprint } from "./security-text.js";

/** How the certificates of a partner are checked whenever they are used. */
export interface PartnerTrust {
  /** What they must lead to. Undefined: the entry of the partner is all that is needed. */
  readonly anchors: readonly Certificate[] | undefined;
  readonly intermediates: readonly Certificate[];
  /** Files with lists of revoked certificates. */
  readonly crls: readonly string[];
  /** Whether a certificate that it sends may become one of its own. */
  readonly exchange: "never" | "trusted";
}

/** A partner and how it is trusted. */
export interface TrustedPartner {
  readonly partner: Partner;
  readonly trust: PartnerTrust;
}

/**
 * The decisions of a station about certificates, as the configuration has them. `onRefused` hears why one is not trusted: the
 * station itself knows only that it is not.
 */
export function certificateHooks(
  partners: readonly TrustedPartner[],
  onRefused: (text: string) => void,
): Pick<StationHooks, "trustCertificate" | "acceptCertificate"> {
  const checks = new Map(partners.map(({ partner, trust }) => [partner.name, new TrustCheck(trust)]));
  return {
    trustCertificate: async ({ partner, certificate, purpose }) => {
      const problem = await checks.get(partner.name)?.problemOf(certificate);
      if (problem === undefined) return true;
      const name = `${shortFingerprint(certificate)} of ${partner.name}`;
      onRefused(`the certificate ${name} is not used for ${purpose}: ${problem.text}`);
      return false;
    },
    acceptCertificate: async ({ partner, certificate, known }) => {
      const check = checks.get(partner.name);
      if (check?.trust.exchange !== "trusted") {
        return { accept: false, text: "certificates are not taken over automatically here" };
      }
      const problem = await check.problemOf(certificate);
      if (problem !== undefined) {
        const name = `${shortFingerprint(certificate)} of ${partner.name}`;
        onRefused(`the certificate ${name} is not taken over: ${problem.text}`);
        // The partner need not know what this station's files are called.
        const text = problem.isOwn ? "it cannot be checked at present" : `it is not trusted: ${problem.text}`;
        return { accept: false, text };
      }
      // Else anybody with a certificate of the same authority could take the partner's place.
      if (known.length > 0 && !known.some(({ subject }) => isSameName(subject, certificate.subject))) {
        return { accept: false, text: "its subject is not that of a certificate before it" };
      }
      return { accept: true };
    },
  };
}

/** For people: certificates of partners that would be refused now. */
export async function untrustedCertificates(partners: readonly TrustedPartner[]): Promise<readonly string[]> {
  const texts: string[] = [];
  for (const { partner, trust } of partners) {
    const check = new TrustCheck(trust);
    for (const { certificate } of partner.certificates ?? []) {
      const problem = await check.problemOf(certificate);
      if (problem === undefined) continue;
      const name = `${shortFingerprint(certificate)} of ${partner.name}`;
      texts.push(`the certificate ${name} cannot be used now: ${problem.text}`);
    }
  }
  return texts;
}

/** Why a certificate is not trusted. */
interface TrustProblem {
  readonly text: string;
  /** It is this station's, not the certificate's. */
  readonly isOwn: boolean;
}

class TrustCheck {
  readonly trust: PartnerTrust;
  readonly #lists: readonly RevocationList[];

  constructor(trust: PartnerTrust) {
    this.trust = trust;
    this.#lists = trust.crls.map((path) => new RevocationList(path));
  }

  /** Undefined for one that is trusted. Nothing is downloaded. */
  async problemOf(certificate: Certificate): Promise<TrustProblem | undefined> {
    const { anchors, intermediates } = this.trust;
    if (anchors === undefined) return undefined;
    let extraCrls: readonly Buffer[];
    try {
      extraCrls = await Promise.all(this.#lists.map((list) => list.read()));
    } catch (error) {
      return { text: errorMessage(error), isOwn: true };
    }
    const { trusted, failures } = await verifyCertificate(certificate, {
      anchors,
      intermediates,
      // A list that is missing or too old must not make a revoked certificate good again.
      ...(extraCrls.length > 0 && { revocation: { crl: "hard", extraCrls } }),
    });
    if (trusted) return undefined;
    return {
      text: failures.map(failureText).join("; "),
      isOwn: failures.some(({ step }) => step === "crl"),
    };
  }
}

function failureText({ code, message, certificate }: TrustFailure): string {
  // Addresses are never asked here.
  if (code !== "ERR_TRUST_CRL_NO_ADDRESS" && code !== "ERR_TRUST_CRL_UNAVAILABLE") return message;
  return `${certificate.subject.text}: none of the lists under crls is about it`;
}

/** A file that somebody replaces from time to time. */
class RevocationList {
  readonly #path: string;
  #held: { readonly version: string; readonly content: Buffer } | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Errors: one that names the file. */
  async read(): Promise<Buffer> {
    try {
      const { mtimeNs, size, ino } = await stat(this.#path, { bigint: true });
      const version = `${mtimeNs} ${size} ${ino}`;
      if (this.#held?.version !== version) {
        this.#held = { version, content: await readFile(this.#path) };
      }
      return this.#held.content;
    } catch (error) {
      throw new Error(
        `the list of revoked certificates ${this.#path} cannot be read: ${errorMessage(error)}`,
        { cause: error },
      );
    }
  }
}

/** Authorities change how they encode names, not the names. */
function isSameName(
  { attributes: one }: DistinguishedName,
  { attributes: other }: DistinguishedName,
): boolean {
  return (
    one.length === other.length &&
    one.every(({ oid, value }, index) => oid === other[index]?.oid && value === other[index]?.value)
  );
}
