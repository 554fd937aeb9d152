import type { Certificate, HashName } from "@waybill/cert-store";
import type { CertificateIdentifier } from "../certificate-identity.js";

/** The kinds of layers, by what they do. `data` is a plain envelope (RFC 5024 section 10.4). */
export type LayerKind = "signed" | "encrypted" | "compressed" | "data";

/** What one layer of a message says about itself, and what was found out. */
export type LayerReport = SignedLayer | EncryptedLayer | CompressedLayer | DataLayer;

/** What is in a layer. */
export interface LayerContent {
  /** An OID, id-data wherever {@link open} has opened something; in a description it may be another. */
  readonly contentType: string;
  /** Whether the content is not in the message. Only in a description. */
  readonly detached: boolean;
}

/**
 * SignedData. In a description it may have no signers: with certificates and no content it is how certificates are sent
 * (RFC 5652 section 5.1).
 */
export interface SignedLayer extends LayerContent {
  readonly kind: "signed";
  readonly signers: readonly SignerReport[];
  /** The certificates that came along, in DER. They are not trusted by being there. */
  readonly certificates: readonly Buffer[];
  /** How many revocation lists came along. */
  readonly revocationLists: number;
}

export interface SignerReport {
  readonly identifier: CertificateIdentifier;
  /** Undefined when it is none that is supported; then `digestOid` says which. */
  readonly hash: HashName | undefined;
  readonly digestOid: string;
  /** `rsa-pkcs1`, `rsa-pss`, `ecdsa`, `ed25519`, else the OID. */
  readonly signature: string;
  /** As the signer says. */
  readonly signingTime: Date | undefined;
  /** OIDs of the signed attributes; undefined when the content itself is signed. */
  readonly signedAttributes: readonly string[] | undefined;
  /**
   * `verified`: by `certificate`. `failed`: known, but the signature does not hold. `unknown`: by none of the expected signers.
   * `unchecked`: verification was not asked for.
   */
  readonly status: "verified" | "failed" | "unknown" | "unchecked";
  readonly certificate: Certificate | undefined;
}

/** EnvelopedData and AuthEnvelopedData; in a description EncryptedData, too. */
export interface EncryptedLayer extends LayerContent {
  readonly kind: "encrypted";
  /** A `ContentCipher`; in a description the OID of others. */
  readonly cipher: string;
  /** AES-GCM: changes would have been noticed. */
  readonly authenticated: boolean;
  /** None in EncryptedData: who is to open it has the key already. */
  readonly recipients: readonly RecipientReport[];
  /** Whose key opened it; undefined when it was not opened. */
  readonly recipient: Certificate | undefined;
}

export interface RecipientReport {
  /** Undefined for kinds that are not supported. */
  readonly identifier: CertificateIdentifier | undefined;
  readonly kind: "transport" | "agreement" | "unsupported";
  /**
   * `rsa-pkcs1`, `rsa-oaep-` or `ecdh-` and a hash, else the OID; empty for kinds that are not supported. When OAEP's mask has
   * another hash, `-mgf1-` and that follow.
   */
  readonly algorithm: string;
}

/** CompressedData. */
export interface CompressedLayer extends LayerContent {
  readonly kind: "compressed";
  /** `zlib`; in a description the OID of others. */
  readonly algorithm: string;
}

export interface DataLayer {
  readonly kind: "data";
}

/** What a description names beside what can be opened. */
export type DescribedLayer = LayerReport | DigestedLayer | AuthenticatedLayer | OtherLayer;

/** DigestedData (RFC 5652 section 7). */
export interface DigestedLayer extends LayerContent {
  readonly kind: "digested";
  /** The OID when it is none that is supported. */
  readonly hash: HashName | (string & {});
}

/** AuthenticatedData (RFC 5652 section 9): a code that only the recipients can check, or make. */
export interface AuthenticatedLayer extends LayerContent {
  readonly kind: "authenticated";
  /** The OID of the code. */
  readonly algorithm: string;
  readonly recipients: readonly RecipientReport[];
}

/** A content type that is not known. What is in it was not looked at. */
export interface OtherLayer {
  readonly kind: "other";
  readonly contentType: string;
}
