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

/** Hash algorithms of signatures and of OAEP, by their names in node:crypto. */
export type HashName = "sha1" | "sha256" | "sha384" | "sha512" | "sha3-256" | "sha3-384" | "sha3-512";

/** How an X.509 or CMS signature is made. */
export interface SignatureScheme {
  /** Ignored by Ed25519, which has its own. */
  readonly hash: HashName;
  /** RSA only: PKCS #1 v1.5 (the default) or PSS with a salt as long as the hash (RFC 8017 section 8). */
  readonly padding?: "pkcs1" | "pss" | undefined;
}

/** How an RSA key transports a secret (RFC 8017 section 7). */
export type DecryptionScheme =
  | { readonly padding: "pkcs1" }
  | { readonly padding: "oaep"; readonly hash: HashName; readonly label?: Uint8Array | undefined };

/** A private key that can sign: in memory, in an agent, in a token, behind a function. */
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
  /**
   * Signs `data` in the form of X.509 and CMS: RSA's bytes, ECDSA as DER of ECDSA-Sig-Value (RFC 3279 section 2.2.3),
   * Ed25519's 64 bytes (RFC 8410).
   *
   * Errors: `ERR_KEY_ALGORITHM` when the key cannot do it that way, `ERR_KEY_SIGN` when signing fails.
   */
  signWith(data: Uint8Array, scheme: SignatureScheme): Promise<Uint8Array>;
  /**
   * Decrypts what was encrypted for this RSA key. With PKCS #1 v1.5 a wrong ciphertext gives random bytes, not an error
   * (implicit rejection), where the key's home can do that.
   *
   * Errors: `ERR_KEY_ALGORITHM` when the key is not RSA or may not decrypt, `ERR_KEY_DECRYPT` when decrypting fails.
   */
  decrypt(ciphertext: Uint8Array, scheme: DecryptionScheme): Promise<Uint8Array>;
  /**
   * The shared secret (the x coordinate) of ECDH with another public key on the same curve (RFC 5753 section 3.1).
   *
   * Errors: `ERR_KEY_ALGORITHM` when the key is not ECDSA's or may not agree, `ERR_KEY_DECRYPT` when it fails.
   */
  deriveSecret(otherPublicKey: KeyObject): Promise<Uint8Array>;
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
