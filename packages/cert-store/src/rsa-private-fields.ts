import type { JsonWebKey } from "node:crypto";
import type { ErrorSource } from "./error-source.js";
import { requireRsaNumbers } from "./public-key.js";

/** The numbers that OpenSSH and PuTTY write, big-endian. */
export interface RsaPrivateFields {
  readonly n: Buffer;
  readonly e: Buffer;
  readonly d: Buffer;
  readonly p: Buffer;
  readonly q: Buffer;
  /** The inverse of q modulo p. */
  readonly iqmp: Buffer;
}

/** A JSON web key, which needs two more numbers: d modulo p - 1 and modulo q - 1 (RFC 8017 section 3.2). */
export function rsaPrivateJwk(fields: RsaPrivateFields, source: ErrorSource): JsonWebKey {
  requireRsaNumbers(fields.n, fields.e, source);
  const longest = fields.n.length;
  for (const number of [fields.d, fields.p, fields.q, fields.iqmp]) {
    if (number.length > longest) throw source.damaged("the numbers of the RSA key do not belong together");
  }
  const [d, p, q] = [toBigInt(fields.d), toBigInt(fields.p), toBigInt(fields.q)] as const;
  if (p < 3n || q < 3n) throw source.damaged("the numbers of the RSA key do not belong together");
  return {
    kty: "RSA",
    n: fields.n.toString("base64url"),
    e: fields.e.toString("base64url"),
    d: fields.d.toString("base64url"),
    p: fields.p.toString("base64url"),
    q: fields.q.toString("base64url"),
    dp: fromBigInt(d % (p - 1n)).toString("base64url"),
    dq: fromBigInt(d % (q - 1n)).toString("base64url"),
    qi: fields.iqmp.toString("base64url"),
  };
}

function toBigInt(bytes: Buffer): bigint {
  return BigInt(`0x0${bytes.toString("hex")}`);
}

function fromBigInt(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
}
