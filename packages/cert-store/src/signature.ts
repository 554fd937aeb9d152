import {
  constants,
  sign as cryptoSign,
  verify as cryptoVerify,
  type KeyObject,
  type SignKeyObjectInput,
} from "node:crypto";
import { TransferError } from "@waybill/net-core";
import { CURVES, type Curve } from "./curves.js";
import { DER_TAG, derParts, encodeDer, readDer } from "./der.js";
import { errorSource } from "./error-source.js";
import type { HashName, KeyType, SignatureAlgorithm, SignatureScheme } from "./key-types.js";
import { signatureAlgorithmsOf } from "./key-types.js";
import { WireReader } from "./wire-reader.js";
import { wireMpint } from "./wire-writer.js";

/** The hash of each algorithm; Ed25519 has its own inside. */
const HASHES: Readonly<Record<SignatureAlgorithm, HashName | null>> = {
  "ssh-ed25519": null,
  "ecdsa-sha2-nistp256": "sha256",
  "ecdsa-sha2-nistp384": "sha384",
  "ecdsa-sha2-nistp521": "sha512",
  "rsa-sha2-256": "sha256",
  "rsa-sha2-512": "sha512",
  "ssh-rsa": "sha1",
};

const signatureSource = errorSource(undefined, "signature");

/** Signs with a key in memory, in the thread pool. See {@link PrivateKey.sign}. */
export async function signWithKey(
  keyObject: KeyObject,
  type: KeyType,
  data: Uint8Array,
  algorithm: SignatureAlgorithm,
): Promise<Uint8Array> {
  if (!signatureAlgorithmsOf(type).includes(algorithm)) {
    throw new TransferError("ERR_KEY_ALGORITHM", `a key of type ${type} cannot sign with ${algorithm}`);
  }
  const curve = CURVES.find((candidate) => candidate.keyType === type);
  const key: SignKeyObjectInput = {
    key: keyObject,
    ...(curve !== undefined && { dsaEncoding: "ieee-p1363" }),
  };
  const signature = await signInThreadPool(HASHES[algorithm], data, key, algorithm);
  return curve === undefined ? signature : sshEcdsaSignature(signature);
}

/** Signs with a key in memory, in the thread pool, in the form of X.509. See {@link PrivateKey.signWith}. */
export async function signWithScheme(
  keyObject: KeyObject,
  type: KeyType,
  data: Uint8Array,
  scheme: SignatureScheme,
): Promise<Uint8Array> {
  requireSchemeOf(type, scheme);
  const hash = type === "ssh-ed25519" ? null : scheme.hash;
  return await signInThreadPool(hash, data, schemeOptions(keyObject, type, scheme), describeScheme(scheme));
}

/** Checks a signature in the form of X.509, as {@link signWithScheme} makes it. Never throws. */
export function verifyWithScheme(
  keyObject: KeyObject,
  type: KeyType,
  data: Uint8Array,
  signature: Uint8Array,
  scheme: SignatureScheme,
): boolean {
  const hash = type === "ssh-ed25519" ? null : scheme.hash;
  try {
    return cryptoVerify(hash, data, schemeOptions(keyObject, type, scheme), signature);
  } catch {
    return false;
  }
}

/** Refuses a padding that a kind of key does not have. */
export function requireSchemeOf(type: KeyType, scheme: SignatureScheme): void {
  if (type !== "ssh-rsa" && scheme.padding !== undefined) {
    throw new TransferError("ERR_KEY_ALGORITHM", `a key of type ${type} has no padding ${scheme.padding}`);
  }
}

/** The scheme of X.509 that makes the same signature as an algorithm of SSH does. */
export function schemeOfAlgorithm(algorithm: SignatureAlgorithm): SignatureScheme {
  return { hash: HASHES[algorithm] ?? "sha512" };
}

/** For messages. */
export function describeScheme(scheme: SignatureScheme): string {
  return [scheme.padding, scheme.hash].filter((word) => word !== undefined).join(" ");
}

function schemeOptions(keyObject: KeyObject, type: KeyType, scheme: SignatureScheme): SignKeyObjectInput {
  if (type !== "ssh-rsa" || scheme.padding !== "pss") return { key: keyObject };
  return {
    key: keyObject,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  };
}

