import { createPublicKey, type JsonWebKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { CURVES, UNCOMPRESSED_POINT } from "./curves.js";
import { requireSoundKey } from "./ec-guard.js";
import { type ErrorSource, errorSource } from "./error-source.js";
import { type FingerprintForm, type FingerprintHash, fingerprintOf } from "./fingerprint.js";
import type { KeyType, PublicKey, SignatureAlgorithm } from "./key-types.js";
import { signatureAlgorithmsOf } from "./key-types.js";
import { MAX_RSA_BITS, MIN_RSA_BITS } from "./limits.js";
import { verifyWithKey } from "./signature.js";
import { WireReader } from "./wire-reader.js";
import { wireMpint, wireString } from "./wire-writer.js";

const ED25519_BYTES = 32;

class KeyObjectPublicKey implements PublicKey {
  readonly type: KeyType;
  readonly bits: number;
  readonly comment: string;
  readonly blob: Buffer;
  readonly keyObject: KeyObject;

  constructor(type: KeyType, bits: number, comment: string, blob: Buffer, keyObject: KeyObject) {
    this.type = type;
    this.bits = bits;
    this.comment = comment;
    this.blob = blob;
    this.keyObject = keyObject;
  }

  get algorithms(): readonly SignatureAlgorithm[] {
    return signatureAlgorithmsOf(this.type);
  }

  fingerprint(hash?: FingerprintHash, form?: FingerprintForm): string {
    return fingerprintOf(this.blob, hash, form);
  }

  equals(other: PublicKey): boolean {
    return this.blob.length === other.blob.length && timingSafeEqual(this.blob, other.blob);
  }

  verify(data: Uint8Array, signature: Uint8Array, algorithm = this.algorithms[0] ?? this.type): boolean {
    return verifyWithKey(this.keyObject, this.type, this.bits, data, signature, algorithm);
  }
}

/**
 * The key of a wire form (RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4), which must be exact:
 * numbers without padding, points uncompressed and on the curve, nothing behind.
 *
 * Errors: `ERR_KEY_DAMAGED`, `ERR_KEY_UNSUPPORTED` (another kind of key, a certificate, RSA below 1024 or above
 * 16384 bits).
 */
export function publicKeyFromBlob(blob: Uint8Array): PublicKey {
  return publicKeyFromWire(blob, "", errorSource(undefined, "public key"));
}

/** As {@link publicKeyFromBlob}, with a comment and with errors that name the file. */
export function publicKeyFromWire(blob: Uint8Array, comment: string, source: ErrorSource): PublicKey {
  const reader = new WireReader(blob, source);
  const type = reader.name();
  const jwk = readPublicFields(type, reader, source);
  reader.end();
  let keyObject: KeyObject;
  try {
    keyObject = createPublicKey({ key: jwk, format: "jwk" });
  } catch (error) {
    throw source.damaged(`the ${type} key is not a valid one`, error);
  }
  return publicKeyFromKeyObject(keyObject, comment, source);
}

function readPublicFields(type: string, reader: WireReader, source: ErrorSource): JsonWebKey {
  if (type === "ssh-ed25519") {
    const point = reader.string();
    if (point.length !== ED25519_BYTES) throw source.damaged("the Ed25519 key has the wrong length");
    return { kty: "OKP", crv: "Ed25519", x: point.toString("base64url") };
  }
  if (type === "ssh-rsa") {
    const exponent = reader.mpint();
    const modulus = reader.mpint();
    requireRsaNumbers(modulus, exponent, source);
    return { kty: "RSA", n: modulus.toString("base64url"), e: exponent.toString("base64url") };
  }
  const curve = CURVES.find((candidate) => candidate.keyType === type);
  if (curve === undefined) {
    const kind = type.includes("-cert-v") ? "certificates of OpenSSH" : `keys of type ${type}`;
    throw source.unsupported(
      `${kind} are not supported: it takes Ed25519, ECDSA (P-256, P-384, P-521) or RSA`,
    );
  }
  if (reader.name() !== curve.sshName) throw source.damaged("the key names another curve than its type");
  const point = reader.string();
  if (point[0] === 2 || point[0] === 3) throw source.unsupported("compressed points are not supported");
  if (point.length !== 1 + 2 * curve.fieldBytes || point[0] !== UNCOMPRESSED_POINT) {
    throw source.damaged("the point of the ECDSA key has the wrong length");
  }
  return {
    kty: "EC",
    crv: curve.jwkName,
    x: point.toString("base64url", 1, 1 + curve.fieldBytes),
    y: point.toString("base64url", 1 + curve.fieldBytes),
  };
}

/** Refuses RSA numbers outside the limits, before anything is calculated with them. */
export function requireRsaNumbers(modulus: Buffer, exponent: Buffer, source: ErrorSource): void {
  const bits = bitLength(modulus);
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) {
    throw source.unsupported(
      `RSA keys of ${bits} bits are not supported: it takes ${MIN_RSA_BITS} to ${MAX_RSA_BITS}`,
    );
  }
  const isOdd = (number: Buffer) => ((number.at(-1) ?? 0) & 1) === 1;
  if (
    !isOdd(modulus) ||
    !isOdd(exponent) ||
    exponent.equals(Buffer.from([1])) ||
    exponent.length > modulus.length
  ) {
    throw source.damaged("the RSA key is not a valid one");
  }
}

