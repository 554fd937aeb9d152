import { constants, type KeyObject, privateDecrypt } from "node:crypto";
import { type HashName, isSoftwareKey, type PrivateKey, unpadOaep } from "@waybill/cert-store";
import { cmsError, decryptError } from "./cms-error.js";

/**
 * RSA-OAEP (RFC 8017 section 7.1) whose mask is made with another hash than the label's: what Java makes of
 * `OAEPWithSHA-256AndMGF1Padding` when nobody tells it otherwise. RFC 4055 section 4.1 recommends the same hash.
 */
export interface MixedOaep {
  readonly padding: "oaep-mixed";
  readonly hash: HashName;
  readonly maskHash: HashName;
  readonly label?: Uint8Array | undefined;
}

const NO_LABEL = new Uint8Array();

/**
 * Decrypts with it. Neither node:crypto nor a token does it, so the padding is taken off here, and the key must be in this
 * process.
 *
 * Errors: `ERR_CMS_ALGORITHM` for a key in a token or of another kind; `ERR_CMS_DECRYPT` for whatever is wrong.
 */
export function decryptMixedOaep(key: PrivateKey, ciphertext: Uint8Array, scheme: MixedOaep): Buffer {
  if (!isSoftwareKey(key) || key.type !== "ssh-rsa") {
    throw cmsError(
      "ERR_CMS_ALGORITHM",
      `RSA-OAEP with ${scheme.hash} and MGF1 with ${scheme.maskHash} takes an RSA key in a file: no token does it`,
    );
  }
  const { hash, maskHash, label = NO_LABEL } = scheme;
  const message = unpadOaep(rawBlock(key.keyObject, ciphertext), hash, label, maskHash);
  if (message === undefined) throw decryptError();
  return message;
}

function rawBlock(key: KeyObject, ciphertext: Uint8Array): Buffer {
  try {
    return privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, ciphertext);
  } catch {
    // Of another length than the modulus, or not below it: the key has no part in that.
    throw decryptError();
  }
}
