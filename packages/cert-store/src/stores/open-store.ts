import { isTransferError } from "@waybill/net-core";
import { DER_TAG } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { type CertificateStore, STORE_FORMATS, type StoreFormat } from "../store-types.js";
import { readBcfksStore } from "./bcfks-store.js";
import { kindOfDer } from "./der-kind.js";
import { detectFormat, type FileFormat } from "./detect-format.js";
import { storeFiles } from "./folder-files.js";
import { readJavaStore } from "./jks-store.js";
import { readJwkStore } from "./jwk-store.js";
import { readPemStore } from "./pem-store.js";
import { readPkcs7Store } from "./pkcs7-store.js";
import { readPkcs12Store } from "./pkcs12-store.js";
import { readStoreFile, tooLarge } from "./read-store-file.js";
import { certificateItem, encryptedKeyItem, privateKeyItem, publicKeyItem } from "./single-items.js";
import { readRfc4716Store, readSshPrivateKeyStore, readSshPublicKeyStore } from "./ssh-key-store.js";
import { itemsOf, StoreBuilder } from "./store-builder.js";
import { MAX_STORE_BYTES, MAX_STORE_TREE_BYTES } from "./store-limits.js";
import { type KeyPassword, type StorePasswords, storePasswords } from "./store-passwords.js";
import { storeSource } from "./store-source.js";
import { openSystemStore } from "./system-store.js";
import { readXmlStore } from "./xml-store.js";

/** Where a store is: a file or a folder, or bytes that the program has. */
export type StoreInput =
  | { readonly path: string }
  | {
      readonly data: string | Uint8Array;
      /** Stands in the messages of errors. */
      readonly fileName?: string | undefined;
    };

/** Options of {@link openStore}. */
export interface OpenStoreOptions {
  /** Default `auto`: it is told from the content. Anything else must be what the store is. */
  readonly format?: StoreFormat | "auto" | undefined;
  /** The store's password, and that of encrypted keys in stores that have none themselves. */
  readonly password?: string | undefined;
  /** The password of private keys, where it is another: one for all, or by alias. */
  readonly keyPassword?: KeyPassword | undefined;
}

/**
 * Opens a store of keys and certificates: PKCS#12, JKS, JCEKS, BCFKS, PEM, DER, PKCS#7, PPK, OpenSSH, RFC 4716, JWK, XML,
 * a folder of such files, or with `format: "system"` (and no input) the operating system's trust store, see
 * {@link openSystemStore}. What it holds is not trusted by being read; that a password was needed and fitted says that
 * the store is unchanged for PKCS#12 with a MAC, JKS, JCEKS and BCFKS.
 *
 * In a folder each file is opened with the same passwords; what cannot be read becomes one of `problems`, and keys find
 * their certificates in other files. Hidden files, and folders within it, are not looked at.
 *
 * Derivations of keys run beside the event loop, but for OpenSSH's and PuTTY's (see `parsePrivateKey`).
 *
 * Errors: `ERR_STORE_PASSWORD_REQUIRED`; `ERR_STORE_PASSWORD_WRONG`; `ERR_STORE_DAMAGED`; `ERR_STORE_UNSUPPORTED` (another
 * format or scheme, above 16 MiB, more work than is allowed); `ERR_STORE_NOT_FOUND`; `ERR_STORE_UNREADABLE`;
 * `ERR_STORE_OPTIONS`.
 */
export async function openStore(
  input: StoreInput | undefined,
  options: OpenStoreOptions = {},
): Promise<CertificateStore> {
  const { format = "auto", password, keyPassword } = options;
  const fileName = input === undefined ? undefined : "path" in input ? input.path : input.fileName;
  const source = storeSource(fileName);
  const wrongOptions = (problem: string) => source.error("ERR_STORE_OPTIONS", problem);
  if (format !== "auto" && !STORE_FORMATS.includes(format))
    throw wrongOptions("its format is none that is known");
  if (format === "pkcs11") throw wrongOptions("a PKCS#11 token is no file: open it with openPkcs11Store");
  if (format === "system") {
    if (input !== undefined) throw wrongOptions("the system's trust store takes no file");
    return openSystemStore();
  }
  if (input === undefined) throw wrongOptions("a file, a folder or data is needed");
  const passwords = storePasswords(password, keyPassword);
  const bytes = "path" in input ? await readStoreFile(input.path, source) : dataBytes(input.data, source);
  if (bytes === undefined && "path" in input) {
    if (format === "auto" || format === "folder") return openFolder(input.path, passwords, source);
    throw wrongOptions(`it is a folder, but the format ${format} is one of files`);
  }
  if (format === "folder") throw wrongOptions("it is a file, but the format says that it is a folder");
  return openBytes(bytes ?? Buffer.alloc(0), format, passwords, fileName, source);
}

