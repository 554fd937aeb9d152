import { sign as cryptoSign, verify as cryptoVerify, type KeyObject } from "node:crypto";
import { TransferError } from "@waybill/net-core";
import { CURVES, type Curve } from "./curves.js";
import { errorSource } from "./error-source.js";
import type { KeyType, SignatureAlgorithm } from "./key-types.js";
import { signatureAlgorithmsOf } from "./key-types.js";
import { WireReader } from "./wire-reader.js";
import { wireMpint } from "./wire-writer.js";

/** The hash of each algorithm; Ed25519 has its own inside. */
const HASHES: Readonly<Record<SignatureAlgorithm, string | null>> = {
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
  const key = curve === undefined ? keyObject : { key: keyObject, dsaEncoding: "ieee-p1363" as const };
  const signature = await new Promise<Buffer>((resolve, reject) => {
    cryptoSign(HASHES[algorithm], data, key, (error, result) => {
      if (error === null) resolve(result);
      else reject(new TransferError("ERR_KEY_SIGN", `signing with ${algorithm} failed`, { cause: error }));
    });
  });
  if (curve === undefined) return signature;
  const r = signature.subarray(0, curve.fieldBytes);
  const s = signature.subarray(curve.fieldBytes);
  return Buffer.concat([wireMpint(r), wireMpint(s)]);
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
