import { type JsonWebKey, randomBytes } from "node:crypto";
import { errorSource } from "./error-source.js";
import type { PublicKey, SoftwarePrivateKey } from "./key-types.js";
import { MAX_BCRYPT_ROUNDS } from "./limits.js";
import { encryptAes256Ctr, OPENSSH_CIPHERS } from "./openssh-ciphers.js";
import { bcryptKey } from "./openssh-kdf.js";
import { OPENSSH_LABEL, OPENSSH_MAGIC } from "./openssh-private-key.js";
import { formatPem } from "./pem.js";
import { WireReader } from "./wire-reader.js";
import { wireMpint, wireString, wireUint32 } from "./wire-writer.js";

/** Options of {@link formatOpenSshPrivateKey}. */
export interface OpenSshPrivateKeyOptions {
  /** Encrypts the key with aes256-ctr under it. Without it, or with an empty one, the key is in the clear. */
  readonly passphrase?: string;
  /** Default: the comment of the key. */
  readonly comment?: string;
  /** Rounds of bcrypt, 1 to 256, some 20 ms each. Default 24, as ssh-keygen. */
  readonly rounds?: number;
}

const DEFAULT_ROUNDS = 24;
const SALT_BYTES = 16;
const LINE_WIDTH = 70;
const CIPHER_NAME = "aes256-ctr";

const source = errorSource(undefined, "private key");

/**
 * A private key in OpenSSH's own format (OpenSSH's PROTOCOL.key), a line feed at its end.
 * Errors: `ERR_KEY_OPTIONS` when `rounds` is out of range.
 */
export async function formatOpenSshPrivateKey(
  key: SoftwarePrivateKey,
  options: OpenSshPrivateKeyOptions = {},
): Promise<string> {
  const { passphrase = "", comment = key.comment, rounds = DEFAULT_ROUNDS } = options;
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > MAX_BCRYPT_ROUNDS) {
    throw source.error("ERR_KEY_OPTIONS", `rounds must be a whole number from 1 to ${MAX_BCRYPT_ROUNDS}`);
  }
  const cipherName = passphrase === "" ? "none" : CIPHER_NAME;
  const cipher = OPENSSH_CIPHERS.get(cipherName);
  if (cipher === undefined) throw source.unsupported(`the cipher ${cipherName} is not supported`);
  const plain = privatePart(key, singleLine(comment), cipher.blockBytes);
  let kdfOptions: Buffer = Buffer.alloc(0);
  let data = plain;
  if (passphrase !== "") {
    const salt = randomBytes(SALT_BYTES);
    kdfOptions = Buffer.concat([wireString(salt), wireUint32(rounds)]);
    const secret = bcryptKey(passphrase, salt, rounds, cipher.keyBytes + cipher.ivBytes);
    if (secret === undefined)
      throw source.error("ERR_KEY_OPTIONS", "the key derivation refused its arguments");
    data = encryptAes256Ctr(secret.subarray(0, cipher.keyBytes), secret.subarray(cipher.keyBytes), plain);
  }
  const bytes = Buffer.concat([
    OPENSSH_MAGIC,
    wireString(cipherName),
    wireString(passphrase === "" ? "none" : "bcrypt"),
    wireString(kdfOptions),
    wireUint32(1),
    wireString(key.publicKey.blob),
    wireString(data),
  ]);
  return formatPem(OPENSSH_LABEL, bytes, LINE_WIDTH);
}

/**
 * A public key as one line of `authorized_keys` or of a `.pub` file, without a line feed (sshd(8), AUTHORIZED_KEYS
 * FILE FORMAT). Control characters of the comment, line feeds above all, become spaces. `comment` is by default the
 * key's own.
 */
export function formatOpenSshPublicKey(key: PublicKey, comment: string = key.comment): string {
  return `${key.type} ${key.blob.toString("base64")} ${singleLine(comment)}`.trimEnd();
}

function singleLine(comment: string): string {
  return comment.replace(/\p{Cc}+/gu, " ").trim();
}

/** Two equal check numbers, the key, the comment and the padding (PROTOCOL.key section 3). */
function privatePart(key: SoftwarePrivateKey, comment: string, blockBytes: number): Buffer {
  const check = randomBytes(4);
  const fields = Buffer.concat([check, check, wireString(key.type), privateFields(key), wireString(comment)]);
  const missing = (blockBytes - (fields.length % blockBytes)) % blockBytes;
  return Buffer.concat([fields, Buffer.from(Array.from({ length: missing }, (_, index) => index + 1))]);
}

function privateFields(key: SoftwarePrivateKey): Buffer {
  const jwk: JsonWebKey = key.keyObject.export({ format: "jwk" });
  const field = (name: "n" | "e" | "d" | "p" | "q" | "qi" | "x") => Buffer.from(jwk[name] ?? "", "base64url");
  if (key.type === "ssh-ed25519") {
    return Buffer.concat([wireString(field("x")), wireString(Buffer.concat([field("d"), field("x")]))]);
  }
  if (key.type === "ssh-rsa") {
    return Buffer.concat((["n", "e", "d", "qi", "p", "q"] as const).map((name) => wireMpint(field(name))));
  }
  // The public half in the same form as in the public key: everything behind its type.
  const reader = new WireReader(key.publicKey.blob, source);
  reader.string();
  return Buffer.concat([reader.bytes(reader.remaining), wireMpint(field("d"))]);
}
