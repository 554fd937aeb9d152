import { createHmac, timingSafeEqual } from "node:crypto";
import { certificateFromDer } from "../certificate/parse-certificate.js";
import { DER_TAG, type DerValue, derSmallInteger } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { BCFKS_PURPOSE, bcfksPassword, readBcfksEncrypted } from "./bcfks-encryption.js";
import { berName, berOctets, berParts, readAlgorithm, readBer } from "./ber.js";
import { belonging, keyFromPkcs8, looksLikePkcs8 } from "./key-item.js";
import { hmacHash, readDerivation } from "./password-derivation.js";
import type { StoreBuilder } from "./store-builder.js";
import type { StorePasswords } from "./store-passwords.js";
import { keyPasswordWrong, passwordRequired, passwordWrong, printable } from "./store-source.js";
import { WorkBudget } from "./work-budget.js";

/** The kinds of entries. Secret keys are 2 and 4. */
const TYPE = { certificate: 0, privateKey: 1, protectedPrivateKey: 3 } as const;

/** Bytes of the integrity's key where the file does not say. */
const DEFAULT_MAC_KEY_BYTES = 64;

interface Context {
  readonly passwords: StorePasswords;
  readonly builder: StoreBuilder;
  readonly budget: WorkBudget;
  readonly source: ErrorSource;
}

/**
 * Reads a BCFKS store of Bouncy Castle's: entries as ASN.1, encrypted as a whole with AES-256 in CCM mode or by AES key
 * wrap, private keys once more with their own password, HMAC over all; PBKDF2 or scrypt.
 */
export async function readBcfksStore(
  bytes: Buffer,
  passwords: StorePasswords,
  builder: StoreBuilder,
  source: ErrorSource,
): Promise<void> {
  const budget = new WorkBudget();
  const [storeData, integrity] = berParts(readBer(bytes, source), source);
  if (storeData === undefined || integrity?.tag !== DER_TAG.sequence) {
    throw source.unsupported("its integrity is protected by a signature, which is not supported");
  }
  const fits = readIntegrity(integrity, storeData.raw, budget, source);
  const [first, second] = berParts(storeData, source);
  const encrypted =
    first?.tag === DER_TAG.sequence
      ? readBcfksEncrypted(readAlgorithm(first, source), berOctets(second, source), budget, source)
      : undefined;
  if (passwords.store === undefined) throw passwordRequired(source);
  const isWhole = await fits(passwords.store);
  const plain = await encrypted?.decrypt(passwords.store, BCFKS_PURPOSE.store);
  if (!isWhole) {
    if (plain === undefined) throw passwordWrong(source);
    throw source.damaged("the password is right, but the store was changed or damaged after it was written");
  }
  if (encrypted !== undefined && plain === undefined) throw source.damaged("the encrypted part is damaged");
  const objects = plain === undefined ? storeData : readBer(plain, source);
  // ObjectStoreData: version, integrity algorithm, two dates, the entries.
  const entries = berParts(berParts(objects, source)[4], source);
  for (const entry of entries) await addEntry(entry, { passwords, builder, budget, source });
}

/** PbkdMacIntegrityCheck: the HMAC, the derivation of its key, the value. */
function readIntegrity(value: DerValue, content: Buffer, budget: WorkBudget, source: ErrorSource) {
  const [macAlgorithm, kdf, mac] = berParts(value, source);
  const { hash, bytes } = hmacHash(readAlgorithm(macAlgorithm, source), source);
  const derivation = readDerivation(kdf, budget, source);
  const expected = berOctets(mac, source);
  if (expected.length !== bytes) throw source.damaged("the MAC has the wrong length");
  return async (password: string): Promise<boolean> => {
    const secret = bcfksPassword(password, BCFKS_PURPOSE.integrity);
    const key = await derivation.derive(secret, derivation.keyBytes ?? DEFAULT_MAC_KEY_BYTES);
    return timingSafeEqual(createHmac(hash, key).update(content).digest(), expected);
  };
}

/** ObjectData: type, name, two dates, the data. */
async function addEntry(entry: DerValue, { passwords, builder, budget, source }: Context): Promise<void> {
  const [typeValue, identifier, , , data] = berParts(entry, source);
  const type = derSmallInteger(typeValue, source);
  const alias = berName(identifier);
  const octets = berOctets(data, source);
  if (type === TYPE.certificate) {
    builder.add({ alias, certificate: certificateFromDer(octets, source) });
    return;
  }
  if (type !== TYPE.privateKey && type !== TYPE.protectedPrivateKey) {
    builder.addProblem(
      source.unsupported(`the entry "${printable(alias ?? "")}" is a secret key: it was left out`),
    );
    return;
  }
  const [keyInfo, list] = berParts(readBer(octets, source), source);
  const [algorithm, ciphertext] = berParts(keyInfo, source);
  const chain = berParts(list, source).map((certificate) => certificateFromDer(certificate.raw, source));
  const [certificate, ...issuers] = chain;
  const encrypted = readBcfksEncrypted(
    readAlgorithm(algorithm, source),
    berOctets(ciphertext, source),
    budget,
    source,
  );
  const der = await encrypted.decrypt(passwords.keyOf(alias) ?? "", BCFKS_PURPOSE.privateKey);
  const key =
    der === undefined || !looksLikePkcs8(der)
      ? { keyProblem: keyPasswordWrong(source, alias) }
      : await keyFromPkcs8(der, source);
  builder.add({ alias, certificate, issuers, ...belonging(key, certificate, source) });
}
