import type { Certificate, HashName } from "@waybill/cert-store";
import type { CertificateIdentifier } from "../certificate-identity.js";
import type { ContentCipher } from "../content-ciphers.js";

/** The kinds of layers, by what they do. `data` is a plain envelope (RFC 5024 section 10.4). */
export type LayerKind = "signed" | "encrypted" | "compressed" | "data";

/** What one layer of a message says about itself, and what was found out. */
export type LayerReport = SignedLayer | EncryptedLayer | CompressedLayer | DataLayer;

/** SignedData. */
export interface SignedLayer {
  readonly kind: "signed";
  readonly signers: readonly SignerReport[];
  /** The certificates that came along, in DER. They are not trusted by being there. */
  readonly certificates: readonly Buffer[];
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

/** EnvelopedData and AuthEnvelopedData. */
export interface EncryptedLayer {
  readonly kind: "encrypted";
  readonly cipher: ContentCipher;
  /** AES-GCM: changes would have been noticed. */
  readonly authenticated: boolean;
  readonly recipients: readonly RecipientReport[];
  /** Whose key opened it; undefined when it was not opened. */
  readonly recipient: Certificate | undefined;
}

export interface RecipientReport {
  /** Undefined for kinds that are not supported. */
  readonly identifier: CertificateIdentifier | undefined;
  readonly kind: "transport" | "agreement" | "unsupported";
  /** `rsa-pkcs1`, `rsa-oaep-` or `ecdh-` and a hash, else the OID; empty for kinds that are not supported. */
  readonly algorithm: string;
}

/** CompressedData, always zlib. */
export interface CompressedLayer {
  readonly kind: "compressed";
}

export interface DataLayer {
  readonly kind: "data";
}
