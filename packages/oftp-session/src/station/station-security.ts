import type { Certificate } from "@waybill/cert-store";
import {
  answerChallenge,
  authenticationChallenge,
  type CipherSuite,
  cipherSuite,
  DEFAULT_CIPHER_SUITE,
  type SignerContext,
} from "@waybill/cms-security";
import { TransferError } from "@waybill/net-core";
import type { Sfid, Ssid } from "@waybill/oftp-codec";
import type { SessionAuthenticator } from "../driver/session-options.js";
import { forPurpose, ofStation, validAt } from "../security/certificate-choice.js";
import { PartnerCertificates } from "../security/partner-certificates.js";
import type { OwnIdentity, SecurityPurpose } from "../security/partner-security.js";
import { requireAllowed, type SecurityMeans } from "../security/security-rules.js";
import type { Partner } from "./partner.js";
import type { StationOptions } from "./station-options.js";

/** Whose certificates and keys are used for what, and by which rules. */
export class StationSecurity {
  readonly certificates: PartnerCertificates;
  readonly #options: StationOptions;
  readonly #now: () => Date;

  constructor(options: StationOptions, now: () => Date) {
    this.#options = options;
    this.#now = now;
    this.certificates = new PartnerCertificates(options.store);
  }

  /** All of this station's for a purpose, the newest first, also those that have expired: they still decrypt. */
  identities(partner: Partner, purpose: SecurityPurpose): readonly OwnIdentity[] {
    return forPurpose(partner.ownIdentities ?? this.#options.identities ?? [], purpose);
  }

  /** Those that sign now. Errors: `ERR_OFTP_CERTIFICATE` without one. */
  signers(partner: Partner, purpose: SecurityPurpose): readonly [OwnIdentity, ...OwnIdentity[]] {
    const [first, ...more] = validAt(this.identities(partner, purpose), this.#now());
    if (first !== undefined) return [first, ...more];
    throw noCertificate(
      `this station has no valid certificate with its key for ${purpose}`,
      partner,
      purpose,
    );
  }

  /**
   * All of the partner's for a purpose, the newest first. `code`: the SFID of the station that is meant, which can be one behind
   * the partner; undefined for the partner itself.
   */
  async partnerCertificates(
    partner: Partner,
    purpose: SecurityPurpose,
    code: string | undefined,
  ): Promise<readonly Certificate[]> {
    const all = await this.certificates.all(partner.name, partner.certificates ?? []);
    return forPurpose(ofStation(all, code), purpose).map(({ certificate }) => certificate);
  }

  /** Those of the partner's that something may be encrypted for now, the newest first. Errors: `ERR_OFTP_CERTIFICATE` without one. */
  async recipients(
    partner: Partner,
    purpose: SecurityPurpose,
    code: string | undefined,
  ): Promise<readonly [Certificate, ...Certificate[]]> {
    const certificates = await this.partnerCertificates(partner, purpose, code);
    const now = this.#now();
    const trusted: Certificate[] = [];
    for (const certificate of certificates) {
      if (now < certificate.notBefore || now > certificate.notAfter) continue;
      if (await this.trusts(partner, certificate, purpose)) trusted.push(certificate);
    }
    const [first, ...more] = trusted;
    if (first !== undefined) return [first, ...more];
    const problem =
      certificates.length === 0
        ? `there is no certificate of ${partner.name} for ${purpose}`
        : `no certificate of ${partner.name} for ${purpose} is valid and trusted now: ask for a new one`;
    throw noCertificate(problem, partner, purpose);
  }

  async trusts(partner: Partner, certificate: Certificate, purpose: SecurityPurpose): Promise<boolean> {
    const hook = this.#options.hooks?.trustCertificate;
    return hook === undefined || (await hook({ partner, certificate, purpose }));
  }

  /** As cms-security asks it. */
  acceptSigner(partner: Partner, purpose: SecurityPurpose): (context: SignerContext) => Promise<boolean> {
    return ({ certificate }) => this.trusts(partner, certificate, purpose);
  }

  /**
   * Whether an announced file may come. `byRules`: what the partner's entry requires and forbids counts too, which it does not for
   * certificates: whether those are trusted is decided when they are there. Rejects with a `FileRefusedError` (reasons 15 to 20).
   */
  async requireAllowed(partner: Partner, sfid: Sfid, byRules: boolean): Promise<void> {
    const { security = {} } = partner;
    const means = await this.#meansFor(partner, sfid);
    requireAllowed(sfid, byRules ? security : { ...security, require: undefined }, means);
  }

  async #meansFor(
    partner: Partner,
    { securityLevel, signedReceipt, originator }: Sfid,
  ): Promise<SecurityMeans> {
    const asked = securityLevel > 0;
    return {
      decrypt: asked && this.identities(partner, "encryption").length > 0,
      verify: asked && (await this.partnerCertificates(partner, "signing", originator)).length > 0,
      signReceipts: signedReceipt && validAt(this.identities(partner, "receipts"), this.#now()).length > 0,
    };
  }

  // --- secure authentication of sessions (RFC 5024 section 4.2.3) ---

  /** Whether a session is authenticated. `asked`: the partner calls, and its SSID says so; undefined: this station calls. */
  async authenticates(partner: Partner, asked: boolean | undefined): Promise<boolean> {
    const rule = partner.secureAuthentication ?? "allowed";
    if (rule !== "allowed") return rule === "required";
    if (asked !== true || this.identities(partner, "authentication").length === 0) return false;
    return (await this.partnerCertificates(partner, "authentication", undefined)).length > 0;
  }

  /** `partnerOf`: whose SSID it is. */
  authenticator(partnerOf: (ssid: Ssid) => Promise<Partner | undefined>): SessionAuthenticator {
    const known = async (ssid: Ssid): Promise<Partner> => {
      const partner = await partnerOf(ssid);
      if (partner === undefined) throw new TypeError("authentication before a partner was admitted");
      return partner;
    };
    return {
      challenge: async (ssid) => {
        const partner = await known(ssid);
        const suite = suiteOf(partner.security?.cipherSuite);
        // During a change-over it is not known which key the partner has: any of them can answer.
        return authenticationChallenge(await this.recipients(partner, "authentication", undefined), {
          suite,
          time: this.#now(),
        });
      },
      answer: async (ssid, envelope) =>
        answerChallenge(envelope, this.identities(await known(ssid), "authentication"), {
          logger: this.#options.logger,
        }),
    };
  }
}

/** 0: that of files without one. */
export function suiteOf(number: number | undefined): CipherSuite {
  return cipherSuite(number || DEFAULT_CIPHER_SUITE);
}

function noCertificate(problem: string, partner: Partner, purpose: SecurityPurpose): TransferError {
  return new TransferError("ERR_OFTP_CERTIFICATE", problem, {
    details: { partner: partner.name, purpose },
  });
}
