import { CURVES, curveField, UNCOMPRESSED_POINT } from "./curves.js";
import type { ErrorSource } from "./error-source.js";
import type { SoftwarePrivateKey } from "./key-types.js";
import { MAX_BCRYPT_ROUNDS, MAX_SALT_BYTES } from "./limits.js";
import { OPENSSH_CIPHERS, type OpenSshCipher } from "./openssh-ciphers.js";
import { bcryptKey } from "./openssh-kdf.js";
import { passphraseRequired, passphraseWrong } from "./passphrase-errors.js";
import { privateKeyFromJwk, requirePublicKey } from "./private-key.js";
import { publicKeyFromWire } from "./public-key.js";
import { rsaPrivateJwk } from "./rsa-private-fields.js";
import { WireReader } from "./wire-reader.js";

/** What every such key begins with (PROTOCOL.key section 1). */
export const OPENSSH_MAGIC = Buffer.from("openssh-key-v1\0", "latin1");

export const OPENSSH_LABEL = "OPENSSH PRIVATE KEY";

/** The outer part: everything that is not encrypted. */
interface Envelope {
  readonly cipher: OpenSshCipher;
  readonly kdfOptions: Buffer;
  readonly publicBlob: Buffer;
  readonly data: Buffer;
  readonly tag: Buffer;
  readonly isEncrypted: boolean;
}

/** A private key in OpenSSH's own format (OpenSSH's PROTOCOL.key). */
export function readOpenSshPrivateKey(
  bytes: Buffer,
  passphrase: string | undefined,
  source: ErrorSource,
): SoftwarePrivateKey {
  const envelope = readEnvelope(bytes, source);
  // The kind of key is known before the passphrase is asked for.
  publicKeyFromWire(envelope.publicBlob, "", source);
  const plain = envelope.isEncrypted ? decrypt(envelope, passphrase, source) : envelope.data;
  const reader = new WireReader(plain, source);
  const check = reader.uint32();
  if (reader.uint32() !== check) {
    throw envelope.isEncrypted ? passphraseWrong(source) : source.damaged("the two check numbers differ");
  }
  const key = readPrivateFields(reader, source);
  requirePadding(reader, envelope.cipher.blockBytes, source);
  requirePublicKey(key, envelope.publicBlob, source);
  return key;
}

function readEnvelope(bytes: Buffer, source: ErrorSource): Envelope {
  if (!bytes.subarray(0, OPENSSH_MAGIC.length).equals(OPENSSH_MAGIC)) {
    throw source.damaged("the key data does not begin as OpenSSH's private keys do");
  }
  const reader = new WireReader(bytes.subarray(OPENSSH_MAGIC.length), source);
  const cipherName = reader.name();
  const kdfName = reader.name();
  const kdfOptions = reader.string();
  const keyCount = reader.uint32();
  if (keyCount !== 1) throw source.unsupported(`files with ${keyCount} keys are not supported: it takes one`);
  const publicBlob = reader.string();
  const data = reader.string();
  const cipher = OPENSSH_CIPHERS.get(cipherName);
  if (cipher === undefined) throw source.unsupported(`the cipher ${cipherName} is not supported`);
  if (kdfName !== "none" && kdfName !== "bcrypt") {
    throw source.unsupported(`the key derivation ${kdfName} is not supported: it takes bcrypt`);
  }
  const isEncrypted = cipherName !== "none";
  if (isEncrypted !== (kdfName === "bcrypt")) throw source.damaged("cipher and key derivation do not fit");
  const tag = reader.bytes(cipher.tagBytes);
  reader.end();
  if (data.length === 0 || data.length % cipher.blockBytes !== 0) {
    throw source.damaged("the private part has the wrong length");
  }
  return { cipher, kdfOptions, publicBlob, data, tag, isEncrypted };
}

function decrypt(envelope: Envelope, passphrase: string | undefined, source: ErrorSource): Buffer {
  const { cipher } = envelope;
  const reader = new WireReader(envelope.kdfOptions, source);
  const salt = reader.string();
  const rounds = reader.uint32();
  reader.end();
  if (salt.length === 0 || rounds === 0) throw source.damaged("the key derivation has no salt or no rounds");
  if (rounds > MAX_BCRYPT_ROUNDS || salt.length > MAX_SALT_BYTES) {
    throw source.unsupported(
      `${rounds} rounds of bcrypt with ${salt.length} bytes of salt are more than is allowed (${MAX_BCRYPT_ROUNDS}, ${MAX_SALT_BYTES}): write the key again with fewer (ssh-keygen -p -a ${MAX_BCRYPT_ROUNDS})`,
    );
  }
  if (passphrase === undefined) throw passphraseRequired(source);
  const secret = bcryptKey(passphrase, salt, rounds, cipher.keyBytes + cipher.ivBytes);
  if (secret === undefined) throw passphraseWrong(source);
  let plain: Buffer | undefined;
  try {
    const [key, iv] = [secret.subarray(0, cipher.keyBytes), secret.subarray(cipher.keyBytes)];
    plain = cipher.decrypt(key, iv, envelope.data, envelope.tag);
  } catch (error) {
    throw source.unsupported("this Node.js was built without the cipher of the key", error);
  }
  if (plain === undefined) throw passphraseWrong(source);
  return plain;
}

function readPrivateFields(reader: WireReader, source: ErrorSource): SoftwarePrivateKey {
  const type = reader.name();
  const comment = () => reader.string().toString("utf8");
  if (type === "ssh-ed25519") {
    const point = reader.string();
    const pair = reader.string();
    if (point.length !== 32 || pair.length !== 64 || !pair.subarray(32).equals(point)) {
      throw source.damaged("the Ed25519 key is malformed");
    }
    const fields = { d: pair.toString("base64url", 0, 32), x: point.toString("base64url") };
    return privateKeyFromJwk({ kty: "OKP", crv: "Ed25519", ...fields }, comment(), source);
  }
  if (type === "ssh-rsa") {
    const [n, e, d, iqmp, p, q] = Array.from({ length: 6 }, () => reader.mpint()) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ];
    return privateKeyFromJwk(rsaPrivateJwk({ n, e, d, p, q, iqmp }, source), comment(), source);
  }
  const curve = CURVES.find((candidate) => candidate.keyType === type);
  if (curve === undefined) throw source.damaged("the private part has another type than the public one");
  const curveName = reader.name();
  const point = reader.string();
  const scalar = reader.mpint();
  const coordinates = point.subarray(1);
  if (
    curveName !== curve.sshName ||
    point[0] !== UNCOMPRESSED_POINT ||
    point.length !== 1 + 2 * curve.fieldBytes ||
    scalar.length > curve.fieldBytes
  ) {
    throw source.damaged("the ECDSA key is malformed");
  }
  const jwk = {
    kty: "EC",
    crv: curve.jwkName,
    x: coordinates.toString("base64url", 0, curve.fieldBytes),
    y: coordinates.toString("base64url", curve.fieldBytes),
    d: curveField(curve, scalar).toString("base64url"),
  };
  return privateKeyFromJwk(jwk, comment(), source);
}

/** The private part ends with 1, 2, 3 and so on up to the cipher's block (PROTOCOL.key section 3). */
function requirePadding(reader: WireReader, blockBytes: number, source: ErrorSource): void {
  const padding = reader.bytes(reader.remaining);
  if (padding.length >= blockBytes || padding.some((byte, index) => byte !== index + 1)) {
    throw source.damaged("the private part does not end as it should");
  }
}
