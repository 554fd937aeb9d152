import { stat } from "node:fs/promises";
import { delimiter } from "node:path";
import tls from "node:tls";
import { isTransferError } from "@waybill/net-core";
import { certificateFromDer } from "../certificate/parse-certificate.js";
import type { CertificateStore } from "../store-types.js";
import { storeFiles } from "./folder-files.js";
import { readPemStore } from "./pem-store.js";
import { readStoreFile } from "./read-store-file.js";
import { StoreBuilder } from "./store-builder.js";
import { storePasswords } from "./store-passwords.js";
import { storeSource } from "./store-source.js";

/** Where Linux systems and BSDs keep the authorities that they trust as one file. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/ssl/cert.pem",
  "/usr/local/share/certs/ca-root-nss.crt",
] as const;

/** A certificate in a folder of OpenSSL's is named by a hash; what else lies there are copies and notes. */
const HASHED_NAME = /^[0-9a-f]{8}\.[0-9]+$/;

const SOURCE = storeSource("the system's trust store");
const NO_PASSWORDS = storePasswords(undefined, undefined);

/** Node.js 22.15 and newer can ask the operating system. */
interface SystemCertificates {
  getCACertificates?: (type: "system") => string[];
}

/**
 * The operating system's trust store. With `SSL_CERT_FILE` or `SSL_CERT_DIR` set it is what they name, as for OpenSSL;
 * on Linux it is the system's bundle; on Windows and macOS what Node.js gets from the system, where it can; without any
 * of them the authorities that Node.js brings. Certificates that cannot be read are `problems`.
 *
 * Errors: `ERR_STORE_NOT_FOUND`, `ERR_STORE_UNREADABLE`, `ERR_STORE_DAMAGED` and `ERR_STORE_UNSUPPORTED` (above 16 MiB) for
 * what the variables name.
 */
export async function openSystemStore(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<CertificateStore> {
  const builder = new StoreBuilder(SOURCE);
  const file = environment.SSL_CERT_FILE;
  const folders = (environment.SSL_CERT_DIR ?? "").split(delimiter).filter((folder) => folder !== "");
  if (file !== undefined && file !== "") await addBundle(file, builder);
  for (const folder of folders) await addHashedFolder(folder, builder);
  if ((file === undefined || file === "") && folders.length === 0) await addDefaults(builder);
  return builder.build("system", undefined);
}

async function addDefaults(builder: StoreBuilder): Promise<void> {
  const isUnix = process.platform !== "win32" && process.platform !== "darwin";
  for (const bundle of isUnix ? BUNDLES : []) {
    if (await isFile(bundle)) return addBundle(bundle, builder);
  }
  const { getCACertificates } = tls as SystemCertificates;
  const certificates = getCACertificates?.("system") ?? [];
  const pems = certificates.length > 0 ? certificates : tls.rootCertificates;
  for (const pem of pems) {
    try {
      const base64 = pem.replace(/-----[A-Z ]+-----/g, "");
      builder.add({ certificate: certificateFromDer(Buffer.from(base64, "base64"), SOURCE) });
    } catch (error) {
      if (!isTransferError(error)) throw error;
      builder.addProblem(error);
    }
  }
}

async function addBundle(path: string, builder: StoreBuilder): Promise<void> {
  const source = storeSource(path);
  const bytes = await readStoreFile(path, source);
  if (bytes === undefined)
    throw source.error("ERR_STORE_UNREADABLE", "it is a folder: a file is needed here");
  await readPemStore(bytes.toString("latin1"), NO_PASSWORDS, builder, path, source, true);
}

async function addHashedFolder(folder: string, builder: StoreBuilder): Promise<void> {
  for (const path of await storeFiles(folder, storeSource(folder), (name) => HASHED_NAME.test(name))) {
    try {
      await addBundle(path, builder);
    } catch (error) {
      if (!isTransferError(error)) throw error;
      builder.addProblem(error);
    }
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
