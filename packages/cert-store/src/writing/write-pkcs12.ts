import { createHash, createHmac, randomBytes } from "node:crypto";
import type { Certificate } from "../certificate-types.js";
import {
  derBmpString,
  derExplicit,
  derImplicit,
  derInteger,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derSetOf,
} from "../making/der-writer.js";
import { derivePkcs12, PKCS12_PURPOSE, pkcs12Password } from "../stores/pkcs12-derivation.js";
import { MAX_PKCS12_ITERATIONS } from "../stores/store-limits.js";
import { encryptPbes2, encryptPkcs8, requireIterations, requirePassphrase } from "./pbes2.js";
import { certificatesOf, exportableKeyOf, requireContent, type WrittenEntry } from "./written-entry.js";

/** Options of {@link writePkcs12}. */
export interface WritePkcs12Options {
  readonly entries: readonly WrittenEntry[];
  /** Not empty. */
  readonly passphrase: string;
  /**
   * Of each PBKDF2 and of the MAC's derivation, 1,000 to 500,000. Default 200,000, with more than three keys less: see
   * {@link defaultPkcs12Iterations}.
   */
  readonly iterations?: number | undefined;
}

const OID = {
  data: "1.2.840.113549.1.7.1",
  encryptedData: "1.2.840.113549.1.7.6",
  shroudedKeyBag: "1.2.840.113549.1.12.10.1.2",
  certBag: "1.2.840.113549.1.12.10.1.3",
  x509Certificate: "1.2.840.113549.1.9.22.1",
  friendlyName: "1.2.840.113549.1.9.20",
  localKeyId: "1.2.840.113549.1.9.21",
  sha256: "2.16.840.1.101.3.4.2.1",
  /** Java's: a certificate without it is no entry of a key store there, with it one that is trusted. */
  javaTrustedUsage: "2.16.840.1.113894.746875.1.1",
  anyPurpose: "2.5.29.37.0",
} as const;

const MAX_DEFAULT_ITERATIONS = 200_000;
const MIN_DEFAULT_ITERATIONS = 10_000;
/** .NET reads no store that asks for more, unless told otherwise. */
const MAX_TOTAL_ITERATIONS = 1_000_000;
const MAC_SALT_BYTES = 20;
const MAC_KEY_BYTES = 32;
const VERSION = 3;

/**
 * A PKCS #12 store (RFC 7292): certificates and private keys encrypted with PBES2 (PBKDF2 with HMAC-SHA-256,
 * AES-256-CBC), its integrity kept by HMAC-SHA-256. OpenSSL from 1.1.0, Java from 8u301 and Windows from Server 2019
 * read it. The alias becomes the friendly name; certificates that stand alone are marked as trusted for Java.
 *
 * Errors: `ERR_KEY_NOT_EXPORTABLE`, `ERR_CERT_KEY_MISMATCH`, `ERR_CERT_OPTIONS`.
 */
export async function writePkcs12(options: WritePkcs12Options): Promise<Buffer> {
  const { entries, passphrase } = options;
  const keyCount = entries.filter((entry) => entry.privateKey !== undefined).length;
  const iterations = options.iterations ?? defaultPkcs12Iterations(keyCount);
  requirePassphrase(passphrase);
  requireIterations(iterations, MAX_PKCS12_ITERATIONS);
  const keyBags: Buffer[] = [];
  const certificates = new Map<string, StoredCertificate>();
  for (const entry of entries) {
    const key = exportableKeyOf(entry);
    const localKeyId = key === undefined ? undefined : localKeyIdOf(entry, key.publicKey.blob);
    if (key !== undefined) {
      const pkcs8 = key.keyObject.export({ format: "der", type: "pkcs8" });
      const shrouded = await encryptPkcs8(pkcs8, passphrase, iterations);
      keyBags.push(bag(OID.shroudedKeyBag, shrouded, bagAttributes(entry.alias, localKeyId)));
    }
    for (const certificate of certificatesOf(entry)) {
      const known = certificates.get(certificate.thumbprint());
      const isOwn = certificate === entry.certificate;
      certificates.set(certificate.thumbprint(), {
        certificate,
        alias: known?.alias ?? (isOwn ? entry.alias : undefined),
        localKeyId: known?.localKeyId ?? (isOwn ? localKeyId : undefined),
        isTrusted: known?.isTrusted === true || (isOwn && key === undefined),
      });
    }
  }
  const certificateBags = [...certificates.values()].map(certificateBag);
  requireContent(keyBags.length + certificateBags.length, "PKCS #12");
  const parts: Buffer[] = [];
  if (certificateBags.length > 0) {
    parts.push(await encryptedContent(derSequence(...certificateBags), passphrase, iterations));
  }
  if (keyBags.length > 0) parts.push(dataContent(derSequence(...keyBags)));
  const safe = derSequence(...parts);
  const mac = await macData(safe, passphrase, iterations);
  return derSequence(derInteger(VERSION), dataContent(safe), mac);
}

