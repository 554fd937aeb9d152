import { createHash } from "node:crypto";
import type { HashName, PublicKey, SignatureScheme } from "../key-types.js";
import {
  CK_PARAMS_RSA_PSS,
  CKF_SIGN,
  CKM_ECDSA,
  CKM_EDDSA,
  CKM_RSA_PKCS,
  CKM_RSA_PKCS_PSS,
  CKM_RSA_X_509,
} from "./cryptoki-names.js";
import { HASH_NUMBERS } from "./hash-numbers.js";
import { digestInfo, pkcs1SignatureBlock, pssSignatureBlock } from "./rsa-encoding.js";
import type { Token } from "./token.js";
import type { Attempt } from "./token-key.js";

/**
 * The ways to sign with what a token has, best first: the hash is made here, the padding in the token; then all in the
 * token, which some insist on; at last all here but the bare RSA operation, for tokens that know no more.
 */
export function signingAttempts(
  token: Pick<Token, "mechanismFlags">,
  publicKey: PublicKey,
  data: Buffer,
  scheme: SignatureScheme,
): Attempt[] {
  const attempts: Attempt[] = [];
  const offer = (mechanism: number, input: () => Buffer, parameter?: Attempt["mechanism"]["parameter"]) => {
    if ((token.mechanismFlags(mechanism) & CKF_SIGN) === 0) return;
    attempts.push({
      mechanism: { mechanism, ...(parameter !== undefined && { parameter }) },
      input: input(),
    });
  };
  const { type, bits } = publicKey;
  if (type === "ssh-ed25519") {
    offer(CKM_EDDSA, () => data);
    return attempts;
  }
  const numbers = HASH_NUMBERS[scheme.hash];
  const digest = digestOf(scheme.hash, data);
  if (type !== "ssh-rsa") {
    // ECDSA takes as many bits of the hash as the curve has (FIPS 186-5 section 6.4.1), and not every token cuts it.
    offer(CKM_ECDSA, () => digest.subarray(0, Math.ceil(bits / 8)));
    offer(numbers.ecdsa, () => data);
  } else if (scheme.padding === "pss") {
    const parameter = {
      type: CK_PARAMS_RSA_PSS,
      hashAlg: numbers.hash,
      mgf: numbers.mgf,
      saltLen: numbers.bytes,
    };
    offer(CKM_RSA_PKCS_PSS, () => digest, parameter);
    offer(numbers.rsaPss, () => data, parameter);
    offer(CKM_RSA_X_509, () => pssSignatureBlock(scheme.hash, digest, bits));
  } else {
    offer(CKM_RSA_PKCS, () => digestInfo(scheme.hash, digest));
    offer(numbers.rsaPkcs1, () => data);
    offer(CKM_RSA_X_509, () => pkcs1SignatureBlock(scheme.hash, digest, bits));
  }
  return attempts;
}

function digestOf(hash: HashName, data: Buffer): Buffer {
  return createHash(hash).update(data).digest();
}
