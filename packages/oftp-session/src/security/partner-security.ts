import type { Certificate } from "@waybill/cert-store";
import type { Identity, ReceiptHash } from "@waybill/cms-security";

/**
 * What certificates are used for: file signatures (made or verified), file encryption (and decryption), signed end responses,
 * secure authentication of sessions.
 */
export const SECURITY_PURPOSES = ["signing", "encryption", "receipts", "authentication"] as const;
export type SecurityPurpose = (typeof SECURITY_PURPOSES)[number];

/** A certificate of this station with its private key. */
export interface OwnIdentity extends Identity {
  /** Default: all. */
  readonly purposes?: readonly SecurityPurpose[] | undefined;
}

/** A certificate of a partner, or of a station behind it. */
export interface PartnerCertificate {
  readonly certificate: Certificate;
  /** Default: all. */
  readonly purposes?: readonly SecurityPurpose[] | undefined;
  /**
   * The codes (SFIDs) of the stations whose certificate it is: for files to and from these it is used, and no other. Default: those
   * that none is named for.
   */
  readonly sfids?: readonly string[] | undefined;
}

/** Whether something must be, may be or must not be. */
export type SecurityRule = "required" | "allowed" | "forbidden";

/** Rules for the files of one direction. What is left out is allowed. */
export interface SecurityRules {
  readonly sign?: SecurityRule | undefined;
  readonly encrypt?: SecurityRule | undefined;
  readonly compress?: SecurityRule | undefined;
  /** Whether the file's sender asks for a signed end response. */
  readonly signedReceipt?: SecurityRule | undefined;
}

/** What is done to a file that is sent (RFC 5024 section 6.1). */
export interface FileSecurityWishes {
  readonly sign?: boolean | undefined;
  readonly encrypt?: boolean | undefined;
  readonly compress?: boolean | undefined;
  /** Asks for a signed EERP or NERP; the file counts as acknowledged only when one came that holds. */
  readonly signedReceipt?: boolean | undefined;
  /** 1 to 10, see `CIPHER_SUITES` of cms-security. */
  readonly cipherSuite?: number | undefined;
}

/** File security with a partner. */
export interface PartnerSecurity extends FileSecurityWishes {
  /** Default 4: AES-256, RSA PKCS #1 v1.5, SHA-256. Files and receipts. */
  readonly cipherSuite?: number | undefined;
  /** Cipher suites 01 and 02, which sign with SHA-1. Default: neither sent nor accepted. A warning is logged for each file. */
  readonly allowWeak?: boolean | undefined;
  /** The hash in signed end responses of this station. Default: that of the file's cipher suite. */
  readonly receiptHash?: ReceiptHash | undefined;
  readonly require?:
    | { readonly incoming?: SecurityRules | undefined; readonly outgoing?: SecurityRules | undefined }
    | undefined;
}

/**
 * Secure authentication of sessions (RFC 5024 section 4.2.3). `required`: no session without it. `allowed`: a partner that calls and
 * asks for it gets it; calls from here are made without. `refused`: never.
 */
export type SecureAuthentication = "required" | "allowed" | "refused";
