import type { KeyObject } from "node:crypto";
import { certificateErrors, certificateSource } from "../certificate/certificate-source.js";
import { checkedDer, derBlock } from "../certificate/der-input.js";
import { describeName, type NameDescription } from "../certificate/describe-certificate.js";
import { loadSubjectKey } from "../certificate/subject-key.js";
import type { DistinguishedName, ExtendedKeyUsage, GeneralName, KeyUsage } from "../certificate-types.js";
import type { ErrorSource } from "../error-source.js";
import { formatPem } from "../pem.js";
import { isSignature, signatureMethod } from "../trust/signed-data.js";
import { type RequestFields, readRequestFields } from "./request-structure.js";

/** A certificate signing request (PKCS #10, RFC 2986). Immutable. */
export interface CertificateRequest {
  readonly der: Buffer;
  /** With a line break at the end. */
  readonly pem: string;
  readonly subject: DistinguishedName;
  /** What is asked for; an authority may give something else. */
  readonly subjectAltNames: readonly GeneralName[];
  readonly keyUsage: readonly KeyUsage[] | undefined;
  readonly extendedKeyUsage: readonly ExtendedKeyUsage[] | undefined;
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  readonly publicKeyDer: Buffer;
  /** Throws `ERR_KEY_UNSUPPORTED` for kinds that node:crypto does not know. */
  readonly publicKey: KeyObject;
  /** As those of `Certificate`. */
  readonly keyAlgorithm: string;
  readonly keyBits: number;
  readonly signatureAlgorithm: string;
  /** Whether the key in it made its signature: whoever sent it has the private key. */
  verifySignature(): boolean;
}

/** Everything that a request says, as plain values for JSON. */
export interface CertificateRequestDescription {
  readonly subject: NameDescription;
  readonly subjectAltNames: readonly GeneralName[];
  readonly keyUsage?: readonly KeyUsage[];
  readonly extendedKeyUsage?: readonly string[];
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number };
  readonly keyAlgorithm: string;
  readonly keyBits: number;
  readonly signatureAlgorithm: string;
  readonly signatureValid: boolean;
  readonly pem: string;
}

/** Options of {@link readCertificateRequest}. */
export interface ReadCertificateRequestOptions {
  /** Stands in the messages of errors. */
  readonly fileName?: string | undefined;
}

const LABEL = "CERTIFICATE REQUEST";
/** RFC 7468 section 7, and what Microsoft and old programs write. */
const LABELS: ReadonlySet<string> = new Set([LABEL, "NEW CERTIFICATE REQUEST"]);

class ParsedRequest implements CertificateRequest {
  readonly der: Buffer;
  readonly #fields: RequestFields;
  readonly #source: ErrorSource;

  constructor(der: Buffer, source: ErrorSource) {
    this.der = der;
    this.#source = source;
    this.#fields = readRequestFields(der, source);
  }

  get pem(): string {
    return formatPem(LABEL, this.der);
  }
  get subject(): DistinguishedName {
    return this.#fields.subject;
  }
  get subjectAltNames(): readonly GeneralName[] {
    return this.#fields.extensions.subjectAltNames;
  }
  get keyUsage(): readonly KeyUsage[] | undefined {
    return this.#fields.extensions.keyUsage;
  }
  get extendedKeyUsage(): readonly ExtendedKeyUsage[] | undefined {
    return this.#fields.extensions.extendedKeyUsage;
  }
  get basicConstraints(): CertificateRequest["basicConstraints"] {
    return this.#fields.extensions.basicConstraints;
  }
  get publicKeyDer(): Buffer {
    return this.#fields.publicKeyDer;
  }
  get publicKey(): KeyObject {
    return loadSubjectKey(this.publicKeyDer, this.#fields.subjectKey, this.#source);
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

  verifySignature(): boolean {
    try {
      const method = signatureMethod(this.#fields.signatureIdentifier, this.#source);
      return (
        method !== undefined &&
        isSignature(method, this.publicKey, this.#fields.toBeSigned, this.#fields.signature)
      );
    } catch {
      // A key or an algorithm that cannot be used has signed nothing that counts.
      return false;
    }
  }
}

/**
 * Reads a certificate signing request from DER, PEM or bare base64. Its signature is not looked at: see
 * `verifySignature`.
 *
 * Errors: `ERR_CERT_DAMAGED`, `ERR_CERT_UNSUPPORTED`.
 */
export function readCertificateRequest(
  data: string | Uint8Array,
  options: ReadCertificateRequestOptions = {},
): CertificateRequest {
  const source = certificateErrors(options.fileName, "certificate request");
  return certificateRequestFromDer(derBlock(data, LABELS, "certificate request", source).body, source);
}

/** The request of exactly these octets of DER, which are copied. */
export function certificateRequestFromDer(der: Uint8Array, source: ErrorSource): CertificateRequest {
  const errors = certificateSource(source);
  return new ParsedRequest(checkedDer(der, errors), errors);
}

/** Describes a request in plain values, for `--json` and for logs. */
export function describeCertificateRequest(request: CertificateRequest): CertificateRequestDescription {
  const { keyUsage, extendedKeyUsage, basicConstraints } = request;
  return {
    subject: describeName(request.subject),
    subjectAltNames: request.subjectAltNames.map((name) => ({ ...name })),
    ...(keyUsage !== undefined && { keyUsage: [...keyUsage] }),
    ...(extendedKeyUsage !== undefined && {
      extendedKeyUsage: extendedKeyUsage.map((purpose) => purpose.name),
    }),
    ...(basicConstraints !== undefined && {
      basicConstraints: {
        ca: basicConstraints.ca,
        ...(basicConstraints.pathLength !== undefined && { pathLength: basicConstraints.pathLength }),
      },
    }),
    keyAlgorithm: request.keyAlgorithm,
    keyBits: request.keyBits,
    signatureAlgorithm: request.signatureAlgorithm,
    signatureValid: request.verifySignature(),
    pem: request.pem,
  };
}