/**
 * The iterations of each derivation in a store of so many keys: all together, with those of the certificates and the
 * MAC, are at most a million, as long as none has less than Java's 10,000.
 */
export function defaultPkcs12Iterations(keyCount: number): number {
  const share = Math.floor(MAX_TOTAL_ITERATIONS / (keyCount + 2));
  return Math.min(MAX_DEFAULT_ITERATIONS, Math.max(MIN_DEFAULT_ITERATIONS, share));
}

/** The same octets at a key and its certificate: OpenSSL's choice, the SHA-1 of the certificate. */
function localKeyIdOf(entry: WrittenEntry, publicBlob: Uint8Array): Buffer {
  return entry.certificate === undefined
    ? createHash("sha1").update(publicBlob).digest()
    : Buffer.from(entry.certificate.thumbprint("sha1"), "hex");
}

/** A certificate that may be an entry's own and in the chains of others, and is written once. */
interface StoredCertificate {
  readonly certificate: Certificate;
  readonly alias: string | undefined;
  readonly localKeyId: Buffer | undefined;
  readonly isTrusted: boolean;
}

function certificateBag({ certificate, alias, localKeyId, isTrusted }: StoredCertificate): Buffer {
  const value = derSequence(derOid(OID.x509Certificate), derExplicit(0, derOctetString(certificate.der)));
  const attributes = bagAttributes(alias, localKeyId);
  if (isTrusted && localKeyId === undefined) {
    attributes.push(attribute(OID.javaTrustedUsage, derOid(OID.anyPurpose)));
  }
  return bag(OID.certBag, value, attributes);
}

/** SafeBag (RFC 7292 section 4.2). */
function bag(oid: string, value: Uint8Array, attributes: readonly Buffer[]): Buffer {
  return derSequence(
    derOid(oid),
    derExplicit(0, value),
    ...(attributes.length === 0 ? [] : [derSetOf(...attributes)]),
  );
}

function bagAttributes(alias: string | undefined, localKeyId: Buffer | undefined): Buffer[] {
  return [
    ...(alias === undefined || alias === "" ? [] : [attribute(OID.friendlyName, derBmpString(alias))]),
    ...(localKeyId === undefined ? [] : [attribute(OID.localKeyId, derOctetString(localKeyId))]),
  ];
}

function attribute(oid: string, value: Uint8Array): Buffer {
  return derSequence(derOid(oid), derSetOf(value));
}

function dataContent(contents: Uint8Array): Buffer {
  return derSequence(derOid(OID.data), derExplicit(0, derOctetString(contents)));
}

/** EncryptedData (RFC 5652 section 8). */
async function encryptedContent(plain: Uint8Array, passphrase: string, iterations: number): Promise<Buffer> {
  const { algorithm, ciphertext } = await encryptPbes2(plain, passphrase, iterations);
  const content = derSequence(derOid(OID.data), algorithm, derImplicit(0, ciphertext));
  return derSequence(derOid(OID.encryptedData), derExplicit(0, derSequence(derInteger(0), content)));
}

/** MacData (RFC 7292 section 4). */
async function macData(contents: Uint8Array, passphrase: string, iterations: number): Promise<Buffer> {
  const salt = randomBytes(MAC_SALT_BYTES);
  const key = await derivePkcs12(
    "sha256",
    PKCS12_PURPOSE.mac,
    pkcs12Password(passphrase),
    salt,
    iterations,
    MAC_KEY_BYTES,
  );
  const digest = createHmac("sha256", key).update(contents).digest();
  return derSequence(
    derSequence(derSequence(derOid(OID.sha256), derNull()), derOctetString(digest)),
    derOctetString(salt),
    derInteger(iterations),
  );
}
