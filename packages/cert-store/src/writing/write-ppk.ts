import { createCipheriv, createHmac, type JsonWebKey, randomBytes } from "node:crypto";
import { CURVES } from "../curves.js";
import { errorSource } from "../error-source.js";
import type { PrivateKey, SoftwarePrivateKey } from "../key-types.js";
import type { PpkDerivation } from "../ppk-format.js";
import { type PpkSecrets, ppkSecretsVersion3, requireAffordableArgon2 } from "../ppk-secrets.js";
import { wireMpint, wireString } from "../wire-writer.js";
import { requireExportable } from "./exportable-key.js";
import { requirePassphrase } from "./pbes2.js";

/** Options of {@link writePpk}. */
export interface WritePpkOptions {
  readonly key: PrivateKey;
  /** Encrypts the key. Without it the key is in the clear. */
  readonly passphrase?: string | undefined;
  /** Default: the comment of the key. */
  readonly comment?: string | undefined;
  /** Argon2id's memory, in KiB. Default 16384. */
  readonly memoryKib?: number | undefined;
  /** Argon2id's passes. Default 21: some 0.2 s with the default memory. */
  readonly passes?: number | undefined;
}

const DEFAULT_MEMORY_KIB = 16_384;
const DEFAULT_PASSES = 21;
const SALT_BYTES = 16;
const CIPHER = "aes256-cbc";
const CIPHER_BLOCK_BYTES = 16;
const LINE_WIDTH = 64;

/**
 * A private key in PuTTY's format, version 3 (the PuTTY manual, appendix C), which PuTTY reads from 0.75 on; under a
 * passphrase with Argon2id and AES-256-CBC.
 *
 * Errors: `ERR_KEY_NOT_EXPORTABLE`, `ERR_CERT_OPTIONS`, `ERR_KEY_UNSUPPORTED` for Argon2 parameters that nobody could
 * read again.
 */
export async function writePpk(options: WritePpkOptions): Promise<string> {
  const { passphrase, comment = options.key.comment } = options;
  const key = requireExportable(options.key);
  const line = comment.replace(/\p{Cc}+/gu, " ").trim();
  const encryption = passphrase === undefined ? "none" : CIPHER;
  let secrets: PpkSecrets | undefined;
  const derivationLines: string[] = [];
  if (passphrase !== undefined) {
    requirePassphrase(passphrase);
    const derivation = newDerivation(options);
    secrets = await ppkSecretsVersion3(passphrase, derivation);
    derivationLines.push(
      `Key-Derivation: ${derivation.variant}`,
      `Argon2-Memory: ${derivation.memoryKib}`,
      `Argon2-Passes: ${derivation.passes}`,
      `Argon2-Parallelism: ${derivation.parallelism}`,
      `Argon2-Salt: ${derivation.salt.toString("hex")}`,
    );
  }
  const plain = secrets === undefined ? privateFields(key) : padded(privateFields(key));
  const mac = createHmac("sha256", secrets?.macKey ?? Buffer.alloc(0));
  for (const part of [key.type, encryption, line, key.publicKey.blob, plain]) mac.update(wireString(part));
  return [
    `PuTTY-User-Key-File-3: ${key.type}`,
    `Encryption: ${encryption}`,
    `Comment: ${line}`,
    ...base64Lines("Public-Lines", key.publicKey.blob),
    ...derivationLines,
    ...base64Lines("Private-Lines", secrets === undefined ? plain : encrypt(plain, secrets)),
    `Private-MAC: ${mac.digest("hex")}`,
    "",
  ].join("\n");
}

function newDerivation(options: WritePpkOptions): PpkDerivation {
  const { memoryKib = DEFAULT_MEMORY_KIB, passes = DEFAULT_PASSES } = options;
  const derivation: PpkDerivation = {
    variant: "Argon2id",
    memoryKib,
    passes,
    parallelism: 1,
    salt: randomBytes(SALT_BYTES),
  };
  const source = errorSource(undefined, "PPK file");
  if (!Number.isInteger(memoryKib) || !Number.isInteger(passes)) {
    throw source.error("ERR_CERT_OPTIONS", "memory and passes of Argon2 are whole numbers");
  }
  requireAffordableArgon2(derivation, source);
  return derivation;
}

/** The private numbers (the PuTTY manual, appendix C.3); the public ones are in the public part. */
function privateFields(key: SoftwarePrivateKey): Buffer {
  const jwk: JsonWebKey = key.keyObject.export({ format: "jwk" });
  const field = (name: "d" | "p" | "q" | "qi") => Buffer.from(jwk[name] ?? "", "base64url");
  if (key.type === "ssh-rsa") {
    return Buffer.concat((["d", "p", "q", "qi"] as const).map((name) => wireMpint(field(name))));
  }
  const isElliptic = CURVES.some((curve) => curve.keyType === key.type);
  return isElliptic ? wireMpint(field("d")) : wireString(field("d"));
}

/** Whole blocks of the cipher; what fills them up has no meaning. */
function padded(plain: Buffer): Buffer {
  const missing = (CIPHER_BLOCK_BYTES - (plain.length % CIPHER_BLOCK_BYTES)) % CIPHER_BLOCK_BYTES;
  return Buffer.concat([plain, randomBytes(missing)]);
}

function encrypt(plain: Buffer, secrets: PpkSecrets): Buffer {
  const cipher = createCipheriv(
    CIPHER.replace("aes256", "aes-256"),
    secrets.cipherKey,
    secrets.iv,
  ).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}

function base64Lines(name: string, bytes: Buffer): string[] {
  const lines = bytes.toString("base64").match(new RegExp(`.{1,${LINE_WIDTH}}`, "g")) ?? [];
  return [`${name}: ${lines.length}`, ...lines];
}
