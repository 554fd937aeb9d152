import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import type { Certificate, DistinguishedName, ThumbprintHash } from "../certificate-types.js";
import type { ErrorSource } from "../error-source.js";
import type { PublicKey } from "../key-types.js";
import { formatPem } from "../pem.js";
import { publicKeyFromKeyObject } from "../public-key.js";
import { type CertificateFields, readCertificateFields } from "./certificate-fields.js";
import { sameName } from "./distinguished-name.js";
import type { CertificateExtensions } from "./extensions.js";
import { loadSubjectKey } from "./subject-key.js";

/** A certificate that was read whole; what costs more than reading is done when it is asked for, once. */
export class ParsedCertificate implements Certificate {
  readonly der: Buffer;
  readonly #fields: CertificateFields;
  readonly #source: ErrorSource;
  #pem: string | undefined;
  #publicKey: KeyObject | undefined;
  #sshKey: { readonly key: PublicKey | undefined } | undefined;

  /** `der` passed `checkAsn1` and belongs to nobody else. */
  constructor(der: Buffer, source: ErrorSource) {
    this.der = der;
    this.#source = source;
    this.#fields = readCertificateFields(der, source);
  }

  get pem(): string {
    this.#pem ??= formatPem("CERTIFICATE", this.der);
    return this.#pem;
  }
  get version(): number {
    return this.#fields.version;
  }
  get serialNumber(): string {
    return this.#fields.serialNumber;
  }
  get subject(): DistinguishedName {
    return this.#fields.subject;
  }
  get issuer(): DistinguishedName {
    return this.#fields.issuer;
  }
  get notBefore(): Date {
    return new Date(this.#fields.notBefore);
  }
  get notAfter(): Date {
    return new Date(this.#fields.notAfter);
  }
  get subjectAltNames(): CertificateExtensions["subjectAltNames"] {
    return this.#fields.extensions.subjectAltNames;
  }
  get keyUsage(): CertificateExtensions["keyUsage"] {
    return this.#fields.extensions.keyUsage;
  }
  get extendedKeyUsage(): CertificateExtensions["extendedKeyUsage"] {
    return this.#fields.extensions.extendedKeyUsage;
  }
  get basicConstraints(): CertificateExtensions["basicConstraints"] {
    return this.#fields.extensions.basicConstraints;
  }
  get nameConstraints(): CertificateExtensions["nameConstraints"] {
    return this.#fields.extensions.nameConstraints;
  }
  get subjectKeyId(): string | undefined {
    return this.#fields.extensions.subjectKeyId;
  }
  get authorityKeyId(): string | undefined {
    return this.#fields.extensions.authorityKeyId;
  }
  get crlUrls(): readonly string[] {
    return this.#fields.extensions.crlUrls;
  }
  get ocspUrls(): readonly string[] {
    return this.#fields.extensions.ocspUrls;
  }
  get caIssuerUrls(): readonly string[] {
    return this.#fields.extensions.caIssuerUrls;
  }
  get unknownCriticalExtensions(): readonly string[] {
    return this.#fields.extensions.unknownCriticalExtensions;
  }
  get publicKeyDer(): Buffer {
    return this.#fields.publicKeyDer;
  }
  get keyAlgorithm(): string {
    return this.#fields.subjectKey.algorithm;
  }
  get keyBits(): number {
    return this.#fields.subjectKey.bits;
  }
  get signatureAlgorithm(): string {
    return this.#fields.signatureAlgorithm;
  }
  get selfIssued(): boolean {
    return sameName(this.subject, this.issuer);
  }

  get publicKey(): KeyObject {
    this.#publicKey ??= loadSubjectKey(this.publicKeyDer, this.#fields.subjectKey, this.#source);
    return this.#publicKey;
  }

  get sshKey(): PublicKey | undefined {
    if (this.#sshKey === undefined) {
      let key: PublicKey | undefined;
      try {
        key = publicKeyFromKeyObject(this.publicKey, "", this.#source);
      } catch {
        // Kinds that SSH does not have, and keys that are no keys: the certificate can still be shown.
      }
      this.#sshKey = { key };
    }
    return this.#sshKey.key;
  }

  thumbprint(hash: ThumbprintHash = "sha256"): string {
    return createHash(hash).update(this.der).digest("hex").toUpperCase();
  }

  equals(other: Certificate): boolean {
    return this.der.equals(other.der);
  }

  isSignedBy(issuer: Certificate): boolean {
    try {
      return new X509Certificate(this.der).verify(issuer.publicKey);
    } catch {
      // A key or a certificate that OpenSSL cannot use has signed nothing that counts.
      return false;
    }
  }
}
