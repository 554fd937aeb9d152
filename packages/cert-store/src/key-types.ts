import type { KeyObject } from "node:crypto";
import type { FingerprintForm, FingerprintHash } from "./fingerprint.js";

/** The kinds of keys, by their names in SSH (RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4). */
export const KEY_TYPES = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "ssh-rsa",
] as const;
export type KeyType = (typeof KEY_TYPES)[number];

/**
 * How signatures are made, by their names in SSH. An RSA key has three ways (RFC 8332 section 3); `ssh-rsa` is the
 * one with SHA-1, for old partners only.
 */
export type SignatureAlgorithm = KeyType | "rsa-sha2-256" | "rsa-sha2-512";

/** A public key. Immutable. */
export interface PublicKey {
  readonly type: KeyType;
  /** RSA: bits of the modulus; ECDSA: of the curve; Ed25519: 256. */
  readonly bits: number;
  /** The comment of the file that it came from, or an empty string. */
  readonly comment: string;
  /** The key on the wire (RFC 4253 section 6.6): what `publicKeyFromBlob` takes. */
  readonly blob: Buffer;
  /** The key for node:crypto. */
  readonly keyObject: KeyObject;
  /** The signature algorithms that the key can check, best first. */
  readonly algorithms: readonly SignatureAlgorithm[];
  /** See `fingerprintOf`. Default SHA-256 in OpenSSH's form. */
  fingerprint(hash?: FingerprintHash, form?: FingerprintForm): string;
  /**
   * Whether both are the same key, whatever the comments. Takes the same time whether they differ early or late.
   */
  equals(other: PublicKey): boolean;
  /**
   * Whether `signature` is this key's signature of `data`.
   *
   * `signature` is what follows the algorithm's name in an SSH signature (RFC 4253 section 6.6), without a length
   * of its own: the 64 bytes of Ed25519 (RFC 8709 section 6), the two mpints of ECDSA (RFC 5656 section 3.1.2), the
   * bytes of RSA (RFC 8332 section 3). `algorithm` is by default the first of `algorithms`. Never throws: a
   * malformed signature, or an algorithm that is not this key's, gives false.
   */
  verify(data: Uint8Array, signature: Uint8Array, algorithm?: SignatureAlgorithm): boolean;
}

/** A private key that can sign: in memory, in an agent, in a token. */
export interface PrivateKey {
  readonly type: KeyType;
  readonly bits: number;
  readonly comment: string;
  readonly publicKey: PublicKey;
  /** The signature algorithms that the key can use, best first. */
  readonly algorithms: readonly SignatureAlgorithm[];
  /**
   * Signs `data` with `algorithm`, by default the first of `algorithms`. Resolves with the signature in the form
   * that {@link PublicKey.verify} takes, without the algorithm's name.
   *
   * Errors: `ERR_KEY_ALGORITHM` when `algorithm` is not one of `algorithms`, `ERR_KEY_SIGN` when signing fails.
   */
  sign(data: Uint8Array, algorithm?: SignatureAlgorithm): Promise<Uint8Array>;
}

/** A private key whose secret is in this process: the kind that files give. */
export interface SoftwarePrivateKey extends PrivateKey {
  /** The key for node:crypto. */
  readonly keyObject: KeyObject;
}

const RSA_ALGORITHMS: readonly SignatureAlgorithm[] = ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"];

/** The signature algorithms of a kind of key, best first. */
export function signatureAlgorithmsOf(type: KeyType): readonly SignatureAlgorithm[] {
  return type === "ssh-rsa" ? RSA_ALGORITHMS : [type];
}
