import { createPublicKey, type JsonWebKey } from "node:crypto";
import { isTransferError } from "@waybill/net-core";
import { decodeBase64 } from "../base64.js";
import { certificateFromDer } from "../certificate/parse-certificate.js";
import type { Certificate } from "../certificate-types.js";
import { CURVES } from "../curves.js";
import type { ErrorSource } from "../error-source.js";
import { privateKeyFromJwk } from "../private-key.js";
import { publicKeyFromKeyObject, requireRsaNumbers } from "../public-key.js";
import { belonging, keyOrProblem } from "./key-item.js";
import type { StoreBuilder, StoreItem } from "./store-builder.js";
import { MAX_CHAIN_LENGTH } from "./store-limits.js";
import { printable } from "./store-source.js";

/** More keys than any set has. */
const MAX_KEYS = 4096;

/** The numbers of keys, as base64url (RFC 7518 section 6). */
const NUMBER_FIELDS = ["n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y"] as const;

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads a JSON web key or a set of them (RFC 7517 sections 4 and 5): public or private, RSA, ECDSA and Ed25519, with
 * the certificates of `x5c`. A key of a set that cannot be read is a problem; others go on.
 */
export async function readJwkStore(text: string, builder: StoreBuilder, source: ErrorSource): Promise<void> {
  const value = parseJson(text, source);
  const list = Array.isArray(value)
    ? value
    : isObject(value) && Array.isArray(value.keys)
      ? value.keys
      : undefined;
  if (list === undefined) {
    builder.add(await readKey(value, source));
    return;
  }
  if (list.length > MAX_KEYS)
    throw source.unsupported(`a set of more than ${MAX_KEYS} keys is not supported`);
  let first: Error | undefined;
  for (const [index, key] of list.entries()) {
    try {
      builder.add(await readKey(key, numbered(source, index + 1)));
    } catch (error) {
      if (!isTransferError(error)) throw error;
      first ??= error;
      builder.addProblem(error);
    }
  }
  if (builder.isEmpty) throw first ?? source.unsupported("the set holds no keys");
}

/** Errors that say which key of the set they are about. */
function numbered(source: ErrorSource, number: number): ErrorSource {
  const where = (problem: string) => `key ${number} of the set: ${problem}`;
  return {
    error: (code, problem, cause) => source.error(code, where(problem), cause),
    damaged: (problem, cause) => source.damaged(where(problem), cause),
    unsupported: (problem, cause) => source.unsupported(where(problem), cause),
  };
}

function parseJson(text: string, source: ErrorSource): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw source.damaged("the JSON text is damaged", error);
  }
}

async function readKey(value: unknown, source: ErrorSource): Promise<StoreItem> {
  if (!isObject(value)) throw source.damaged("it is no JSON web key");
  if (typeof value.kty !== "string") {
    const isEncrypted = "ciphertext" in value;
    throw source.unsupported(
      isEncrypted
        ? "encrypted JSON web keys are not supported: decrypt it first"
        : "it is JSON, but no JSON web key",
    );
  }
  if (value.kty === "oct") throw source.unsupported("a secret key is neither a private nor a public key");
  const alias = typeof value.kid === "string" && value.kid !== "" ? value.kid : undefined;
  const [certificate, ...issuers] = readCertificates(value.x5c, source);
  if (value.d === undefined) {
    const publicKey = readPublicKey(readNumbers(value, source), source);
    if (certificate !== undefined && certificate.sshKey?.equals(publicKey) !== true) {
      throw source.damaged("the key does not belong to its certificate");
    }
    return { alias, certificate, issuers, publicKey };
  }
  const key = await keyOrProblem(() => readPrivateKey(readNumbers(value, source), source));
  if (key.keyProblem !== undefined && isTransferError(key.keyProblem, "ERR_STORE_DAMAGED"))
    throw key.keyProblem;
  return { alias, certificate, issuers, ...belonging(key, certificate, source) };
}

function readPublicKey(jwk: JsonWebKey, source: ErrorSource) {
  let keyObject: ReturnType<typeof createPublicKey>;
  try {
    keyObject = createPublicKey({ key: jwk, format: "jwk" });
  } catch (error) {
    throw source.damaged("the public key is not a valid one", error);
  }
  return publicKeyFromKeyObject(keyObject, "", source);
}

function readPrivateKey(jwk: JsonWebKey, source: ErrorSource) {
  const isWhole = jwk.kty !== "RSA" || ["p", "q", "dp", "dq", "qi"].every((field) => field in jwk);
  if (!isWhole) throw source.unsupported("RSA keys without their primes are not supported");
  const key = privateKeyFromJwk(jwk, "", source);
  // OpenSSL calculates the public half of Ed25519 anew; one that was changed must not go unseen.
  if (jwk.kty === "OKP" && key.publicKey.keyObject.export({ format: "jwk" }).x !== jwk.x) {
    throw source.damaged("the private key and the public key in it do not belong together");
  }
  return key;
}

/** The fields of a key of a kind that is supported, each a number in base64url, and no others. */
function readNumbers(value: JsonObject, source: ErrorSource): JsonWebKey {
  const { kty, crv } = value;
  const isCurve = kty === "EC" && CURVES.some((curve) => curve.jwkName === crv);
  if (!isCurve && kty !== "RSA" && !(kty === "OKP" && crv === "Ed25519")) {
    const name = printable([kty, crv].filter((word) => typeof word === "string").join(" "));
    throw source.unsupported(
      `keys of type ${name} are not supported: it takes RSA, ECDSA (P-256, P-384, P-521) and Ed25519`,
    );
  }
  if (value.oth !== undefined) throw source.unsupported("RSA keys of more than two primes are not supported");
  const jwk: JsonWebKey = { kty };
  if (typeof crv === "string" && kty !== "RSA") jwk.crv = crv;
  for (const field of NUMBER_FIELDS) {
    const text = value[field];
    if (text === undefined) continue;
    if (typeof text !== "string" || !/^[A-Za-z0-9_-]+={0,2}$/.test(text)) {
      throw source.damaged(`its "${field}" is no number in base64url`);
    }
    // Numbers of RSA should have no zeros in front (RFC 7518 section 2), but some programs leave one.
    const bytes = Buffer.from(text, "base64url");
    jwk[field] = (kty === "RSA" ? withoutLeadingZeros(bytes) : bytes).toString("base64url");
  }
  if (kty === "RSA") {
    requireRsaNumbers(Buffer.from(jwk.n ?? "", "base64url"), Buffer.from(jwk.e ?? "", "base64url"), source);
  }
  return jwk;
}

/** A magnitude without zeros in front. */
export function withoutLeadingZeros(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  return start < 0 ? Buffer.alloc(0) : bytes.subarray(start);
}

/** RFC 7517 section 4.7: base64, not base64url. */
function readCertificates(value: unknown, source: ErrorSource): Certificate[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > MAX_CHAIN_LENGTH)
    throw source.damaged("its x5c is no list of certificates");
  return value.map((text: unknown) => {
    const der = typeof text === "string" ? decodeBase64(text) : undefined;
    if (der === undefined) throw source.damaged("a certificate in its x5c is no base64");
    return certificateFromDer(der, source);
  });
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
