import type { Certificate, HashName } from "@waybill/cert-store";
import type { Logger } from "@waybill/net-core";
import type { CertificateIdentifier, Identity } from "../certificate-identity.js";
import type { LayerReport } from "./layer-report.js";

/** Options of {@link open}. */
export interface OpenOptions {
  /** Our keys: any of them may open the message. */
  readonly keys?: readonly Identity[] | undefined;
  /** The partner's certificates: one of them must have signed. Or what finds them. */
  readonly signers?: readonly Certificate[] | SignerResolver | undefined;
  readonly expect?: Expectations | undefined;
  /**
   * Asked about every signer whose signature holds: trust, revocation (`verifyCertificate` of cert-store), the partner's
   * rules. False refuses: `ERR_CMS_SIGNER_REFUSED`. Default: accepts the certificates that `signers` names.
   */
  readonly acceptSigner?: ((context: SignerContext) => boolean | Promise<boolean>) | undefined;
  /** The time at which a signer's certificate must be valid. Default: now. */
  readonly time?: Date | undefined;
  /** Whether a signer's certificate may be expired, or not valid yet. Default: no, `ERR_CMS_SIGNER_EXPIRED`. */
  readonly allowExpiredSigner?: boolean | undefined;
  /** Whether SHA-1 may sign. Default: no, `ERR_CMS_WEAK`. A warning is logged when it does. */
  readonly allowWeak?: boolean | undefined;
  /** False leaves every signature unchecked: what comes out is then nobody's word. Default: true. */
  readonly verifySignatures?: boolean | undefined;
  /** Hashes of the content, to find in the result. Default: none. */
  readonly digests?: readonly HashName[] | undefined;
  readonly limits?: Partial<OpenLimits> | undefined;
  readonly logger?: Logger | undefined;
  /** Ends it with `ERR_ABORTED` when the next chunk of the source comes. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a message must be: true demands, false forbids, undefined allows. `signed` is demanded by default when `signers`
 * are named.
 *
 * When all three are true or false, exactly the layers that are demanded are opened, and what is in them is the
 * content, even when that is a CMS message itself. Otherwise every layer that is found is opened.
 */
export interface Expectations {
  readonly signed?: boolean | undefined;
  readonly encrypted?: boolean | undefined;
  readonly compressed?: boolean | undefined;
}

/** Finds the certificates by which a signature may be verified. None: the signer is unknown. */
export type SignerResolver = (request: {
  readonly identifier: CertificateIdentifier;
  /** The certificates in the message, in DER. Anybody can put anything there. */
  readonly certificates: readonly Buffer[];
}) => readonly Certificate[] | Promise<readonly Certificate[]>;

/** What {@link OpenOptions.acceptSigner} decides about. */
export interface SignerContext {
  readonly certificate: Certificate;
  /** As the signer says. */
  readonly signingTime: Date | undefined;
}

/** What a message may cost. Sizes in bytes. */
export interface OpenLimits {
  /** Layers in each other. */
  readonly layers: number;
  readonly recipients: number;
  readonly signers: number;
  /** Hash algorithms that one signed layer announces: each costs time for every byte. */
  readonly hashes: number;
  /** All recipients together. */
  readonly recipientBytes: number;
  /** All signers together. */
  readonly signerBytes: number;
  /** The attributes of one signer, and those of an envelope. */
  readonly attributeBytes: number;
  /** Certificates and revocation lists that come along. */
  readonly certificateBytes: number;
  /** Of the content: the announced original size. */
  readonly contentBytes: number;
  /** How many bytes one byte of the message may become. Counts after the first MiB. */
  readonly compressionRatio: number;
}

/** The limits when none are named. */
export const OPEN_LIMITS: OpenLimits = {
  layers: 6,
  recipients: 100,
  signers: 16,
  hashes: 4,
  recipientBytes: 512 * 1024,
  signerBytes: 256 * 1024,
  attributeBytes: 64 * 1024,
  certificateBytes: 1024 * 1024,
  contentBytes: Number.POSITIVE_INFINITY,
  // Without `contentBytes`; with it there is none, since that bounds the content already.
  compressionRatio: 200,
};

/** What {@link open} found out. It is there only once everything was verified. */
export interface OpenResult {
  /** From the outermost to the innermost. */
  readonly layers: readonly LayerReport[];
  /** Bytes of the message. */
  readonly sealedBytes: number;
  readonly contentBytes: number;
  /** The hashes that were asked for. */
  readonly digests: Readonly<Partial<Record<HashName, Buffer>>>;
  /** Who signed: the innermost signature that was verified. */
  readonly signer: Certificate | undefined;
  /** As the signer says. */
  readonly signingTime: Date | undefined;
  /** Whose key opened the message: the outermost. */
  readonly recipient: Certificate | undefined;
}
