import type { PrivateKey } from "@waybill/cert-store";
import type { TestIdentity } from "./identities.js";

/** An identity whose secret nobody can take out, as in a token: it does what it is asked, or fails. */
export function heldIdentity({ certificate, key }: TestIdentity, failure?: Error) {
  const asked: string[] = [];
  const ask = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    asked.push(what);
    if (failure !== undefined) throw failure;
    return await work();
  };
  const { type, bits, comment, publicKey, algorithms } = key;
  const held: PrivateKey = {
    ...{ type, bits, comment, publicKey, algorithms },
    sign: () => Promise.reject(new Error("not asked for")),
    signWith: (data, scheme) => ask("signWith", () => key.signWith(data, scheme)),
    decrypt: (ciphertext, scheme) => ask("decrypt", () => key.decrypt(ciphertext, scheme)),
    deriveSecret: (other) => ask("deriveSecret", () => key.deriveSecret(other)),
  };
  return { identity: { certificate, key: held }, asked };
}
