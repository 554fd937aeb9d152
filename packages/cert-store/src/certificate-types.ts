import type { KeyObject } from "node:crypto";
import type { PublicKey } from "./key-types.js";

/** One attribute of a distinguished name. */
export interface NameAttribute {
  /** The short name of RFC 4514 section 3 (`CN`, `O`, `C` …) or of common use (`serialNumber`), else the dotted OID. */
  readonly type: string;
  readonly oid: string;
  readonly value: string;
}

/** A subject or an issuer. */
export interface DistinguishedName {
  /** As RFC 4514 writes it: the last attribute first, special characters escaped. */
  readonly text: string;
  /** In the order of the certificate. An RDN of several attributes is flattened. */
  readonly attributes: readonly NameAttribute[];
  readonly der: Buffer;
}

export type GeneralNameKind = "dns" | "ip" | "email" | "uri" | "directory" | "registeredId" | "other";

/** RFC 5280 section 4.2.1.6. */
export interface GeneralName {
  readonly kind: GeneralNameKind;
  /** IP addresses in their usual form, directory names as RFC 4514, `other` as OID and hexadecimal DER. */
  readonly value: string;
}

/** RFC 5280 section 4.2.1.3, by its names. */
export const KEY_USAGES = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

/** A purpose of RFC 5280 section 4.2.1.12. */
export interface ExtendedKeyUsage {
  readonly oid: string;
  /** `serverAuth`, `clientAuth`, `codeSigning`, `emailProtection`, `timeStamping`, `OCSPSigning`, `any`, else the OID. */
  readonly name: string;
}

export type ThumbprintHash = "md5" | "sha1" | "sha256";

/** RFC 5280 section 4.2.1.10, as far as it is checked: names of these kinds; others fail closed. */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** An X.509 certificate (RFC 5280). Immutable; nothing about it is trusted by being read. */
export interface Certificate {
  readonly der: Buffer;
  /** With a line break at the end. */
  readonly pem: string;
  /** 1, 2 or 3. */
  readonly version: number;
  /** Hexadecimal, upper case, two digits an octet, without leading zero octets. */
  readonly serialNumber: string;
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly subjectAltNames: readonly GeneralName[];
  /** Undefined without the extension: every usage is allowed. */
  readonly keyUsage: readonly KeyUsage[] | undefined;
  /** Undefined without the extension: every purpose is allowed. */
  readonly extendedKeyUsage: readonly ExtendedKeyUsage[] | undefined;
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  readonly nameConstraints: NameConstraints | undefined;
  /** Hexadecimal, upper case. */
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  readonly crlUrls: readonly string[];
  readonly ocspUrls: readonly string[];
  readonly caIssuerUrls: readonly string[];
  /** OIDs of critical extensions that this package does not know: the certificate must not be trusted. */
  readonly unknownCriticalExtensions: readonly string[];
  /** SubjectPublicKeyInfo. */
  readonly publicKeyDer: Buffer;
  /** The key for node:crypto. Throws `ERR_KEY_UNSUPPORTED` for kinds that it does not know. */
  readonly publicKey: KeyObject;
  /** `RSA`, `RSA-PSS`, `EC P-256`, `EC P-384`, `EC P-521`, `Ed25519` …, else the OID. */
  readonly keyAlgorithm: string;
  readonly keyBits: number;
  /** For example `sha256WithRSAEncryption`, `ecdsa-with-SHA384`, `Ed25519`, `RSASSA-PSS (SHA-256)`, else the OID. */
  readonly signatureAlgorithm: string;
  /** Subject and issuer are the same name (RFC 5280 section 6.1). */
  readonly selfIssued: boolean;
  /** The key as SSH knows it, with its fingerprints; undefined for kinds that SSH does not have. */
  readonly sshKey: PublicKey | undefined;
  /** Hexadecimal, upper case, without separators. */
  thumbprint(hash?: ThumbprintHash): string;
  equals(other: Certificate): boolean;
  /** Whether `issuer`'s key made this certificate's signature. Says nothing about trust. */
  isSignedBy(issuer: Certificate): boolean;
}
