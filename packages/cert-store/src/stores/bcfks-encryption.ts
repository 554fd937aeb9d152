import { createDecipheriv } from "node:crypto";
import { DER_TAG, derSmallInteger } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { type AlgorithmIdentifier, berOctets, berParts, readAlgorithm } from "./ber.js";
import { readDerivation } from "./password-derivation.js";
import { pkcs12Password } from "./pkcs12-derivation.js";
import type { WorkBudget } from "./work-budget.js";

/** What follows the password in a derivation, so that no two of a store have the same key. */
export const BCFKS_PURPOSE = {
  store: "STORE_ENCRYPTION",
  privateKey: "PRIVATE_KEY_ENCRYPTION",
  integrity: "INTEGRITY_CHECK",
} as const;
export type BcfksPurpose = (typeof BCFKS_PURPOSE)[keyof typeof BCFKS_PURPOSE];

const PBES2 = "1.2.840.113549.1.5.13";
const AES_256_CCM = "2.16.840.1.101.3.4.1.47";
/** AES key wrap with padding (RFC 5649). */
const AES_256_WRAP_PAD = "2.16.840.1.101.3.4.1.48";

const KEY_BYTES = 32;
/** The first half of the alternative initial value (RFC 5649 section 3), as node:crypto wants it. */
const WRAP_PAD_IV = Buffer.from("a65959a6", "hex");
/** RFC 5084 section 3.1. */
const DEFAULT_TAG_BYTES = 12;
const MIN_NONCE_BYTES = 7;
const MAX_NONCE_BYTES = 13;

/** Password and purpose, as a derivation takes them. */
export function bcfksPassword(password: string, purpose: BcfksPurpose): Buffer {
  return Buffer.concat([pkcs12Password(password), pkcs12Password(purpose)]);
}

/** Something that is encrypted in a BCFKS store, read and found affordable. */
export interface BcfksEncrypted {
  /** What was encrypted, or undefined when the password does not fit or the data is damaged. */
  decrypt(password: string, purpose: BcfksPurpose): Promise<Buffer | undefined>;
}

export function readBcfksEncrypted(
  algorithm: AlgorithmIdentifier,
  ciphertext: Buffer,
  budget: WorkBudget,
  source: ErrorSource,
): BcfksEncrypted {
  if (algorithm.oid !== PBES2) throw source.unsupported(`the encryption ${algorithm.oid} is not supported`);
  const [kdf, encryption] = berParts(algorithm.parameters, source);
  const derivation = readDerivation(kdf, budget, source);
  const open = readCipher(readAlgorithm(encryption, source), ciphertext, source);
  if (derivation.keyBytes !== undefined && derivation.keyBytes !== KEY_BYTES) {
    throw source.damaged("the key derivation makes a key of another length than the cipher has");
  }
  return {
    decrypt: async (password, purpose) => {
      const key = await derivation.derive(bcfksPassword(password, purpose), KEY_BYTES);
      try {
        return open(key);
      } catch {
        // Both ciphers find out by themselves that the key is not the right one.
        return undefined;
      }
    },
  };
}

function readCipher(
  { oid, parameters }: AlgorithmIdentifier,
  ciphertext: Buffer,
  source: ErrorSource,
): (key: Buffer) => Buffer {
  if (oid === AES_256_WRAP_PAD) {
    if (ciphertext.length < 16 || ciphertext.length % 8 !== 0) {
      throw source.damaged("the encrypted part has the wrong length");
    }
    return (key) => {
      const decipher = createDecipheriv("id-aes256-wrap-pad", key, WRAP_PAD_IV);
      return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
    };
  }
  if (oid !== AES_256_CCM) {
    throw source.unsupported(
      `the cipher ${oid} is not supported: it takes AES-256 in CCM mode or by key wrap`,
    );
  }
  const [nonceValue, tagLength] = berParts(parameters, source);
  const nonce = berOctets(nonceValue, source);
  const tagBytes =
    tagLength?.tag === DER_TAG.integer ? derSmallInteger(tagLength, source) : DEFAULT_TAG_BYTES;
  // Shorter ones could be guessed (RFC 5084 section 3.1 allows 4).
  if (
    nonce.length < MIN_NONCE_BYTES ||
    nonce.length > MAX_NONCE_BYTES ||
    ![8, 10, 12, 14, 16].includes(tagBytes)
  ) {
    throw source.damaged("the parameters of the cipher are malformed");
  }
  if (ciphertext.length <= tagBytes) throw source.damaged("the encrypted part has the wrong length");
  const body = ciphertext.subarray(0, -tagBytes);
  return (key) => {
    const decipher = createDecipheriv("aes-256-ccm", key, nonce, { authTagLength: tagBytes });
    decipher.setAuthTag(ciphertext.subarray(-tagBytes));
    const plain = decipher.update(body);
    decipher.final();
    return plain;
  };
}