function signInThreadPool(
  hash: HashName | null,
  data: Uint8Array,
  key: SignKeyObjectInput,
  how: string,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    cryptoSign(hash, data, key, (error, result) => {
      if (error === null) resolve(result);
      else reject(new TransferError("ERR_KEY_SIGN", `signing with ${how} failed`, { cause: error }));
    });
  });
}

/** The two mpints of RFC 5656 section 3.1.2, from r and s side by side (IEEE P1363). */
export function sshEcdsaSignature(pair: Uint8Array): Buffer {
  const half = pair.length / 2;
  return Buffer.concat([wireMpint(pair.subarray(0, half)), wireMpint(pair.subarray(half))]);
}

/** ECDSA-Sig-Value (RFC 3279 section 2.2.3), from r and s side by side (IEEE P1363). */
export function derEcdsaSignature(pair: Uint8Array): Buffer {
  const half = pair.length / 2;
  return encodeDer(
    DER_TAG.sequence,
    // An mpint without its length is what an INTEGER of DER holds.
    encodeDer(DER_TAG.integer, wireMpint(pair.subarray(0, half)).subarray(4)),
    encodeDer(DER_TAG.integer, wireMpint(pair.subarray(half)).subarray(4)),
  );
}

/** r and s side by side (IEEE P1363), from ECDSA-Sig-Value. Errors: `ERR_KEY_DAMAGED`. */
export function ecdsaPairFromDer(signature: Uint8Array, type: KeyType): Buffer {
  const curve = CURVES.find((candidate) => candidate.keyType === type);
  const parts = derParts(readDer(Buffer.from(signature), signatureSource), signatureSource);
  const [r, s] = parts;
  if (curve === undefined || parts.length !== 2 || r === undefined || s === undefined) {
    throw signatureSource.damaged("it is not an ECDSA signature");
  }
  const pair = Buffer.alloc(2 * curve.fieldBytes);
  for (const [index, part] of [r, s].entries()) {
    const number = part.contents[0] === 0 ? part.contents.subarray(1) : part.contents;
    if (part.tag !== DER_TAG.integer || number.length > curve.fieldBytes)
      throw signatureSource.damaged("a number is too large for the curve");
    number.copy(pair, (index + 1) * curve.fieldBytes - number.length);
  }
  return pair;
}

/** Checks a signature. See {@link PublicKey.verify}. */
export function verifyWithKey(
  keyObject: KeyObject,
  type: KeyType,
  bits: number,
  data: Uint8Array,
  signature: Uint8Array,
  algorithm: SignatureAlgorithm,
): boolean {
  if (!signatureAlgorithmsOf(type).includes(algorithm)) return false;
  const curve = CURVES.find((candidate) => candidate.keyType === type);
  try {
    if (curve !== undefined) {
      const key = { key: keyObject, dsaEncoding: "ieee-p1363" as const };
      return cryptoVerify(HASHES[algorithm], data, key, ecdsaPair(signature, curve));
    }
    const bytes = type === "ssh-rsa" ? rsaPadded(signature, bits) : signature;
    return cryptoVerify(HASHES[algorithm], data, keyObject, bytes);
  } catch {
    // The signature comes from the other side; that it cannot even be read is its fault and means the same.
    return false;
  }
}

/** r and s side by side (IEEE P1363), from the two mpints of RFC 5656 section 3.1.2. */
function ecdsaPair(signature: Uint8Array, curve: Curve): Buffer {
  const reader = new WireReader(signature, signatureSource);
  const pair = Buffer.alloc(2 * curve.fieldBytes);
  for (const end of [curve.fieldBytes, 2 * curve.fieldBytes]) {
    const number = reader.mpint();
    if (number.length > curve.fieldBytes)
      throw signatureSource.damaged("a number is too large for the curve");
    number.copy(pair, end - number.length);
  }
  reader.end();
  return pair;
}

/** Some programs leave out the leading zeros of an RSA signature; OpenSSH takes that, and so do we. */
function rsaPadded(signature: Uint8Array, bits: number): Uint8Array {
  const missing = Math.ceil(bits / 8) - signature.byteLength;
  return missing > 0 && signature.byteLength > 0
    ? Buffer.concat([Buffer.alloc(missing), signature])
    : signature;
}
