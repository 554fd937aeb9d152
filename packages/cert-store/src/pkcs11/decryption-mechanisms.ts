import { TransferError } from "@waybill/net-core";
import type { DecryptionScheme } from "../key-types.js";
import { unpadOaep, unpadPkcs1 } from "../rsa-unpadding.js";
import {
  CK_PARAMS_RSA_OAEP,
  CKF_DECRYPT,
  CKM_RSA_PKCS,
  CKM_RSA_PKCS_OAEP,
  CKM_RSA_X_509,
  CKZ_DATA_SPECIFIED,
} from "./cryptoki-names.js";
import { HASH_NUMBERS } from "./hash-numbers.js";
import type { Token } from "./token.js";
import type { Attempt } from "./token-key.js";

/**
 * The ways to decrypt with what a token has, best first. For PKCS #1 v1.5 that is the bare RSA operation, with the
 * padding taken off here: a token that says whether the padding was right lets others decrypt with it.
 */
export function decryptionAttempts(
  token: Pick<Token, "mechanismFlags">,
  ciphertext: Buffer,
  scheme: DecryptionScheme,
  rejectionSecret: Buffer,
): Attempt[] {
  const attempts: Attempt[] = [];
  const offer = (
    mechanism: number,
    more: Pick<Attempt, "finish" | "onBadInput">,
    parameter?: Attempt["mechanism"]["parameter"],
  ) => {
    if ((token.mechanismFlags(mechanism) & CKF_DECRYPT) === 0) return;
    attempts.push({
      mechanism: { mechanism, ...(parameter !== undefined && { parameter }) },
      input: ciphertext,
      ...more,
    });
  };
  if (scheme.padding === "pkcs1") {
    offer(CKM_RSA_X_509, {
      finish: (output) => unpadPkcs1(blockOf(output, ciphertext.length), ciphertext, rejectionSecret),
    });
    // An empty block has the wrong padding, too.
    const standIn = () => unpadPkcs1(Buffer.alloc(ciphertext.length), ciphertext, rejectionSecret);
    offer(CKM_RSA_PKCS, { onBadInput: standIn });
    return attempts;
  }
  const { hash, label = Buffer.alloc(0) } = scheme;
  const { hash: hashAlg, mgf } = HASH_NUMBERS[hash];
  const sourceData = Buffer.from(label);
  const parameter = {
    type: CK_PARAMS_RSA_OAEP,
    hashAlg,
    mgf,
    source: CKZ_DATA_SPECIFIED,
    ...(sourceData.length > 0 && { sourceData }),
  };
  const inToken = () => offer(CKM_RSA_PKCS_OAEP, {}, parameter);
  const here = () =>
    offer(CKM_RSA_X_509, {
      finish: (output) => {
        const message = unpadOaep(blockOf(output, ciphertext.length), hash, label);
        if (message !== undefined) return message;
        throw new TransferError(
          "ERR_KEY_DECRYPT",
          "decrypting with the RSA key failed: it was encrypted for another key or another way",
        );
      },
    });
  // SoftHSM 2.6 takes labels and ignores them.
  for (const way of sourceData.length > 0 ? [here, inToken] : [inToken, here]) way();
  return attempts;
}

/** Some tokens leave out leading zeros. */
function blockOf(output: Buffer, length: number): Buffer {
  return Buffer.concat([Buffer.alloc(Math.max(0, length - output.length)), output]);
}
