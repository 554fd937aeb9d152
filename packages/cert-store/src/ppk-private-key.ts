import { createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { CURVES, curveField } from "./curves.js";
import type { ErrorSource } from "./error-source.js";
import type { PublicKey, SoftwarePrivateKey } from "./key-types.js";
import { passphraseRequired, passphraseWrong } from "./passphrase-errors.js";
import { type PpkFile, readPpkFile } from "./ppk-format.js";
import {
  type PpkSecrets,
  ppkMacKeyVersion2,
  ppkSecretsVersion2,
  ppkSecretsVersion3,
  requireAffordableArgon2,
} from "./ppk-secrets.js";
import { privateKeyFromJwk, requirePublicKey } from "./private-key.js";
import { publicKeyFromWire } from "./public-key.js";
import { rsaPrivateJwk } from "./rsa-private-fields.js";
import { WireReader } from "./wire-reader.js";
import { wireString } from "./wire-writer.js";

const CIPHER_BLOCK_BYTES = 16;

/** A private key in PuTTY's format, version 2 or 3 (the PuTTY manual, appendix C). Its MAC is always checked. */
export async function readPpkPrivateKey(
  bytes: Buffer,
  passphrase: string | undefined,
  source: ErrorSource,
): Promise<SoftwarePrivateKey> {
  const file = readPpkFile(bytes, source);
  const comment = file.comment.toString("utf8");
  const publicKey = publicKeyFromWire(file.publicBlob, comment, source);
  if (publicKey.type !== file.algorithm) throw source.damaged("the PPK file names another kind than its key");
  const plain = file.isEncrypted ? await decrypt(file, passphrase, source) : file.privateData;
  if (!file.isEncrypted) {
    // In the clear the MAC only finds damage: its key is empty, or, in version 2, known.
    const macKey = file.version === 2 ? ppkMacKeyVersion2("") : Buffer.alloc(0);
    if (!hasMac(file, plain, macKey)) throw source.damaged("the MAC of the PPK file does not fit");
  }
  const reader = new WireReader(plain, source);
  const key = readPrivateFields(reader, publicKey, comment, source);
  // What is encrypted was padded to whole blocks, with bytes of no meaning.
  if (reader.remaining >= (file.isEncrypted ? CIPHER_BLOCK_BYTES : 1)) {
    throw source.damaged("the private part of the PPK file does not end as it should");
  }
  requirePublicKey(key, file.publicBlob, source);
  return key;
}

async function decrypt(file: PpkFile, passphrase: string | undefined, source: ErrorSource): Promise<Buffer> {
  if (file.privateData.length % CIPHER_BLOCK_BYTES !== 0) {
    throw source.damaged("the private part of the PPK file has the wrong length");
  }
  if (file.derivation !== undefined) requireAffordableArgon2(file.derivation, source);
  if (passphrase === undefined) throw passphraseRequired(source);
  if (passphrase === "") throw passphraseWrong(source);
  const secrets: PpkSecrets =
    file.derivation === undefined
      ? ppkSecretsVersion2(passphrase)
      : await ppkSecretsVersion3(passphrase, file.derivation);
  const decipher = createDecipheriv("aes-256-cbc", secrets.cipherKey, secrets.iv).setAutoPadding(false);
  const plain = Buffer.concat([decipher.update(file.privateData), decipher.final()]);
  if (!hasMac(file, plain, secrets.macKey)) throw passphraseWrong(source);
  return plain;
}

function hasMac(file: PpkFile, plain: Buffer, macKey: Buffer): boolean {
  const mac = createHmac(file.version === 2 ? "sha1" : "sha256", macKey);
  const encryption = file.isEncrypted ? "aes256-cbc" : "none";
  for (const part of [file.algorithm, encryption, file.comment, file.publicBlob, plain])
    mac.update(wireString(part));
  const digest = mac.digest();
  return digest.length === file.mac.length && timingSafeEqual(digest, file.mac);
}

/** The private numbers (the PuTTY manual, appendix C.3); the public ones are in the public part. */
function readPrivateFields(
  reader: WireReader,
  publicKey: PublicKey,
  comment: string,
  source: ErrorSource,
): SoftwarePrivateKey {
  const jwk = publicKey.keyObject.export({ format: "jwk" });
  if (publicKey.type === "ssh-rsa") {
    const [d, p, q, iqmp] = [reader.mpint(), reader.mpint(), reader.mpint(), reader.mpint()] as const;
    const [n, e] = [Buffer.from(jwk.n ?? "", "base64url"), Buffer.from(jwk.e ?? "", "base64url")];
    return privateKeyFromJwk(rsaPrivateJwk({ n, e, d, p, q, iqmp }, source), comment, source);
  }
  const curve = CURVES.find((candidate) => candidate.keyType === publicKey.type);
  if (curve === undefined) {
    const seed = reader.string();
    if (seed.length > 32) throw source.damaged("the Ed25519 key has the wrong length");
    // Older versions of PuTTY wrote it as a little-endian number, without the zeros at its end.
    const d = Buffer.concat([seed, Buffer.alloc(32 - seed.length)]).toString("base64url");
    return privateKeyFromJwk({ ...jwk, d }, comment, source);
  }
  const scalar = reader.mpint();
  if (scalar.length > curve.fieldBytes) throw source.damaged("the private number is too long for the curve");
  const d = curveField(curve, scalar).toString("base64url");
  return privateKeyFromJwk({ ...jwk, d }, comment, source);
}
