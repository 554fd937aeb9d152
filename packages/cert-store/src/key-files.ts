import { errorCode, errorMessage } from "@waybill/net-core";
import { type AuthorizedKeys, parseAuthorizedKeys } from "./authorized-keys.js";
import { type ErrorSource, errorSource } from "./error-source.js";
import type { PublicKey, SoftwarePrivateKey } from "./key-types.js";
import { type KnownHosts, parseKnownHosts } from "./known-hosts.js";
import { MAX_KEY_FILE_BYTES, MAX_KEY_LIST_BYTES } from "./limits.js";
import { parsePrivateKey } from "./parse-private-key.js";
import { parsePublicKey } from "./parse-public-key.js";
import { readAtMost } from "./read-at-most.js";

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
  let bytes: Buffer | undefined;
  try {
    bytes = await readAtMost(path, limit);
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
  if (bytes === undefined) throw source.unsupported(`the file is larger than ${limit} bytes`);
  return bytes;
}
