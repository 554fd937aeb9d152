import { constants, createPublicKey, diffieHellman, type KeyObject, privateDecrypt } from "node:crypto";
import { TransferError } from "@waybill/net-core";
import { CURVES } from "./curves.js";
import { requireSoundKey } from "./ec-guard.js";
import { errorSource } from "./error-source.js";
import type { DecryptionScheme, KeyType } from "./key-types.js";
import { unpadPkcs1 } from "./rsa-unpadding.js";

/** Decrypts with a key in memory. See {@link PrivateKey.decrypt}. */
export function decryptWithKey(
  keyObject: KeyObject,
  type: KeyType,
  ciphertext: Uint8Array,
  scheme: DecryptionScheme,
): Buffer {
  requireDecryptingType(type);
  requireCiphertextLength(ciphertext, keyObject.asymmetricKeyDetails?.modulusLength ?? 0);
  try {
    if (scheme.padding === "oaep") {
      const { hash: oaepHash, label: oaepLabel } = scheme;
      return privateDecrypt(
        { key: keyObject, oaepHash, ...(oaepLabel !== undefined && { oaepLabel }) },
        ciphertext,
      );
    }
    const block = privateDecrypt({ key: keyObject, padding: constants.RSA_NO_PADDING }, ciphertext);
    const exponent = Buffer.from(keyObject.export({ format: "jwk" }).d ?? "", "base64url");
    const secret = Buffer.concat([Buffer.alloc(block.length - exponent.length), exponent]);
    return unpadPkcs1(block, ciphertext, secret);
  } catch (error) {
    throw new TransferError(
      "ERR_KEY_DECRYPT",
      "decrypting with the RSA key failed: it was encrypted for another key or another way",
      { cause: error },
    );
  }
}

/** Agrees with a key in memory. See {@link PrivateKey.deriveSecret}. */
export function deriveWithKey(keyObject: KeyObject, type: KeyType, otherPublicKey: KeyObject): Buffer {
  requireSameCurve(type, otherPublicKey);
  const publicKey = otherPublicKey.type === "private" ? createPublicKey(otherPublicKey) : otherPublicKey;
  try {
    return diffieHellman({ privateKey: keyObject, publicKey });
  } catch (error) {
    throw new TransferError("ERR_KEY_DECRYPT", "agreeing on a secret with the EC key failed", {
      cause: error,
    });
  }
}

/** Refuses kinds of keys that cannot decrypt. */
export function requireDecryptingType(type: KeyType): void {
  if (type !== "ssh-rsa") {
    throw new TransferError("ERR_KEY_ALGORITHM", `a key of type ${type} cannot decrypt: it takes an RSA key`);
  }
}

/** Refuses ciphertexts that are not as long as the modulus (RFC 8017 section 7.1.2); that tells nothing about the key. */
export function requireCiphertextLength(ciphertext: Uint8Array, modulusBits: number): void {
  const size = Math.ceil(modulusBits / 8);
  if (ciphertext.length !== size) {
    throw new TransferError(
      "ERR_KEY_DECRYPT",
      `decrypting failed: what was encrypted for this key is ${size} bytes long, not ${ciphertext.length}`,
    );
  }
}

/** Refuses kinds of keys that cannot agree on secrets, and partners on other curves. */
export function requireSameCurve(type: KeyType, otherPublicKey: KeyObject): void {
  const curve = CURVES.find((candidate) => candidate.keyType === type);
  if (curve === undefined) {
    throw new TransferError(
      "ERR_KEY_ALGORITHM",
      `a key of type ${type} cannot agree on a secret: it takes an EC key`,
    );
  }
  try {
    requireSoundKey(otherPublicKey, errorSource(undefined, "other key"));
  } catch (error) {
    throw new TransferError("ERR_KEY_DECRYPT", "the other key is not a valid one", { cause: error });
  }
  const isEc = otherPublicKey.asymmetricKeyType === "ec";
  if (!isEc || otherPublicKey.asymmetricKeyDetails?.namedCurve !== curve.opensslName) {
    throw new TransferError("ERR_KEY_DECRYPT", `the other key is not on the curve ${curve.jwkName}`);
  }
}
