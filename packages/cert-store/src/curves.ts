import type { KeyType } from "./key-types.js";

/** One of the three curves of RFC 5656 section 10.1. */
export interface Curve {
  readonly keyType: KeyType;
  /** The curve's name in SSH. */
  readonly sshName: string;
  /** The curve's name in a JSON web key. */
  readonly jwkName: string;
  /** The curve's name in OpenSSL. */
  readonly opensslName: string;
  /** The curve's object identifier, dotted. */
  readonly oid: string;
  readonly bits: number;
  /** Bytes of a coordinate and of a private scalar. */
  readonly fieldBytes: number;
}

/** The first byte of a point whose two coordinates follow (SEC 1 section 2.3.3). */
export const UNCOMPRESSED_POINT = 4;

export const CURVES: readonly Curve[] = [
  {
    keyType: "ecdsa-sha2-nistp256",
    sshName: "nistp256",
    jwkName: "P-256",
    opensslName: "prime256v1",
    oid: "1.2.840.10045.3.1.7",
    bits: 256,
    fieldBytes: 32,
  },
  {
    keyType: "ecdsa-sha2-nistp384",
    sshName: "nistp384",
    jwkName: "P-384",
    opensslName: "secp384r1",
    oid: "1.3.132.0.34",
    bits: 384,
    fieldBytes: 48,
  },
  {
    keyType: "ecdsa-sha2-nistp521",
    sshName: "nistp521",
    jwkName: "P-521",
    opensslName: "secp521r1",
    oid: "1.3.132.0.35",
    bits: 521,
    fieldBytes: 66,
  },
];

/** A number of at most `fieldBytes`, with leading zeros up to that length. */
export function curveField(curve: Curve, magnitude: Uint8Array): Buffer {
  return Buffer.concat([Buffer.alloc(curve.fieldBytes - magnitude.byteLength), magnitude]);
}
