import type { Certificate, KeyUsage } from "../certificate-types.js";
import type { IssuerDownloadOptions } from "./issuer-download.js";
import type { RevocationSource } from "./revocation-source.js";

/** What is checked of a certificate or of a path (RFC 5280 section 6). */
export const TRUST_STEPS = [
  "path",
  "signature",
  "validity",
  "basicConstraints",
  "pathLength",
  "keyUsage",
  "extendedKeyUsage",
  "nameConstraints",
  "criticalExtension",
  "weakKey",
  "weakSignature",
  "pinned",
  "hostName",
  "crl",
  "ocsp",
  "revoked",
  "trustList",
] as const;
export type TrustStep = (typeof TRUST_STEPS)[number];

/** Why a step failed. Stable: what a program compares. */
export type TrustFailureCode =
  | "ERR_TRUST_NO_ISSUER"
  | "ERR_TRUST_SELF_SIGNED"
  | "ERR_TRUST_PATH_LIMIT"
  | "ERR_TRUST_SIGNATURE"
  | "ERR_TRUST_EXPIRED"
  | "ERR_TRUST_NOT_YET_VALID"
  | "ERR_TRUST_NOT_CA"
  | "ERR_TRUST_PATH_LENGTH"
  | "ERR_TRUST_KEY_USAGE"
  | "ERR_TRUST_PURPOSE"
  | "ERR_TRUST_NAME_CONSTRAINTS"
  | "ERR_TRUST_CRITICAL_EXTENSION"
  | "ERR_TRUST_WEAK_KEY"
  | "ERR_TRUST_WEAK_SIGNATURE"
  | "ERR_TRUST_NOT_PINNED"
  | "ERR_TRUST_HOST_NAME"
  | "ERR_TRUST_REVOKED"
  | "ERR_TRUST_ON_HOLD"
  | RevocationProblemCode;

/** Why the revocation status of a certificate could not be found. */
export type RevocationProblemCode =
  | "ERR_TRUST_CRL_NO_ADDRESS"
  | "ERR_TRUST_CRL_UNAVAILABLE"
  | "ERR_TRUST_CRL_DAMAGED"
  | "ERR_TRUST_CRL_STALE"
  | "ERR_TRUST_CRL_SIGNATURE"
  | "ERR_TRUST_CRL_SCOPE"
  | "ERR_TRUST_OCSP_NO_ADDRESS"
  | "ERR_TRUST_OCSP_UNAVAILABLE"
  | "ERR_TRUST_OCSP_DAMAGED"
  | "ERR_TRUST_OCSP_STALE"
  | "ERR_TRUST_OCSP_SIGNATURE"
  | "ERR_TRUST_OCSP_RESPONDER"
  | "ERR_TRUST_OCSP_MISMATCH"
  | "ERR_TRUST_OCSP_REFUSED"
  | "ERR_TRUST_OCSP_UNKNOWN";

/** One step that failed for one certificate. */
export interface TrustFailure {
  readonly step: TrustStep;
  /** One of {@link TrustFailureCode}; an `extraStep` may bring codes of its own, which start with `ERR_`, too. */
  readonly code: TrustFailureCode | (string & {});
  /** The certificate that it is about. */
  readonly certificate: Certificate;
  /** Its place in the path: 0 is the certificate that was asked about. */
  readonly depth: number;
  /** One sentence for a person. */
  readonly message: string;
  /** The error underneath, for example of a download. */
  readonly cause?: unknown;
  /** Step `revoked`: when, and why in the words of RFC 5280 section 5.3.1. */
  readonly revocation?: { readonly date: Date; readonly reason: RevocationReason } | undefined;
}

/** RFC 5280 section 5.3.1. */
export const REVOCATION_REASONS = [
  "unspecified",
  "keyCompromise",
  "cACompromise",
  "affiliationChanged",
  "superseded",
  "cessationOfOperation",
  "certificateHold",
  "unused",
  "removeFromCRL",
  "privilegeWithdrawn",
  "aACompromise",
] as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/** What {@link verifyCertificate} found. */
export interface TrustResult {
  readonly trusted: boolean;
  /** The best path found: the certificate first, the anchor last when one was reached. Never empty. */
  readonly path: readonly Certificate[];
  /** Why `path` is not trusted; empty when it is. */
  readonly failures: readonly TrustFailure[];
  /** What would have been a failure with `hard`: revocation statuses that could not be found. */
  readonly warnings: readonly TrustFailure[];
}

/** `off`: not asked. `soft`: a status that cannot be found is a warning. `hard`: it is a failure. */
export type RevocationMode = "off" | "soft" | "hard";

