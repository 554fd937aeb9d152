import { createECDH, createPrivateKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { CURVES } from "./curves.js";
import type { ErrorSource } from "./error-source.js";
import type {
  DecryptionScheme,
  KeyType,
  PublicKey,
  SignatureAlgorithm,
  SignatureScheme,
  SoftwarePrivateKey,
} from "./key-types.js";
import { signatureAlgorithmsOf } from "./key-types.js";
import { publicKeyFromKeyObject, requireSupportedKind } from "./public-key.js";
import { signWithKey, signWithScheme } from "./signature.js";
import { decryptWithKey, deriveWithKey } from "./software-decryption.js";

class KeyObjectPrivateKey implements SoftwarePrivateKey {
  readonly publicKey: PublicKey;
  readonly keyObject: KeyObject;

  constructor(publicKey: PublicKey, keyObject: KeyObject) {
    this.publicKey = publicKey;
    this.keyObject = keyObject;
  }

  get type(): KeyType {
    return this.publicKey.type;
  }

  get bits(): number {
    return this.publicKey.bits;
  }

  get comment(): string {
    return this.publicKey.comment;
  }

  get algorithms(): readonly SignatureAlgorithm[] {
    return signatureAlgorithmsOf(this.type);
  }

  sign(data: Uint8Array, algorithm = this.algorithms[0] ?? this.type): Promise<Uint8Array> {
    return signWithKey(this.keyObject, this.type, data, algorithm);
  }

  signWith(data: Uint8Array, scheme: SignatureScheme): Promise<Uint8Array> {
    return signWithScheme(this.keyObject, this.type, data, scheme);
  }

  async decrypt(ciphertext: Uint8Array, scheme: DecryptionScheme): Promise<Uint8Array> {
    return decryptWithKey(this.keyObject, this.type, ciphertext, scheme);
  }

  async deriveSecret(otherPublicKey: KeyObject): Promise<Uint8Array> {
    return deriveWithKey(this.keyObject, this.type, otherPublicKey);
  }
}

/**
 * The SSH private key of a private key of node:crypto. Neither OpenSSL nor node:crypto looks whether the numbers of
 * a key belong together; this does, since a damaged key gives signatures that betray it.
 *
 * Errors: `ERR_KEY_UNSUPPORTED`, `ERR_KEY_DAMAGED`.
 */
export function privateKeyFromKeyObject(
  keyObject: KeyObject,
  comment: string,
  source: ErrorSource,
): SoftwarePrivateKey {
  requireSupportedKind(keyObject, source);
  const jwk = exportJwk(keyObject, source);
  if (jwk.kty === "RSA") requireConsistentRsa(jwk, source);
  if (jwk.kty === "EC") requireConsistentEc(jwk, source);
  return new KeyObjectPrivateKey(publicKeyFromKeyObject(keyObject, comment, source), keyObject);
}

/** As {@link privateKeyFromKeyObject}, from the fields of a JSON web key. */
export function privateKeyFromJwk(jwk: JsonWebKey, comment: string, source: ErrorSource): SoftwarePrivateKey {
  let keyObject: KeyObject;
  try {
    keyObject = createPrivateKey({ key: jwk, format: "jwk" });
  } catch (error) {
    throw source.damaged("the private key is not a valid one", error);
  }
  return privateKeyFromKeyObject(keyObject, comment, source);
}

/** Refuses a private key whose file says that another public key belongs to it. */
export function requirePublicKey(key: SoftwarePrivateKey, publicBlob: Uint8Array, source: ErrorSource): void {
  if (!key.publicKey.blob.equals(publicBlob)) {
    throw source.damaged("the private key and the public key in it do not belong together");
  }
}

function exportJwk(keyObject: KeyObject, source: ErrorSource): JsonWebKey {
  try {
    return keyObject.export({ format: "jwk" });
  } catch (error) {
    throw source.damaged("the private key is not a valid one", error);
  }
}

function requireConsistentEc(jwk: JsonWebKey, source: ErrorSource): void {
  const curve = CURVES.find((candidate) => candidate.jwkName === jwk.crv);
  if (curve === undefined) throw source.unsupported("the curve of the key is not supported");
  const decode = (value: string | undefined) => Buffer.from(value ?? "", "base64url");
  let point: Buffer;
  try {
    const ecdh = createECDH(curve.opensslName);
    ecdh.setPrivateKey(decode(jwk.d));
    point = ecdh.getPublicKey();
  } catch (error) {
    throw source.damaged("the private number is outside of the curve's range", error);
  }
  if (!point.subarray(1).equals(Buffer.concat([decode(jwk.x), decode(jwk.y)]))) {
    throw source.damaged("the private key and the public key in it do not belong together");
  }
}

/** The relations of RFC 8017 section 3.2. That p and q are prime is taken on trust. */
function requireConsistentRsa(jwk: JsonWebKey, source: ErrorSource): void {
  const longest = Buffer.from(jwk.n ?? "", "base64url").length;
  const [n, e, d, p, q, dp, dq, qi] = [jwk.n, jwk.e, jwk.d, jwk.p, jwk.q, jwk.dp, jwk.dq, jwk.qi].map(
    (value) => {
      const bytes = Buffer.from(value ?? "", "base64url");
      // Before anything is multiplied: a file may hold numbers of a million bits.
      if (bytes.length > longest) throw source.damaged("the numbers of the RSA key do not belong together");
      return BigInt(`0x0${bytes.toString("hex")}`);
    },
  ) as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint];
  const consistent =
    p > 2n &&
    q > 2n &&
    p * q === n &&
    (e * dp) % (p - 1n) === 1n &&
    (e * dq) % (q - 1n) === 1n &&
    d % (p - 1n) === dp % (p - 1n) &&
    d % (q - 1n) === dq % (q - 1n) &&
    (q * qi) % p === 1n;
  if (!consistent) throw source.damaged("the numbers of the RSA key do not belong together");
}
