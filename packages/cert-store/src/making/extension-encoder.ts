import { createHash } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";
import { CONSTRUCTED, contextTag, isOid } from "../certificate/asn1-values.js";
import { EXTENSION_OID, PURPOSE_OIDS } from "../certificate/extensions.js";
import { KEY_USAGES, type KeyUsage } from "../certificate-types.js";
import { encodeDer } from "../der.js";
import { type ErrorSource, errorSource } from "../error-source.js";
import {
  derImplicit,
  derInteger,
  derNamedBits,
  derOctetString,
  derOid,
  derSequence,
  derTrue,
} from "./der-writer.js";
import { encodeName } from "./name-encoder.js";

/** An alternative name that a certificate gets or a request asks for. */
export interface AlternativeName {
  /** `directory` takes a name of RFC 4514. */
  readonly kind: "dns" | "ip" | "email" | "uri" | "directory";
  readonly value: string;
}

/** A purpose by its name in `ExtendedKeyUsage`, or an OID. */
export type Purpose =
  | "serverAuth"
  | "clientAuth"
  | "codeSigning"
  | "emailProtection"
  | "timeStamping"
  | "OCSPSigning"
  | (string & {});

/** The extensions that are written (RFC 5280 section 4.2). */
export interface ExtensionOptions {
  readonly subjectAltNames?: readonly AlternativeName[] | undefined;
  readonly keyUsage?: readonly KeyUsage[] | undefined;
  readonly extendedKeyUsage?: readonly Purpose[] | undefined;
  /** Makes it an authority's: basic constraints, and the usages that it needs unless `keyUsage` says others. */
  readonly ca?: { readonly pathLength?: number | undefined } | undefined;
}

const DEFAULT_SOURCE = errorSource(undefined, "certificate");

/** The Extensions that the options ask for, in the order of the extensions' use. Errors: `ERR_CERT_OPTIONS`. */
export function encodeExtensions(options: ExtensionOptions, source: ErrorSource = DEFAULT_SOURCE): Buffer[] {
  const { subjectAltNames = [], keyUsage = [], extendedKeyUsage = [], ca } = options;
  const extensions: Buffer[] = [];
  if (ca !== undefined)
    extensions.push(extension(EXTENSION_OID.basicConstraints, authority(ca.pathLength, source), true));
  if (keyUsage.length > 0) {
    const numbers = keyUsage.map((usage) => {
      const number = KEY_USAGES.indexOf(usage);
      if (number < 0)
        throw optionsError(source, `"${usage}" is no key usage: it takes ${KEY_USAGES.join(", ")}`);
      return number;
    });
    extensions.push(extension(EXTENSION_OID.keyUsage, derNamedBits(numbers), true));
  }
  if (extendedKeyUsage.length > 0) {
    const purposes = extendedKeyUsage.map((purpose) => derOid(purposeOid(purpose, source)));
    extensions.push(extension(EXTENSION_OID.extendedKeyUsage, derSequence(...purposes)));
  }
  if (subjectAltNames.length > 0) {
    const names = subjectAltNames.map((name) => encodeAlternativeName(name, source));
    extensions.push(extension(EXTENSION_OID.subjectAltName, derSequence(...names)));
  }
  return extensions;
}

/** The key identifiers of subject and issuer (RFC 5280 sections 4.2.1.1 and 4.2.1.2). */
export function encodeKeyIds(subjectKeyId: Uint8Array, issuerKeyId: Uint8Array | undefined): Buffer[] {
  const subject = extension(EXTENSION_OID.subjectKeyId, derOctetString(subjectKeyId));
  if (issuerKeyId === undefined) return [subject];
  return [subject, extension(EXTENSION_OID.authorityKeyId, derSequence(derImplicit(0, issuerKeyId)))];
}

/** The first method of RFC 7093 section 2: 20 octets of SHA-256 over the key's bits. */
export function keyIdOf(subjectPublicKey: Uint8Array): Buffer {
  return createHash("sha256").update(subjectPublicKey).digest().subarray(0, 20);
}

function extension(oid: string, value: Uint8Array, isCritical = false): Buffer {
  return derSequence(derOid(oid), ...(isCritical ? [derTrue()] : []), derOctetString(value));
}

function authority(pathLength: number | undefined, source: ErrorSource): Buffer {
  if (pathLength === undefined) return derSequence(derTrue());
  if (!Number.isInteger(pathLength) || pathLength < 0 || pathLength > 255) {
    throw optionsError(source, "the path length is a whole number from 0 to 255");
  }
  return derSequence(derTrue(), derInteger(pathLength));
}

function purposeOid(purpose: string, source: ErrorSource): string {
  const oid = PURPOSE_OIDS.get(purpose) ?? purpose;
  if (!isOid(oid)) {
    throw optionsError(
      source,
      `"${purpose}" is no purpose: it takes ${[...PURPOSE_OIDS.keys()].join(", ")} or an OID`,
    );
  }
  return oid;
}

function encodeAlternativeName({ kind, value }: AlternativeName, source: ErrorSource): Buffer {
  const refuse = (what: string) =>
    optionsError(source, `the alternative name "${value.slice(0, 100)}" is no ${what}`);
  // A name in another script is written in its ASCII form, which the caller has to choose.
  if (kind !== "directory" && !/^[\x21-\x7e]+$/.test(value)) throw refuse(`${kind} name in ASCII`);
  switch (kind) {
    case "dns":
      if (!/^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$/.test(value) || value.length > 253)
        throw refuse("host name");
      return derImplicit(2, Buffer.from(value));
    case "ip":
      return derImplicit(7, requireAddress(value, refuse("IP address")));
    case "email":
      if (!/^[^@]+@[^@]+$/.test(value)) throw refuse("mail address");
      return derImplicit(1, Buffer.from(value));
    case "uri":
      if (!/^[A-Za-z][A-Za-z0-9+.-]*:./.test(value)) throw refuse("URI with a scheme");
      return derImplicit(6, Buffer.from(value));
    case "directory":
      return encodeDer(contextTag(4) | CONSTRUCTED, encodeName(value, source));
    default:
      throw optionsError(source, `alternative names of the kind "${String(kind)}" cannot be written`);
  }
}

function requireAddress(text: string, refusal: Error): Buffer {
  const octets = addressOctets(text);
  if (octets === undefined) throw refusal;
  return octets;
}

/** The 4 or 16 octets of an IP address. */
export function addressOctets(text: string): Buffer | undefined {
  if (isIPv4(text)) return Buffer.from(text.split(".").map(Number));
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const hex = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...octets: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = octets.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = "", tail] = hex.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const left = groups(head);
  const right = groups(tail ?? "");
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - left.length - right.length }, () => "0");
  const octets = Buffer.alloc(16);
  for (const [index, group] of [...left, ...zeros, ...right].entries())
    octets.writeUInt16BE(Number.parseInt(group, 16), 2 * index);
  return octets;
}

function optionsError(source: ErrorSource, problem: string): Error {
  return source.error("ERR_CERT_OPTIONS", problem);
}
