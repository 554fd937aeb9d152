import type { KeyUsage } from "../certificate-types.js";
import { type ErrorSource, errorSource } from "../error-source.js";
import type { PrivateKey } from "../key-types.js";
import { type CertificateRequest, certificateRequestFromDer } from "./certificate-request.js";
import { derExplicit, derInteger, derOid, derSequence, derSetOf } from "./der-writer.js";
import {
  type AlternativeName,
  type ExtensionOptions,
  encodeExtensions,
  type Purpose,
} from "./extension-encoder.js";
import { encodeName, type SubjectInput } from "./name-encoder.js";
import { EXTENSION_REQUEST_OID } from "./request-structure.js";
import { publicKeyInfo, type SigningOptions, signatureOf, signStructure } from "./signed-structure.js";

/** A request with everything said. */
export interface PlainRequestOptions extends Omit<ExtensionOptions, "ca">, SigningOptions {
  readonly profile?: undefined;
  readonly key: PrivateKey;
  readonly subject: SubjectInput;
}

/** A request as OFTP2 partners make it: the rest of its contents follows from these. */
export interface Oftp2RequestOptions extends SigningOptions {
  readonly profile: "oftp2";
  readonly key: PrivateKey;
  /** The name that partners connect to: common name and alternative name. */
  readonly hostName: string;
  /** The Odette ID (SSID code, RFC 5024 section 5.4): the serialNumber of the subject. */
  readonly odetteId: string;
  readonly organization?: string | undefined;
  readonly organizationalUnit?: string | undefined;
  readonly locality?: string | undefined;
  readonly state?: string | undefined;
  /** Two letters (ISO 3166). */
  readonly country?: string | undefined;
  readonly emailAddress?: string | undefined;
  /** Behind the host name's. */
  readonly subjectAltNames?: readonly AlternativeName[] | undefined;
}

export type CertificateRequestOptions = PlainRequestOptions | Oftp2RequestOptions;

/** RFC 5024 section 5.4: an O, four digits, and up to 20 characters of the set of section 5.2. */
const ODETTE_ID = /^O\d{4}[A-Z0-9 /\-.&()]{1,20}$/;
const HOST_NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$/;
const MAX_COMMON_NAME = 64;
const OFTP2_PURPOSES: readonly Purpose[] = ["serverAuth", "clientAuth"];
const OFTP2_RSA_USAGES: readonly KeyUsage[] = ["digitalSignature", "keyEncipherment", "dataEncipherment"];
const OFTP2_EC_USAGES: readonly KeyUsage[] = ["digitalSignature", "keyAgreement"];

/**
 * Makes a certificate signing request (PKCS #10, RFC 2986), signed by the key, which may be in a token. With the profile
 * `oftp2` the host name becomes common name and alternative name, the Odette ID the serialNumber, and the usages of a
 * TLS server, a TLS client and of file security are asked for.
 *
 * Errors: `ERR_CERT_OPTIONS`, and what `signWith` throws.
 */
export async function createCertificateRequest(
  options: CertificateRequestOptions,
): Promise<CertificateRequest> {
  const source = errorSource(undefined, "certificate request");
  const { key } = options;
  const request = options.profile === "oftp2" ? oftp2Request(options, source) : options;
  const subject = encodeName(request.subject, source);
  if (subject.equals(derSequence())) throw source.error("ERR_CERT_OPTIONS", "a request needs a subject");
  const extensions = encodeExtensions(request, source);
  const attributes =
    extensions.length === 0
      ? []
      : [derSequence(derOid(EXTENSION_REQUEST_OID), derSetOf(derSequence(...extensions)))];
  const signature = signatureOf(key, options);
  const toBeSigned = derSequence(
    derInteger(0),
    subject,
    publicKeyInfo(key).der,
    derExplicit(0, ...attributes),
  );
  return certificateRequestFromDer(await signStructure(toBeSigned, key, signature), source);
}

function oftp2Request(options: Oftp2RequestOptions, source: ErrorSource): PlainRequestOptions {
  const { key, hostName, odetteId, subjectAltNames = [] } = options;
  if (!ODETTE_ID.test(odetteId)) {
    throw source.error(
      "ERR_CERT_OPTIONS",
      `"${odetteId.slice(0, 50)}" is no Odette ID: an O, four digits and up to 20 capital letters, digits or spaces`,
    );
  }
  if (!HOST_NAME.test(hostName) || hostName.length > MAX_COMMON_NAME) {
    throw source.error(
      "ERR_CERT_OPTIONS",
      `"${hostName.slice(0, 100)}" is no full host name of at most ${MAX_COMMON_NAME} characters`,
    );
  }
  const subject = [
    { type: "C", value: options.country },
    { type: "ST", value: options.state },
    { type: "L", value: options.locality },
    { type: "O", value: options.organization },
    { type: "OU", value: options.organizationalUnit },
    { type: "serialNumber", value: odetteId },
    { type: "CN", value: hostName },
    { type: "emailAddress", value: options.emailAddress },
  ].flatMap(({ type, value }) => (value === undefined ? [] : [{ type, value }]));
  return {
    key,
    subject,
    subjectAltNames: [{ kind: "dns", value: hostName }, ...subjectAltNames],
    keyUsage:
      key.type === "ssh-rsa"
        ? OFTP2_RSA_USAGES
        : key.type === "ssh-ed25519"
          ? ["digitalSignature"]
          : OFTP2_EC_USAGES,
    extendedKeyUsage: OFTP2_PURPOSES,
  };
}
