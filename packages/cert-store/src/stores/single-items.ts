import { certificateFromDer } from "../certificate/parse-certificate.js";
import { labelOfDer, readDerPrivateKey } from "../der-private-key.js";
import type { ErrorSource } from "../error-source.js";
import { parsePublicKey } from "../parse-public-key.js";
import { readFirstBer } from "./ber.js";
import { type KeyOrProblem, keyFromPkcs8, keyOrProblem, looksLikePkcs8 } from "./key-item.js";
import { readEncryptedKeyInfo } from "./password-encryption.js";
import type { StoreItem } from "./store-builder.js";
import { asStoreError, passwordRequired, passwordWrong } from "./store-source.js";
import { WorkBudget } from "./work-budget.js";

/** Single things in DER, as they stand in files of their own and in PEM blocks. */

/** A certificate; with `allowTrailer` OpenSSL's notes on trust may follow it. */
export function certificateItem(der: Buffer, source: ErrorSource, allowTrailer = false): StoreItem {
  const only = allowTrailer ? readFirstBer(der, source).raw : der;
  return { certificate: certificateFromDer(only, source) };
}

/** A public key: SubjectPublicKeyInfo or PKCS#1. */
export function publicKeyItem(der: Buffer, fileName: string | undefined): StoreItem {
  try {
    return { publicKey: parsePublicKey(der, fileName === undefined ? {} : { fileName }) };
  } catch (error) {
    throw asStoreError(error);
  }
}

/** A private key in the clear. One that is damaged is an error, one of an unsupported kind an entry without it. */
export async function privateKeyItem(der: Buffer, source: ErrorSource): Promise<KeyOrProblem> {
  const label = labelOfDer(der, source);
  return supportedOrDamaged(await keyOrProblem(() => readDerPrivateKey(label, der, undefined, source)));
}

/** A private key in an EncryptedPrivateKeyInfo. */
export async function encryptedKeyItem(
  der: Buffer,
  password: string | undefined,
  source: ErrorSource,
  budget = new WorkBudget(),
): Promise<KeyOrProblem> {
  const encrypted = readEncryptedKeyInfo(readFirstBer(der, source), budget, source);
  if (password === undefined) throw passwordRequired(source);
  const plain = await encrypted.decrypt(password);
  if (plain === undefined || !looksLikePkcs8(plain)) throw passwordWrong(source);
  return supportedOrDamaged(await keyFromPkcs8(plain, source));
}

/** Only a store can have a damaged key beside sound entries; alone it is the file that is damaged. */
export function supportedOrDamaged(key: KeyOrProblem): KeyOrProblem {
  const code = (key.keyProblem as { readonly code?: string } | undefined)?.code;
  if (key.keyProblem !== undefined && code !== "ERR_STORE_UNSUPPORTED") throw key.keyProblem;
  return key;
}
