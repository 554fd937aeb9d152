import { errorSource } from "../error-source.js";
import type { PrivateKey, PublicKey } from "../key-types.js";
import { formatOpenSshPublicKey } from "../openssh-writer.js";
import { requireExportable } from "./exportable-key.js";
import { encryptPkcs8, requirePassphrase } from "./pbes2.js";
import { writeJwk, writeJwkSet } from "./write-jwk.js";
import { writeOpenSsh } from "./write-openssh.js";
import { DEFAULT_PEM_ITERATIONS, writePem } from "./write-pem.js";
import { writePkcs7, writePkcs7Pem } from "./write-pkcs7.js";
import { writePkcs12 } from "./write-pkcs12.js";
import { writePpk } from "./write-ppk.js";
import { certificatesOf, type WrittenEntry } from "./written-entry.js";

/** The formats that stores are written in. */
export const WRITTEN_FORMATS = [
  "pkcs12",
  "pem",
  "pkcs7",
  "pkcs7-der",
  "openssh",
  "ppk",
  "jwk",
  "der",
] as const;
export type WrittenFormat = (typeof WRITTEN_FORMATS)[number];

/** What is written: an entry of a store is one. */
export interface StoreContent extends WrittenEntry {
  readonly publicKey?: PublicKey | undefined;
}

/** Options of {@link writeStore}. */
export interface WriteStoreOptions {
  readonly format: WrittenFormat;
  readonly entries: readonly StoreContent[];
  /** Encrypts the private keys; PKCS #12 has to have one. Not for JWK, which is in the clear, nor for certificates alone. */
  readonly passphrase?: string | undefined;
}

/**
 * Writes entries in any format that is written: the functions of the single formats behind one name, each with its
 * defaults. `pkcs7` is PEM, `pkcs7-der` the same in DER. `openssh` writes one private key, or the line of a public key
 * when there is no private one; `ppk` one private key; `der` one certificate, or without a certificate one key (PKCS #8,
 * or SubjectPublicKeyInfo).
 *
 * Errors: `ERR_CERT_OPTIONS` (also for more than one key or certificate where the format holds one),
 * `ERR_KEY_NOT_EXPORTABLE`, `ERR_CERT_KEY_MISMATCH`, `ERR_KEY_UNSUPPORTED`.
 */
export async function writeStore(options: WriteStoreOptions): Promise<Buffer> {
  const { format, entries, passphrase } = options;
  switch (format) {
    case "pkcs12":
      return writePkcs12({ entries, passphrase: passphrase ?? "" });
    case "pem":
      return Buffer.from(await writePem({ entries, passphrase }));
    case "pkcs7":
      return Buffer.from(writePkcs7Pem({ certificates: entries.flatMap(certificatesOf) }));
    case "pkcs7-der":
      return writePkcs7({ certificates: entries.flatMap(certificatesOf) });
    case "openssh":
      return Buffer.from(await opensshFile(entries, passphrase));
    case "ppk":
      return Buffer.from(await writePpk({ ...commentOf(entries), key: oneKey(entries, "PPK"), passphrase }));
    case "jwk":
      return Buffer.from(jwkFile(entries, passphrase));
    case "der":
      return derFile(entries, passphrase);
    default:
      throw refusal(`"${String(format)}" is no format to write: it takes ${WRITTEN_FORMATS.join(", ")}`);
  }
}

async function opensshFile(
  entries: readonly StoreContent[],
  passphrase: string | undefined,
): Promise<string> {
  if (entries.some((entry) => entry.privateKey !== undefined)) {
    if (passphrase !== undefined) requirePassphrase(passphrase);
    const key = oneKey(entries, "OpenSSH");
    return writeOpenSsh({ ...commentOf(entries), key, ...(passphrase !== undefined && { passphrase }) });
  }
  const lines = entries.flatMap(({ publicKey, certificate, alias }) => {
    const key = publicKey ?? certificate?.sshKey;
    return key === undefined ? [] : [`${formatOpenSshPublicKey(key, key.comment || alias || "")}\n`];
  });
  if (lines.length === 0) throw refusal("there is no key to write");
  return lines.join("");
}

/** One key is written as itself, more as a set. */
function jwkFile(entries: readonly StoreContent[], passphrase: string | undefined): string {
  if (passphrase !== undefined && entries.some((entry) => entry.privateKey !== undefined)) {
    throw refusal("JWK cannot be encrypted: a passphrase would protect nothing");
  }
  const [entry] = entries;
  if (entries.length !== 1 || entry === undefined) return writeJwkSet(entries);
  return `${JSON.stringify(writeJwk(entry), null, 2)}\n`;
}

async function derFile(entries: readonly StoreContent[], passphrase: string | undefined): Promise<Buffer> {
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) {
    throw refusal(`a DER file holds one certificate or one key, not ${entries.length}: select one`);
  }
  if (entry.certificate !== undefined) return entry.certificate.der;
  const key = entry.privateKey;
  if (key === undefined) {
    if (entry.publicKey === undefined) throw refusal("there is no certificate and no key to write");
    return entry.publicKey.keyObject.export({ format: "der", type: "spki" });
  }
  const pkcs8 = requireExportable(key).keyObject.export({ format: "der", type: "pkcs8" });
  if (passphrase === undefined) return pkcs8;
  requirePassphrase(passphrase);
  return encryptPkcs8(pkcs8, passphrase, DEFAULT_PEM_ITERATIONS);
}

function oneKey(entries: readonly StoreContent[], format: string): PrivateKey {
  const keys = entries.flatMap(({ privateKey }) => (privateKey === undefined ? [] : [privateKey]));
  const [key] = keys;
  if (key === undefined) throw refusal("there is no private key to write");
  if (keys.length > 1) {
    throw refusal(`an ${format} file holds one private key, not ${keys.length}: select one`);
  }
  return key;
}

/** The key's own comment, else the name that it has in its store. */
function commentOf(entries: readonly StoreContent[]): { readonly comment: string } | undefined {
  const entry = entries.find(({ privateKey }) => privateKey !== undefined);
  const comment = entry?.privateKey?.comment || entry?.alias;
  return comment === undefined || comment === "" ? undefined : { comment };
}

function refusal(problem: string): Error {
  return errorSource(undefined, "store").error("ERR_CERT_OPTIONS", problem);
}
