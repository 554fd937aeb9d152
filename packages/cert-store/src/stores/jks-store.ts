import { timingSafeEqual } from "node:crypto";
import { certificateFromDer } from "../certificate/parse-certificate.js";
import type { Certificate } from "../certificate-types.js";
import type { ErrorSource } from "../error-source.js";
import { JavaReader } from "./java-reader.js";
import { readJavaProtectedKey, storeDigest } from "./jks-protection.js";
import { belonging, type KeyOrProblem, keyFromPkcs8 } from "./key-item.js";
import type { PasswordEncrypted } from "./password-encryption.js";
import { skipSealedObject } from "./sealed-object.js";
import type { StoreBuilder } from "./store-builder.js";
import { MAX_STORE_ENTRIES } from "./store-limits.js";
import type { StorePasswords } from "./store-passwords.js";
import { keyPasswordWrong, passwordRequired, passwordWrong, printable } from "./store-source.js";
import { WorkBudget } from "./work-budget.js";

export const JKS_MAGIC = 0xfeedfeed;
export const JCEKS_MAGIC = 0xcececece;

const TAG_KEY = 1;
const TAG_CERTIFICATE = 2;
const TAG_SECRET_KEY = 3;
const DIGEST_BYTES = 20;
const CERTIFICATE_TYPE = "X.509";

interface JavaKey {
  readonly alias: string;
  readonly encrypted: PasswordEncrypted;
  readonly chain: readonly Certificate[];
}

/**
 * Reads a JKS or JCEKS store, versions 1 and 2. Without a password certificates are read unchecked, as Java reads them;
 * a store with private keys needs one.
 *
 * The digest at the end covers password and store: when it does not fit, a key that the password opens shows that the
 * store was changed, else it is the password that is wrong.
 */
export async function readJavaStore(
  bytes: Buffer,
  passwords: StorePasswords,
  builder: StoreBuilder,
  source: ErrorSource,
): Promise<void> {
  if (bytes.length < DIGEST_BYTES) throw source.damaged("the store ends too early");
  const content = bytes.subarray(0, bytes.length - DIGEST_BYTES);
  const budget = new WorkBudget();
  const certificates: { readonly alias: string; readonly certificate: Certificate }[] = [];
  const keys: JavaKey[] = [];
  const reader = new JavaReader(content, source);
  reader.int();
  const version = reader.int();
  if (version !== 1 && version !== 2)
    throw source.unsupported("this version of the Java store is not supported");
  const count = reader.int();
  if (count > MAX_STORE_ENTRIES)
    throw source.unsupported(`more than ${MAX_STORE_ENTRIES} entries are not supported`);
  for (let index = 0; index < count; index += 1) {
    const tag = reader.int();
    const alias = reader.text();
    reader.long();
    if (tag === TAG_KEY) {
      const encrypted = readJavaProtectedKey(reader.block(), budget, source);
      keys.push({ alias, encrypted, chain: readChain(reader, version, source) });
    } else if (tag === TAG_CERTIFICATE) {
      certificates.push({ alias, certificate: readCertificate(reader, version, source) });
    } else if (tag === TAG_SECRET_KEY) {
      skipSealedObject(reader, source);
      builder.addProblem(
        source.unsupported(`the entry "${printable(alias)}" is a secret key: it was left out`),
      );
    } else {
      throw source.damaged("an entry of the store is of no known kind");
    }
  }
  if (reader.remaining > 0) throw source.damaged("something follows the last entry of the store");
  await requireIntegrity(bytes, keys, passwords, source);
  for (const key of keys) await addKey(key, passwords, builder, source);
  for (const item of certificates) builder.add(item);
}

async function requireIntegrity(
  bytes: Buffer,
  keys: readonly JavaKey[],
  passwords: StorePasswords,
  source: ErrorSource,
): Promise<void> {
  if (passwords.store === undefined) {
    if (keys.length > 0) throw passwordRequired(source);
    return;
  }
  const content = bytes.subarray(0, bytes.length - DIGEST_BYTES);
  const digest = bytes.subarray(bytes.length - DIGEST_BYTES);
  if (timingSafeEqual(storeDigest(passwords.store, content), digest)) return;
  // One key is enough to tell, and in JCEKS each takes half a second.
  if ((await keys[0]?.encrypted.decrypt(passwords.store)) !== undefined) {
    throw source.damaged("the password is right, but the store was changed or damaged after it was written");
  }
  throw passwordWrong(source);
}

async function addKey(
  { alias, encrypted, chain }: JavaKey,
  passwords: StorePasswords,
  builder: StoreBuilder,
  source: ErrorSource,
): Promise<void> {
  const der = await encrypted.decrypt(passwords.keyOf(alias));
  const [certificate, ...issuers] = chain;
  const key: KeyOrProblem =
    der === undefined ? { keyProblem: keyPasswordWrong(source, alias) } : await keyFromPkcs8(der, source);
  builder.add({ alias, certificate, issuers, ...belonging(key, certificate, source) });
}

function readChain(reader: JavaReader, version: number, source: ErrorSource): Certificate[] {
  const count = reader.int();
  if (count > MAX_STORE_ENTRIES)
    throw source.unsupported(`more than ${MAX_STORE_ENTRIES} entries are not supported`);
  const chain: Certificate[] = [];
  for (let index = 0; index < count; index += 1) chain.push(readCertificate(reader, version, source));
  return chain;
}

function readCertificate(reader: JavaReader, version: number, source: ErrorSource): Certificate {
  const type = version === 1 ? CERTIFICATE_TYPE : reader.text();
  if (type !== CERTIFICATE_TYPE) throw source.unsupported("a certificate of the store is none of X.509");
  return certificateFromDer(reader.block(), source);
}