function bitLength(magnitude: Buffer): number {
  const first = magnitude[0];
  return first === undefined ? 0 : 8 * (magnitude.length - 1) + (32 - Math.clz32(first));
}

/**
 * The SSH public key of any key of node:crypto, the public half of a private one included.
 * Errors: `ERR_KEY_UNSUPPORTED`, `ERR_KEY_DAMAGED`.
 */
export function publicKeyFromKeyObject(
  keyObject: KeyObject,
  comment: string,
  source: ErrorSource,
): PublicKey {
  requireSupportedKind(keyObject, source);
  const publicObject = keyObject.type === "private" ? createPublicKey(keyObject) : keyObject;
  let jwk: JsonWebKey;
  try {
    jwk = publicObject.export({ format: "jwk" });
  } catch (error) {
    throw source.damaged("the key is not a valid one", error);
  }
  const field = (name: "x" | "y" | "n" | "e") => Buffer.from(jwk[name] ?? "", "base64url");
  if (jwk.kty === "OKP") {
    const blob = Buffer.concat([wireString("ssh-ed25519"), wireString(field("x"))]);
    return new KeyObjectPublicKey("ssh-ed25519", 256, comment, blob, publicObject);
  }
  if (jwk.kty === "RSA") {
    const modulus = field("n");
    requireRsaNumbers(modulus, field("e"), source);
    const blob = Buffer.concat([wireString("ssh-rsa"), wireMpint(field("e")), wireMpint(modulus)]);
    return new KeyObjectPublicKey("ssh-rsa", bitLength(modulus), comment, blob, publicObject);
  }
  const curve = CURVES.find((candidate) => candidate.jwkName === jwk.crv);
  if (curve === undefined) throw source.unsupported("the curve of the key is not supported");
  const point = Buffer.concat([Buffer.from([UNCOMPRESSED_POINT]), field("x"), field("y")]);
  const blob = Buffer.concat([wireString(curve.keyType), wireString(curve.sshName), wireString(point)]);
  return new KeyObjectPublicKey(curve.keyType, curve.bits, comment, blob, publicObject);
}

/** Refuses keys that SSH (or this package) does not know, and those that are not safe to look at. */
export function requireSupportedKind(keyObject: KeyObject, source: ErrorSource): void {
  const kind = keyObject.asymmetricKeyType;
  if (kind === "ed25519") return;
  if (kind === "rsa") {
    // Checked here, too: the export below takes as long as the numbers are.
    const bits = keyObject.asymmetricKeyDetails?.modulusLength ?? 0;
    if (bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS) return;
    throw source.unsupported(
      `RSA keys of ${bits} bits are not supported: it takes ${MIN_RSA_BITS} to ${MAX_RSA_BITS}`,
    );
  }
  if (kind === "ec") {
    requireSoundKey(keyObject, source);
    const name = keyObject.asymmetricKeyDetails?.namedCurve;
    if (CURVES.some((curve) => curve.opensslName === name)) return;
    throw source.unsupported(
      `the curve ${name ?? "with explicit parameters"} is not supported: it takes P-256, P-384 or P-521`,
    );
  }
  throw source.unsupported(
    `keys of type ${kind ?? "unknown"} are not supported: it takes Ed25519, ECDSA or RSA`,
  );
}
