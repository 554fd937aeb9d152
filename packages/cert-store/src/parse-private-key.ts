import { DER_KEY_LABELS, type DerKeyLabel, labelOfDer, readDerPrivateKey } from "./der-private-key.js";
import { type ErrorSource, errorSource } from "./error-source.js";
import { keyInput, looksLikeDer } from "./key-input.js";
import type { SoftwarePrivateKey } from "./key-types.js";
import { OPENSSH_LABEL, readOpenSshPrivateKey } from "./openssh-private-key.js";
import { hasPemBlock, readPemBlocks } from "./pem.js";
import { readPemPrivateKey } from "./pem-private-key.js";
import { isPpk } from "./ppk-format.js";
import { readPpkPrivateKey } from "./ppk-private-key.js";

/** Options of {@link parsePrivateKey}. */
export interface ParsePrivateKeyOptions {
  /** For encrypted keys; ignored for others. UTF-8. An empty one is tried as it is. */
  readonly passphrase?: string;
  /** Stands in the messages of errors. */
  readonly fileName?: string;
}

/**
 * Reads a private key in any of these formats, found by looking: OpenSSH (PROTOCOL.key; with bcrypt and AES-CTR,
 * AES-CBC, AES-GCM, 3DES-CBC or ChaCha20-Poly1305), PKCS#8 (RFC 5958; encrypted with PBES2 or PKCS#12's 3DES),
 * PKCS#1 and SEC1 (RFC 8017, RFC 5915; in PEM also encrypted in the way of RFC 1421), each as PEM or DER where it
 * has both, and PuTTY's PPK versions 2 and 3. Ed25519, ECDSA on P-256, P-384 and P-521, RSA from 1024 bits. In a
 * PEM file with several blocks it takes the first private key.
 *
 * Deriving the key of an encrypted file keeps the event loop busy: some 0.3 to 0.5 s for OpenSSH's 16 to 24 rounds,
 * 0.1 s for puttygen's default, and a few seconds at the limits.
 *
 * Errors: `ERR_KEY_PASSPHRASE_REQUIRED`; `ERR_KEY_PASSPHRASE_WRONG` (also for damage in an encrypted part, which
 * mostly looks the same); `ERR_KEY_DAMAGED`; `ERR_KEY_UNSUPPORTED` (another format, kind, cipher, or more work than
 * README.md's limits).
 */
export async function parsePrivateKey(
  data: string | Uint8Array,
  options: ParsePrivateKeyOptions = {},
): Promise<SoftwarePrivateKey> {
  const source = errorSource(options.fileName, "private key");
  const bytes = keyInput(data, source);
  if (looksLikeDer(bytes))
    return readDerPrivateKey(labelOfDer(bytes, source), bytes, options.passphrase, source);
  const text = bytes.toString("latin1");
  if (isPpk(text)) return readPpkPrivateKey(bytes, options.passphrase, source);
  if (hasPemBlock(text)) return readPemFile(text, options.passphrase, source);
  if (/^---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----/m.test(text)) {
    throw source.unsupported(
      "private keys in the format of ssh.com are not supported: convert it with puttygen",
    );
  }
  throw source.unsupported("it is not a private key in a known format (OpenSSH, PKCS#8, PKCS#1, SEC1, PPK)");
}

function readPemFile(text: string, passphrase: string | undefined, source: ErrorSource): SoftwarePrivateKey {
  const [block] = readPemBlocks(text, (label) => label.endsWith("PRIVATE KEY"), source);
  if (block === undefined) throw source.unsupported("the PEM file holds no private key");
  if (block.label === OPENSSH_LABEL) return readOpenSshPrivateKey(block.body, passphrase, source);
  if (isDerKeyLabel(block.label)) return readPemPrivateKey(block.label, block, passphrase, source);
  throw source.unsupported(`a "${block.label}" is not supported: it takes Ed25519, ECDSA or RSA`);
}

function isDerKeyLabel(label: string): label is DerKeyLabel {
  return DER_KEY_LABELS.some((known) => known === label);
}
