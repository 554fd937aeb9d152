import type { PrivateKey } from "@waybill/cert-store";

/** A key that can be asked to sign and decrypt, but whose secret is elsewhere, like one in a token. */
export function heldKey(inner: PrivateKey): PrivateKey {
  const { type, bits, comment, publicKey, algorithms } = inner;
  return {
    ...{ type, bits, comment, publicKey, algorithms },
    sign: (data, algorithm) => inner.sign(data, algorithm),
    signWith: (data, scheme) => inner.signWith(data, scheme),
    decrypt: (ciphertext, scheme) => inner.decrypt(ciphertext, scheme),
    deriveSecret: (otherPublicKey) => inner.deriveSecret(otherPublicKey),
  };
}