/** How revocation is checked. */
export interface RevocationOptions {
  /** Certificate revocation lists (RFC 5280 section 5). Default `off`. */
  readonly crl?: RevocationMode | undefined;
  /** The online certificate status protocol (RFC 6960). Default `off`. */
  readonly ocsp?: RevocationMode | undefined;
  /**
   * `each`: every method that is on has to find the status for itself. `either`: it is enough that one does, and that the other
   * does not is a warning; it is for authorities that offer only one. A revoked certificate is refused whichever says so. Default
   * `each`.
   */
  readonly combine?: "each" | "either" | undefined;
  /** `chain`: all certificates below the anchor. `leaf`: the certificate alone. Default `chain`. */
  readonly scope?: "chain" | "leaf" | undefined;
  /** Where lists and responses come from. Without it only the extra ones are used. */
  readonly sources?: RevocationSource | undefined;
  /** Lists at hand, DER or PEM. */
  readonly extraCrls?: readonly Uint8Array[] | undefined;
  /** OCSP responses at hand (stapled), DER. */
  readonly extraOcspResponses?: readonly Uint8Array[] | undefined;
  /**
   * The longest time since a list or a response was made, in milliseconds, even if it says that it is valid for longer. It is also the
   * lifetime of those that say nothing, which are refused without it. Default: that of `sources`, else no maximum.
   */
  readonly maxAgeMs?: number | undefined;
  /** For all downloads of one check together, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** How far clocks may differ, in milliseconds. Default 300,000. */
  readonly clockSkewMs?: number | undefined;
  /** The hash in OCSP requests. SHA-1 (the default) is what every responder knows; nothing depends on its strength. */
  readonly ocspHash?: "sha1" | "sha256" | undefined;
  /** Whether OCSP requests carry a nonce (RFC 9654), which makes the cache useless. Default false. */
  readonly ocspNonce?: boolean | undefined;
}

/** What a certificate is to be used for: a name of RFC 5280 section 4.2.1.12, or an OID. */
export type TrustPurpose =
  | "serverAuth"
  | "clientAuth"
  | "codeSigning"
  | "emailProtection"
  | "timeStamping"
  | "OCSPSigning"
  | (string & {});

/** What {@link verifyCertificate} is told. */
export interface VerifyCertificateOptions {
  /** Trusted as they are: roots, intermediates, or the partner's own certificate. Their signatures are not looked at. */
  readonly anchors: readonly Certificate[];
  /** Not trusted: what may lie between. The order does not matter. */
  readonly intermediates?: readonly Certificate[] | undefined;
  /**
   * One certificate of the path must be among these: certificates, or SHA-256 or SHA-1 thumbprints in hexadecimal. It comes on top of
   * the other checks. An empty list refuses everything. Default: no pinning.
   */
  readonly pinned?: readonly (Certificate | string)[] | undefined;
  /** The time of the check. Default: now. */
  readonly at?: Date | undefined;
  /** Default: any. */
  readonly purpose?: TrustPurpose | undefined;
  /** Key usages that the certificate must all have, where it has the extension. Default: one of those that fit `purpose`. */
  readonly keyUsage?: readonly KeyUsage[] | undefined;
  /** The name or IP address that must be among the certificate's alternative names (RFC 9525). */
  readonly hostName?: string | undefined;
  /** Whether a certificate without DNS names and addresses may have the host name as its CN, as old ones do. Default false. */
  readonly hostNameInCommonName?: boolean | undefined;
  readonly revocation?: RevocationOptions | undefined;
  /**
   * Whether missing authorities are downloaded from the addresses in certificates (caIssuers), and with which limits. These addresses are
   * asked before anything is trusted: whoever made the certificate chose them. At most four certificates. Default: never.
   */
  readonly downloadIssuers?: IssuerDownloadOptions | undefined;
  /** The most certificates of a path, with both ends. Default 8. */
  readonly maxDepth?: number | undefined;
  /** The shortest RSA key, in bits. Default 2048. */
  readonly minimumRsaBits?: number | undefined;
  /** Whether signatures with SHA-1 are taken; those with MD5 and older never are. Default false. */
  readonly allowSha1Signatures?: boolean | undefined;
  /** The most signatures that are checked while paths are sought. Default 100. */
  readonly maxSignatureChecks?: number | undefined;
  /**
   * One more check, of each path that reaches an anchor: failures that it gives count as the others do. The trust list is one. What it
   * throws, `verifyCertificate` rejects with.
   */
  readonly extraStep?:
    | ((path: readonly Certificate[]) => readonly TrustFailure[] | Promise<readonly TrustFailure[]>)
    | undefined;
  /** Ends downloads: the promise rejects with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}
