import type { Certificate } from "./certificate-types.js";
import type { PrivateKey, PublicKey } from "./key-types.js";

/** What a store can be. `auto` is no format: it means to look. */
export const STORE_FORMATS = [
  "pkcs12",
  "jks",
  "jceks",
  "bcfks",
  "pem",
  "der",
  "pkcs7",
  "ppk",
  "openssh",
  "rfc4716",
  "jwk",
  "xml",
  "system",
  "folder",
  "pkcs11",
] as const;
export type StoreFormat = (typeof STORE_FORMATS)[number];

/** One thing in a store: a certificate, a private key with its certificates, or a bare public key. */
export interface StoreEntry {
  /** The friendly name, the alias or the label; undefined where the format has none. */
  readonly alias: string | undefined;
  /** In a folder: the file that it came from. */
  readonly fileName: string | undefined;
  readonly certificate: Certificate | undefined;
  /** The certificate first, then its issuers as far as the store has them. Empty without a certificate. */
  readonly chain: readonly Certificate[];
  /** Undefined when there is none; `keyProblem` then says why, if the store has one that cannot be used. */
  readonly privateKey: PrivateKey | undefined;
  readonly keyProblem: Error | undefined;
  /** That of the certificate or the private key; undefined for kinds that SSH does not have. */
  readonly publicKey: PublicKey | undefined;
}

/** A store that was opened. What it shows is what it held at that time. */
export interface CertificateStore {
  readonly format: StoreFormat;
  readonly fileName: string | undefined;
  readonly entries: readonly StoreEntry[];
  /** Entries of a folder, a system store or a key set that could not be read; others go on. */
  readonly problems: readonly Error[];
}

/** Which entry is meant. All that is given must match. */
export interface EntrySelector {
  /**
   * A subject: first those whose RFC 4514 text or one of whose attribute values is the same, then those whose text contains
   * it, without regard to case. `*` is the first with a private key.
   */
  readonly subject?: string | undefined;
  /** Hexadecimal, with or without colons; MD5, SHA-1 or SHA-256 by its length. */
  readonly thumbprint?: string | undefined;
  readonly serialNumber?: string | undefined;
  /** As `subject`, for the issuer. */
  readonly issuer?: string | undefined;
  readonly alias?: string | undefined;
  /** Only entries with a private key. Default false. */
  readonly withPrivateKey?: boolean | undefined;
}