function dataBytes(data: string | Uint8Array, source: ErrorSource): Buffer {
  const length = typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
  if (length > MAX_STORE_BYTES) throw tooLarge(length, source);
  return typeof data === "string"
    ? Buffer.from(data)
    : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

async function openFolder(
  path: string,
  passwords: StorePasswords,
  source: ErrorSource,
): Promise<CertificateStore> {
  const builder = new StoreBuilder(source);
  for (const file of await storeFiles(path, source)) {
    const fileSource = storeSource(file);
    try {
      const bytes = await readStoreFile(file, fileSource);
      if (bytes === undefined) continue;
      const store = await openBytes(bytes, "auto", passwords, file, fileSource);
      for (const item of itemsOf(store, file)) builder.add(item);
      for (const problem of store.problems) builder.addProblem(problem);
    } catch (error) {
      if (!isTransferError(error)) throw error;
      builder.addProblem(error);
    }
  }
  return builder.build("folder", path);
}

async function openBytes(
  data: Buffer,
  wanted: FileFormat | "auto",
  passwords: StorePasswords,
  fileName: string | undefined,
  source: ErrorSource,
): Promise<CertificateStore> {
  const { format, bytes } = detectFormat(data, source);
  if (wanted !== "auto" && !isFormat(format, wanted)) {
    throw source.unsupported(`it is ${format}, not ${wanted}: leave the format out, or name the right one`);
  }
  const builder = new StoreBuilder(source);
  await readStore(format, bytes, passwords, builder, fileName, source);
  return builder.build(format, fileName);
}

/** All formats of ASN.1 are DER as well, and all with lines of BEGIN and END are PEM. */
function isFormat(found: FileFormat, wanted: FileFormat): boolean {
  if (wanted === "der")
    return found === "pkcs12" || found === "pkcs7" || found === "bcfks" || found === "der";
  if (wanted === "pem") return found === "pkcs7" || found === "openssh" || found === "pem";
  return found === wanted;
}

async function readStore(
  format: FileFormat,
  bytes: Buffer,
  passwords: StorePasswords,
  builder: StoreBuilder,
  fileName: string | undefined,
  source: ErrorSource,
): Promise<void> {
  switch (format) {
    case "pkcs12":
      return readPkcs12Store(bytes, passwords, builder, source);
    case "jks":
    case "jceks":
      return readJavaStore(bytes, passwords, builder, source);
    case "bcfks":
      return readBcfksStore(bytes, passwords, builder, source);
    case "pkcs7":
      if (isText(bytes)) return readPemStore(bytes.toString("latin1"), passwords, builder, fileName, source);
      return readPkcs7Store(bytes, builder, source);
    case "pem":
      return readPemStore(bytes.toString("utf8"), passwords, builder, fileName, source);
    case "der":
      return readDerStore(bytes, passwords, builder, fileName, source);
    case "ppk":
      return readSshPrivateKeyStore(bytes, passwords, builder, fileName);
    case "openssh":
      if (bytes.includes("-----BEGIN OPENSSH PRIVATE KEY-----"))
        return readSshPrivateKeyStore(bytes, passwords, builder, fileName);
      return readSshPublicKeyStore(treeText(bytes, source), builder, source);
    case "rfc4716":
      return readRfc4716Store(bytes, builder, fileName);
    case "jwk":
      return readJwkStore(treeText(bytes, source), builder, source);
    case "xml":
      return readXmlStore(treeText(bytes, source), builder, source);
  }
}

/** One certificate or key in DER. */
async function readDerStore(
  bytes: Buffer,
  passwords: StorePasswords,
  builder: StoreBuilder,
  fileName: string | undefined,
  source: ErrorSource,
): Promise<void> {
  const kind = kindOfDer(bytes, source);
  if (kind === "certificate") builder.add(certificateItem(bytes, source));
  else if (kind === "privateKey") builder.add(await privateKeyItem(bytes, source));
  else if (kind === "encryptedKey")
    builder.add(await encryptedKeyItem(bytes, passwords.keyOf(undefined), source));
  else builder.add(publicKeyItem(bytes, fileName));
}

function isText(bytes: Buffer): boolean {
  return bytes[0] !== DER_TAG.sequence;
}

function treeText(bytes: Buffer, source: ErrorSource): string {
  if (bytes.length > MAX_STORE_TREE_BYTES) {
    throw source.unsupported(
      `${bytes.length} bytes are more than JSON, XML and lists of keys may have (${MAX_STORE_TREE_BYTES})`,
    );
  }
  return bytes.toString("utf8");
}
