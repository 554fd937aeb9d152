import { createHash, type KeyObject } from "node:crypto";
import { TransferError } from "@waybill/net-core";
import { DelegatedPrivateKey, type KeyHome } from "./delegated-key.js";
import {
  type DecryptionScheme,
  type HashName,
  type PrivateKey,
  type PublicKey,
  type SignatureAlgorithm,
  signatureAlgorithmsOf,
} from "./key-types.js";

/** What a remote signer is asked for. */
export interface RemoteSignRequest {
  readonly data: Uint8Array;
  /** Undefined for Ed25519, which signs the data itself. */
  readonly hash: HashName | undefined;
  /** The hash of the data, for services that take no more than that. Undefined for Ed25519. */
  readonly digest: Uint8Array | undefined;
  /** RSA only: PKCS #1 v1.5, or PSS with a salt as long as the hash and MGF1 with the same hash. */
  readonly padding: "pkcs1" | "pss" | undefined;
}

/** Settings of {@link remoteKey}. What is missing the key cannot do. */
export interface RemoteKeyOptions {
  readonly publicKey: PublicKey;
  /**
   * Signs in the form of X.509: RSA's bytes, ECDSA as DER of ECDSA-Sig-Value (RFC 3279 section 2.2.3), Ed25519's 64 bytes.
   * Signatures for SSH are made from that.
   */
  readonly sign?: ((request: RemoteSignRequest) => Promise<Uint8Array>) | undefined;
  /**
   * Decrypts what was encrypted for the RSA key. With PKCS #1 v1.5 a wrong padding should give random bytes: who can tell
   * an error of yours from success decrypts messages without the key.
   */
  readonly decrypt?: ((ciphertext: Uint8Array, scheme: DecryptionScheme) => Promise<Uint8Array>) | undefined;
  /** Gives the x coordinate of ECDH with a key on the same curve, as long as the curve's field. */
  readonly deriveSecret?: ((otherPublicKey: KeyObject) => Promise<Uint8Array>) | undefined;
  /** Signature algorithms of SSH that `sign` can do, best first. Default: all of the key's type. */
  readonly algorithms?: readonly SignatureAlgorithm[] | undefined;
}

/**
 * A private key behind functions of the application: a key management service, a signing server, a smart card with a
 * program of its own. It works wherever a key from a file does.
 *
 * Every signature is checked with the public key. What the functions throw is kept as the cause.
 *
 * Errors of the key: `ERR_KEY_ALGORITHM` for what there is no function for; `ERR_KEY_SIGN`, also when a signature does not
 * verify; `ERR_KEY_DECRYPT`, also when a secret has the wrong length.
 */
export function remoteKey(options: RemoteKeyOptions): PrivateKey {
  const { publicKey, sign, decrypt, deriveSecret } = options;
  const possible = signatureAlgorithmsOf(publicKey.type);
  const algorithms = (options.algorithms ?? possible).filter((algorithm) => possible.includes(algorithm));
  const cannot = (what: string): TransferError =>
    new TransferError("ERR_KEY_ALGORITHM", `this key cannot ${what}: it was given no function for that`);
  const home: KeyHome = {
    publicKey,
    algorithms: sign === undefined ? [] : algorithms,
    async sign(data, { hash, padding }) {
      if (sign === undefined) throw cannot("sign");
      const ownHash = publicKey.type === "ssh-ed25519";
      return await sign({
        data,
        hash: ownHash ? undefined : hash,
        digest: ownHash ? undefined : createHash(hash).update(data).digest(),
        padding: publicKey.type === "ssh-rsa" ? (padding ?? "pkcs1") : undefined,
      });
    },
    async decrypt(ciphertext, scheme) {
      if (decrypt === undefined) throw cannot("decrypt");
      return await decrypt(ciphertext, scheme);
    },
    async deriveSecret(otherPublicKey) {
      if (deriveSecret === undefined) throw cannot("agree on secrets");
      return await deriveSecret(otherPublicKey);
    },
  };
  return new DelegatedPrivateKey(home);
}
