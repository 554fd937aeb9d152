import type { HashName } from "../key-types.js";

/** The numbers that PKCS #11 (version 3.1, section 6.1 and others) gives what is done with one hash. */
export interface HashNumbers {
  /** `CKM_SHA256` and so on. */
  readonly hash: number;
  /** `CKG_MGF1_…`. */
  readonly mgf: number;
  /** The mechanisms that hash and sign. */
  readonly rsaPkcs1: number;
  readonly rsaPss: number;
  readonly ecdsa: number;
  readonly bytes: number;
  /** The contents of the object identifier, hexadecimal. */
  readonly oid: string;
}

export const HASH_NUMBERS: Readonly<Record<HashName, HashNumbers>> = {
  sha1: { hash: 0x220, mgf: 1, rsaPkcs1: 0x6, rsaPss: 0xe, ecdsa: 0x1042, bytes: 20, oid: "2b0e03021a" },
  sha256: {
    hash: 0x250,
    mgf: 2,
    rsaPkcs1: 0x40,
    rsaPss: 0x43,
    ecdsa: 0x1044,
    bytes: 32,
    oid: "608648016503040201",
  },
  sha384: {
    hash: 0x260,
    mgf: 3,
    rsaPkcs1: 0x41,
    rsaPss: 0x44,
    ecdsa: 0x1045,
    bytes: 48,
    oid: "608648016503040202",
  },
  sha512: {
    hash: 0x270,
    mgf: 4,
    rsaPkcs1: 0x42,
    rsaPss: 0x45,
    ecdsa: 0x1046,
    bytes: 64,
    oid: "608648016503040203",
  },
  "sha3-256": {
    hash: 0x2b0,
    mgf: 7,
    rsaPkcs1: 0x60,
    rsaPss: 0x63,
    ecdsa: 0x1048,
    bytes: 32,
    oid: "608648016503040208",
  },
  "sha3-384": {
    hash: 0x2c0,
    mgf: 8,
    rsaPkcs1: 0x61,
    rsaPss: 0x64,
    ecdsa: 0x1049,
    bytes: 48,
    oid: "608648016503040209",
  },
  "sha3-512": {
    hash: 0x2d0,
    mgf: 9,
    rsaPkcs1: 0x62,
    rsaPss: 0x65,
    ecdsa: 0x104a,
    bytes: 64,
    oid: "60864801650304020a",
  },
};
