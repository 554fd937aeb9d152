import { open } from "node:fs/promises";
import { errorCode, errorMessage } from "@waybill/net-core";
import { type AuthorizedKeys, parseAuthorizedKeys } from "./authorized-keys.js";
import { type ErrorSource, errorSource } from "./error-source.js";
import type { PublicKey, SoftwarePrivateKey } from "./key-types.js";
import { type KnownHosts, parseKnownHosts } from "./known-hosts.js";
import { MAX_KEY_FILE_BYTES, MAX_KEY_LIST_BYTES } from "./limits.js";
import { parsePrivateKey } from "./parse-private-key.js";
import { parsePublicKey } from "./parse-public-key.js";

const CHUNK_BYTES = 64 * 1024;

/**
 * Reads a private key from a file, in any format of {@link parsePrivateKey}.
 * Errors: those of {@link parsePrivateKey}, `ERR_KEY_NOT_FOUND`, `ERR_KEY_UNREADABLE`.
 */
export async function readPrivateKey(
  path: string,
  options: { readonly passphrase?: string } = {},
): Promise<SoftwarePrivateKey> {
  const bytes = await readKeyFile(path, MAX_KEY_FILE_BYTES, errorSource(path));
  return parsePrivateKey(bytes, { ...options, fileName: path });
}

/**
 * Reads a public key from a file, in any format of {@link parsePublicKey}.
 * Errors: those of {@link parsePublicKey}, `ERR_KEY_NOT_FOUND`, `ERR_KEY_UNREADABLE`.
 */
export async function readPublicKey(path: string): Promise<PublicKey> {
  return parsePublicKey(await readKeyFile(path, MAX_KEY_FILE_BYTES, errorSource(path)), { fileName: path });
}

/**
 * Reads an `authorized_keys` file of at most 16 MiB, see {@link parseAuthorizedKeys}.
 * Errors: `ERR_KEY_NOT_FOUND`, `ERR_KEY_UNREADABLE`, `ERR_KEY_UNSUPPORTED` when it is larger.
 */
export async function readAuthorizedKeys(path: string): Promise<AuthorizedKeys> {
  return parseAuthorizedKeys(await readKeyFile(path, MAX_KEY_LIST_BYTES, errorSource(path)), {
    fileName: path,
  });
}

/**
 * Reads a `known_hosts` file of at most 16 MiB, see {@link parseKnownHosts}. A file that is not there is an error
 * here; that it means the same as an empty one is the caller's decision.
 * Errors: `ERR_KEY_NOT_FOUND`, `ERR_KEY_UNREADABLE`, `ERR_KEY_UNSUPPORTED` when it is larger.
 */
export async function readKnownHosts(path: string): Promise<KnownHosts> {
  return parseKnownHosts(await readKeyFile(path, MAX_KEY_LIST_BYTES, errorSource(path)), { fileName: path });
}

/** The bytes of a file, and never more than `limit`, whatever kind of file it is. */
async function readKeyFile(path: string, limit: number, source: ErrorSource): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  try {
    const file = await open(path, "r");
    try {
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES);
        total += bytesRead;
        if (bytesRead === 0 || total > limit) break;
        chunks.push(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR")
      throw source.error("ERR_KEY_NOT_FOUND", "there is no such file", error);
    throw source.error(
      "ERR_KEY_UNREADABLE",
      `the file cannot be read (${code ?? errorMessage(error)})`,
      error,
    );
  }
  if (total > limit) throw source.unsupported(`the file is larger than ${limit} bytes`);
  return Buffer.concat(chunks);
}
