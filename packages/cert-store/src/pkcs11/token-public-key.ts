import { createPublicKey, type JsonWebKey } from "node:crypto";
import { CURVES, UNCOMPRESSED_POINT } from "../curves.js";
import { DER_TAG, derObjectIdentifier, readDer } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import type { PublicKey } from "../key-types.js";
import { publicKeyFromKeyObject, requireRsaNumbers } from "../public-key.js";
import {
  CKA_EC_PARAMS,
  CKA_EC_POINT,
  CKA_KEY_TYPE,
  CKA_MODULUS,
  CKA_PUBLIC_EXPONENT,
  CKA_PUBLIC_KEY_INFO,
  CKK_EC,
  CKK_EC_EDWARDS,
  CKK_RSA,
} from "./cryptoki-names.js";
import type { TokenSession } from "./token-session.js";

type Handle = Parameters<TokenSession["attribute"]>[0];

const ED25519_BYTES = 32;
const ED25519_OID = "1.3.101.112";
const PRINTABLE_STRING = 0x13;

/**
 * The public key of a key object, private or public; undefined when the object does not show it, as private EC keys do not.
 * Errors: `ERR_KEY_UNSUPPORTED`, `ERR_KEY_DAMAGED`.
 */
export function publicKeyOfObject(
  session: TokenSession,
  object: Handle,
  label: string,
  source: ErrorSource,
): PublicKey | undefined {
  const type = session.numberAttribute(object, CKA_KEY_TYPE);
  if (type !== CKK_RSA && type !== CKK_EC && type !== CKK_EC_EDWARDS) {
    throw source.unsupported(
      `it is a key of type 0x${type?.toString(16) ?? "?"}: it takes RSA, EC (P-256, P-384, P-521) and Ed25519`,
    );
  }
  const info = session.attribute(object, CKA_PUBLIC_KEY_INFO);
  if (info !== undefined && info.length > 0) {
    return fromCrypto({ key: info, format: "der", type: "spki" }, label, source);
  }
  const jwk = type === CKK_RSA ? rsaJwk(session, object, source) : curveJwk(session, object, source);
  return jwk === undefined ? undefined : fromCrypto({ key: jwk, format: "jwk" }, label, source);
}

function fromCrypto(
  input: Parameters<typeof createPublicKey>[0],
  label: string,
  source: ErrorSource,
): PublicKey {
  let keyObject: ReturnType<typeof createPublicKey>;
  try {
    keyObject = createPublicKey(input);
  } catch (error) {
    throw source.damaged("the public key in the token is not a valid one", error);
  }
  return publicKeyFromKeyObject(keyObject, label, source);
}

function rsaJwk(session: TokenSession, object: Handle, source: ErrorSource): JsonWebKey | undefined {
  const modulus = magnitude(session.attribute(object, CKA_MODULUS));
  const exponent = magnitude(session.attribute(object, CKA_PUBLIC_EXPONENT));
  if (modulus === undefined || exponent === undefined) return undefined;
  requireRsaNumbers(modulus, exponent, source);
  return { kty: "RSA", n: modulus.toString("base64url"), e: exponent.toString("base64url") };
}

function curveJwk(session: TokenSession, object: Handle, source: ErrorSource): JsonWebKey | undefined {
  const parameters = session.attribute(object, CKA_EC_PARAMS);
  const stored = session.attribute(object, CKA_EC_POINT);
  if (parameters === undefined || stored === undefined || stored.length === 0) return undefined;
  const named = readDer(parameters, source);
  const isName = named.tag === PRINTABLE_STRING;
  const name = isName ? named.contents.toString("latin1") : derObjectIdentifier(named, source);
  if (name === ED25519_OID || name === "edwards25519") {
    const point = bare(stored, ED25519_BYTES, source);
    return { kty: "OKP", crv: "Ed25519", x: point.toString("base64url") };
  }
  const curve = CURVES.find((candidate) => candidate.oid === name);
  if (curve === undefined) throw source.unsupported(`the curve ${name} is not supported`);
  const point = bare(stored, 1 + 2 * curve.fieldBytes, source);
  if (point[0] !== UNCOMPRESSED_POINT) throw source.damaged("the point of the EC key is not uncompressed");
  return {
    kty: "EC",
    crv: curve.jwkName,
    x: point.toString("base64url", 1, 1 + curve.fieldBytes),
    y: point.toString("base64url", 1 + curve.fieldBytes),
  };
}

/** The standard wants a point inside of an OCTET STRING; some modules give it as it is, others in a BIT STRING. */
function bare(stored: Buffer, length: number, source: ErrorSource): Buffer {
  if (stored.length === length) return stored;
  const value = readDer(stored, source);
  const point = value.tag === DER_TAG.bitString ? value.contents.subarray(1) : value.contents;
  if (point.length !== length) throw source.damaged("the point of the EC key has the wrong length");
  return point;
}

/** Some modules write leading zeros. */
function magnitude(bytes: Buffer | undefined): Buffer | undefined {
  if (bytes === undefined) return undefined;
  const start = bytes.findIndex((byte) => byte !== 0);
  return start < 0 ? undefined : bytes.subarray(start);
}
