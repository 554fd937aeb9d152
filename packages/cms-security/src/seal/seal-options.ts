import type { Certificate, HashName } from "@waybill/cert-store";
import type { Logger } from "@waybill/net-core";
import type { IdentifierForm, Identity } from "../certificate-identity.js";
import type { CipherSuite, KeyTransport } from "../cipher-suites.js";
import type { ContentCipher } from "../content-ciphers.js";

/** Options of {@link seal}: what is to be done with the content, in the order of RFC 5024 section 6.1. */
export interface SealOptions {
  /** Where the algorithms below come from when they are not named. Default: suite 04. */
  readonly suite?: CipherSuite | undefined;
  readonly sign?: SignOptions | undefined;
  /** True: level 6. */
  readonly compress?: boolean | CompressOptions | undefined;
  readonly encrypt?: EncryptOptions | undefined;
  /** Whether SHA-1 may sign (suites 01 and 02). Default: no, `ERR_CMS_WEAK`. A warning is logged when it does. */
  readonly allowWeak?: boolean | undefined;
  /**
   * Buffers are lent: a piece that comes out is good until the next one is asked for, when its memory is used again, and a chunk
   * of `source` is not looked at any more when the next one is asked for. For who is done with each piece before the next, as
   * one who waits until it is written; with large content it takes half of the memory, and less time. Default: no.
   */
  readonly reuseBuffers?: boolean | undefined;
  readonly logger?: Logger | undefined;
  /** Ends it with `ERR_ABORTED` when the next chunk of the source comes. */
  readonly signal?: AbortSignal | undefined;
}

export interface SignOptions {
  /** Each signs; several ease the change-over to a new certificate (RFC 5024 section 6.2). */
  readonly signers: readonly Identity[];
  /** Default: the suite's. Ed25519 keys always take SHA-512. */
  readonly hash?: HashName | undefined;
  /** RSA keys only. Default: the suite's. */
  readonly padding?: "pkcs1" | "pss" | undefined;
  /** Default: no, as RFC 5024 section 6.2 recommends. */
  readonly includeCertificates?: boolean | undefined;
  /** Default: `issuerAndSerialNumber`. */
  readonly identifyBy?: IdentifierForm | undefined;
  /** Default: now. */
  readonly signingTime?: Date | undefined;
}

export interface CompressOptions {
  /** zlib's, 1 to 9. Default 6. */
  readonly level?: number | undefined;
}

export interface EncryptOptions {
  /** Any of them can open it: RSA certificates by key transport, EC certificates by ECDH (RFC 5753). */
  readonly recipients: readonly Certificate[];
  /** Default: the suite's. With AES-GCM the message is AuthEnvelopedData (RFC 5083). */
  readonly cipher?: ContentCipher | undefined;
  /** RSA recipients only. Default: the suite's. */
  readonly keyTransport?: KeyTransport | undefined;
  /** Default: `issuerAndSerialNumber`. */
  readonly identifyBy?: IdentifierForm | undefined;
}
