import { createHash, type JsonWebKey } from "node:crypto";
import type { Certificate } from "../certificate-types.js";
import { errorSource } from "../error-source.js";
import type { PublicKey } from "../key-types.js";
import { certificatesOf, exportableKeyOf, requireContent, type WrittenEntry } from "./written-entry.js";

/** What is written as a JSON web key: an entry, or a public key alone. */
export interface JwkEntry extends WrittenEntry {
  readonly publicKey?: PublicKey | undefined;
}

/** A JSON web key (RFC 7517), with what we write into it. */
export interface WrittenJwk extends JsonWebKey {
  /** The alias, or the key's thumbprint (RFC 7638). */
  readonly kid: string;
  /** The certificate and its chain, as base64 of DER. */
  readonly x5c?: readonly string[];
  /** The SHA-256 of the certificate. */
  readonly "x5t#S256"?: string;
}

/** Options of {@link writeJwk}. */
export interface WriteJwkOptions {
  /** Leaves the private part out. Default false. */
  readonly publicOnly?: boolean | undefined;
}

/** The members that RFC 7638 section 3.2 and RFC 8037 section 2 hash, in their order. */
const THUMBPRINT_MEMBERS: Readonly<Record<string, readonly (keyof JsonWebKey)[]>> = {
  EC: ["crv", "kty", "x", "y"],
  OKP: ["crv", "kty", "x"],
  RSA: ["e", "kty", "n"],
};

/**
 * One entry as a JSON web key (RFC 7517, RFC 7518, RFC 8037): the private key, or the public one when there is no other.
 * In the clear: JWK has no passphrases here.
 *
 * Errors: `ERR_KEY_NOT_EXPORTABLE` (with `publicOnly` the public key of such a key is written), `ERR_CERT_KEY_MISMATCH`,
 * `ERR_CERT_OPTIONS`, `ERR_KEY_UNSUPPORTED` for a certificate's key that JWK does not have.
 */
export function writeJwk(entry: JwkEntry, options: WriteJwkOptions = {}): WrittenJwk {
  const jwk = keyOf(entry, options.publicOnly === true);
  const certificates = certificatesOf(entry);
  const [certificate] = certificates;
  return {
    ...jwk,
    kid: entry.alias === undefined || entry.alias === "" ? jwkThumbprint(jwk) : entry.alias,
    ...(certificate !== undefined && {
      x5c: certificates.map((one) => one.der.toString("base64")),
      "x5t#S256": Buffer.from(certificate.thumbprint("sha256"), "hex").toString("base64url"),
    }),
  };
}

/** Entries as a JSON web key set (RFC 7517 section 5), as text. Same errors. */
export function writeJwkSet(entries: readonly JwkEntry[], options: WriteJwkOptions = {}): string {
  requireContent(entries.length, "JWK");
  return `${JSON.stringify({ keys: entries.map((entry) => writeJwk(entry, options)) }, null, 2)}\n`;
}

/** The thumbprint of RFC 7638 with SHA-256, base64url. */
export function jwkThumbprint(jwk: JsonWebKey): string {
  const members = THUMBPRINT_MEMBERS[jwk.kty ?? ""] ?? [];
  const text = JSON.stringify(Object.fromEntries(members.map((name) => [name, jwk[name]])));
  return createHash("sha256").update(text).digest("base64url");
}

function keyOf(entry: JwkEntry, publicOnly: boolean): JsonWebKey {
  if (!publicOnly) {
    const key = exportableKeyOf(entry);
    if (key !== undefined) return key.keyObject.export({ format: "jwk" });
  }
  const key = entry.privateKey?.publicKey ?? entry.publicKey;
  if (key !== undefined) return key.keyObject.export({ format: "jwk" });
  if (entry.certificate !== undefined) return certificateJwk(entry.certificate);
  throw errorSource(undefined, "entry").error("ERR_CERT_OPTIONS", "there is no key to write");
}

function certificateJwk(certificate: Certificate): JsonWebKey {
  try {
    return certificate.publicKey.export({ format: "jwk" });
  } catch (error) {
    throw errorSource(undefined, "certificate").error(
      "ERR_KEY_UNSUPPORTED",
      `the ${certificate.keyAlgorithm} key of ${certificate.subject.text} has no form in JWK`,
      error,
    );
  }
}
