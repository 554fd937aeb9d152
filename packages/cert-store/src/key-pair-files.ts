import { unlink } from "node:fs/promises";
import { type GeneratedKeyKind, type GeneratePrivateKeyOptions, generatePrivateKey } from "./generate-key.js";
import type { SoftwarePrivateKey } from "./key-types.js";
import { requireAbsent, writeNewFile } from "./new-file.js";
import {
  formatOpenSshPrivateKey,
  formatOpenSshPublicKey,
  type OpenSshPrivateKeyOptions,
} from "./openssh-writer.js";

/** Options of {@link generateHostKey}. */
export interface GenerateHostKeyOptions extends GeneratePrivateKeyOptions, OpenSshPrivateKeyOptions {
  /** Default `ed25519`. */
  readonly kind?: GeneratedKeyKind;
}

const PRIVATE_MODE = 0o600;
const PUBLIC_MODE = 0o644;

/**
 * Generates a key pair and writes it in OpenSSH's format: the private key to `path`, mode 0600, the public key to
 * `path.pub`, mode 0644. Without a passphrase by default, as a server needs it. Each file appears whole or not at
 * all, and nothing is overwritten.
 *
 * Errors: `ERR_KEY_EXISTS` when either file is there, `ERR_KEY_NOT_WRITTEN`, `ERR_KEY_OPTIONS`.
 */
export async function generateHostKey(
  path: string,
  options: GenerateHostKeyOptions = {},
): Promise<SoftwarePrivateKey> {
  const { kind = "ed25519", ...rest } = options;
  // Looked at first as well, since a large RSA key takes seconds.
  await requireNoPair(path);
  const key = await generatePrivateKey(kind, rest);
  await writeKeyPair(path, key, rest);
  return key;
}

/** Writes a private key and its public key as {@link generateHostKey} does. Same errors. */
export async function writeKeyPair(
  path: string,
  key: SoftwarePrivateKey,
  options: OpenSshPrivateKeyOptions = {},
): Promise<void> {
  const privateText = await formatOpenSshPrivateKey(key, options);
  const publicText = `${formatOpenSshPublicKey(key.publicKey, options.comment)}\n`;
  await requireNoPair(path);
  // In this order, so that what a crash leaves behind is a usable key and not a public key without one.
  await writeNewFile(path, privateText, PRIVATE_MODE);
  try {
    await writeNewFile(publicPathOf(path), publicText, PUBLIC_MODE);
  } catch (error) {
    await unlink(path);
    throw error;
  }
}

async function requireNoPair(path: string): Promise<void> {
  await requireAbsent(path);
  await requireAbsent(publicPathOf(path));
}

function publicPathOf(path: string): string {
  return `${path}.pub`;
}
