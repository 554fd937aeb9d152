import { createHash } from "node:crypto";
import { asn1BitString, asn1Sequence, asn1Value } from "../certificate/asn1-values.js";
import { errorSource } from "../error-source.js";
import type { PrivateKey, SignatureScheme } from "../key-types.js";
import { derBitString, derExplicit, derInteger, derNull, derOid, derSequence } from "./der-writer.js";

/** How a certificate or a request is signed; what is left out fits the key. */
export interface SigningOptions {
  /**
   * Default: SHA-256 for RSA and P-256, SHA-384 for P-384, SHA-512 for P-521 (RFC 5480 section 4). Ed25519 has its own
   * inside.
   */
  readonly hash?: "sha256" | "sha384" | "sha512" | undefined;
  /** RSA only. Default `pkcs1`. */
  readonly padding?: "pkcs1" | "pss" | undefined;
}

type SignedHash = NonNullable<SigningOptions["hash"]>;

const RSASSA_PSS = "1.2.840.113549.1.1.10";
const MGF1 = "1.2.840.113549.1.1.8";
const ED25519 = "1.3.101.112";

const ALGORITHMS: Readonly<
  Record<SignedHash, { readonly hash: string; readonly rsa: string; readonly ecdsa: string }>
> = {
  sha256: { hash: "2.16.840.1.101.3.4.2.1", rsa: "1.2.840.113549.1.1.11", ecdsa: "1.2.840.10045.4.3.2" },
  sha384: { hash: "2.16.840.1.101.3.4.2.2", rsa: "1.2.840.113549.1.1.12", ecdsa: "1.2.840.10045.4.3.3" },
  sha512: { hash: "2.16.840.1.101.3.4.2.3", rsa: "1.2.840.113549.1.1.13", ecdsa: "1.2.840.10045.4.3.4" },
};

const source = errorSource(undefined, "certificate");

/** The scheme for `PrivateKey.signWith`, and the AlgorithmIdentifier that says so. Errors: `ERR_CERT_OPTIONS`. */
export function signatureOf(
  key: PrivateKey,
  options: SigningOptions,
): { readonly scheme: SignatureScheme; readonly identifier: Buffer } {
  const hash = options.hash ?? defaultHash(key);
  const names = ALGORITHMS[hash];
  if (names === undefined) {
    throw source.error(
      "ERR_CERT_OPTIONS",
      `"${hash}" is no hash to sign with: it takes ${Object.keys(ALGORITHMS).join(", ")}`,
    );
  }
  if (options.padding !== undefined && key.type !== "ssh-rsa") {
    throw source.error("ERR_CERT_OPTIONS", "a padding is chosen for RSA keys only");
  }
  if (key.type === "ssh-ed25519") return { scheme: { hash }, identifier: derSequence(derOid(ED25519)) };
  if (key.type !== "ssh-rsa") return { scheme: { hash }, identifier: derSequence(derOid(names.ecdsa)) };
  if (options.padding !== "pss") {
    return { scheme: { hash, padding: "pkcs1" }, identifier: derSequence(derOid(names.rsa), derNull()) };
  }
  const digest = derSequence(derOid(names.hash), derNull());
  const saltLength = createHash(hash).digest().length;
  const parameters = derSequence(
    derExplicit(0, digest),
    derExplicit(1, derSequence(derOid(MGF1), digest)),
    derExplicit(2, derInteger(saltLength)),
  );
  return { scheme: { hash, padding: "pss" }, identifier: derSequence(derOid(RSASSA_PSS), parameters) };
}

/** A structure, how it is signed, and the signature (RFC 5280 section 4.1, RFC 2986 section 4.2). */
export async function signStructure(
  toBeSigned: Buffer,
  key: PrivateKey,
  signature: ReturnType<typeof signatureOf>,
): Promise<Buffer> {
  const value = await key.signWith(toBeSigned, signature.scheme);
  return derSequence(toBeSigned, signature.identifier, derBitString(value));
}

/** SubjectPublicKeyInfo of a key, and the octets inside of it that key identifiers are made from. */
export function publicKeyInfo(key: PrivateKey): { readonly der: Buffer; readonly bits: Buffer } {
  const der = key.publicKey.keyObject.export({ format: "der", type: "spki" });
  return { der, bits: asn1BitString(asn1Sequence(asn1Value(der, source), source)[1], source).bytes };
}

function defaultHash(key: PrivateKey): SignedHash {
  if (key.type === "ecdsa-sha2-nistp384") return "sha384";
  return key.type === "ecdsa-sha2-nistp521" ? "sha512" : "sha256";
}
