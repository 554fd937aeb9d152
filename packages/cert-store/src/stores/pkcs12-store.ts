import { DER_TAG, type DerValue, derObjectIdentifier, derSmallInteger } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { berOctets, berParts, readAlgorithm, readBer } from "./ber.js";
import { looksLikePkcs8 } from "./key-item.js";
import { type PasswordEncrypted, readPasswordEncrypted } from "./password-encryption.js";
import { addPkcs12Bags, findShroudedKey, looksLikeBags } from "./pkcs12-bags.js";
import { type Pkcs12Mac, readPkcs12Mac } from "./pkcs12-mac.js";
import type { StoreBuilder } from "./store-builder.js";
import type { StorePasswords } from "./store-passwords.js";
import { passwordRequired, passwordWrong } from "./store-source.js";
import { WorkBudget } from "./work-budget.js";

const VERSION = 3;
const DATA = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA = "1.2.840.113549.1.7.6";

/** One of the parts that the MAC covers: bags in the clear, or encrypted. */
interface SafePart {
  readonly bags?: Buffer;
  readonly encrypted?: PasswordEncrypted;
}

/**
 * Reads PKCS#12 (RFC 7292): password privacy and password integrity, or none. The container is taken apart here, since
 * pkijs decrypts only PBES2, node-forge knows only RSA keys, and neither bounds the work of a derivation; certificates,
 * keys and ciphers are node:crypto's and node-forge's.
 *
 * A MAC that does not fit means a wrong password, unless the password decrypts what it should: then the file was
 * changed.
 */
export async function readPkcs12Store(
  bytes: Buffer,
  passwords: StorePasswords,
  builder: StoreBuilder,
  source: ErrorSource,
): Promise<void> {
  const budget = new WorkBudget();
  const [version, authSafe, macData] = berParts(readBer(bytes, source), source);
  if (derSmallInteger(version, source) !== VERSION)
    throw source.unsupported("only version 3 of PKCS#12 is supported");
  const content = readContent(authSafe, "the integrity of the file is protected by a signature", source);
  const parts = berParts(readBer(content, source), source).map((part) => readPart(part, budget, source));
  const mac = macData === undefined ? undefined : readPkcs12Mac(macData, content, budget, source);
  const password = await findPassword(mac, parts, passwords, budget, source);
  const isVerified = mac !== undefined || parts.some((part) => part.encrypted !== undefined);
  for (const part of parts) {
    const bags = part.bags ?? (await decryptPart(part, password, mac !== undefined, passwords, source));
    await addPkcs12Bags(bags, { password, isVerified, passwords, builder, budget, source });
  }
}

/** The contents of a ContentInfo of type data. */
function readContent(value: DerValue | undefined, otherwise: string, source: ErrorSource): Buffer {
  const [type, content] = berParts(value, source);
  if (derObjectIdentifier(type, source) !== DATA)
    throw source.unsupported(`${otherwise}, which is not supported`);
  return berOctets(berParts(content, source, DER_TAG.context0)[0], source);
}

function readPart(value: DerValue, budget: WorkBudget, source: ErrorSource): SafePart {
  const [type, content] = berParts(value, source);
  if (derObjectIdentifier(type, source) !== ENCRYPTED_DATA) {
    return { bags: readContent(value, "a part of it is encrypted for a public key", source) };
  }
  // EncryptedData (RFC 5652 section 8): version, EncryptedContentInfo.
  const [, info] = berParts(berParts(content, source, DER_TAG.context0)[0], source);
  const [, algorithm, ciphertext] = berParts(info, source);
  const octets = berOctets(ciphertext, source);
  return { encrypted: readPasswordEncrypted(readAlgorithm(algorithm, source), octets, budget, source) };
}

/** The password that fits: the given one, or, when it is empty or missing, one of the two forms of no password. */
async function findPassword(
  mac: Pkcs12Mac | undefined,
  parts: readonly SafePart[],
  { store }: StorePasswords,
  budget: WorkBudget,
  source: ErrorSource,
): Promise<string | undefined> {
  const forms = passwordForms(store);
  for (const form of forms) {
    if (mac === undefined ? await decryptsAny(parts, form, source) : await mac.fits(form)) return form;
  }
  // Without a MAC and with nothing to decrypt but keys, which have their own words for it.
  if (mac === undefined && parts.every((part) => part.encrypted === undefined)) return store;
  if (store === undefined) throw passwordRequired(source);
  if (mac !== undefined) {
    for (const form of forms) {
      if ((await decryptsAny(parts, form, source)) || (await decryptsKey(parts, form, budget, source))) {
        throw source.damaged(
          "the password is right, but the file was changed or damaged after it was written",
        );
      }
    }
  }
  throw passwordWrong(source);
}

/**
 * What a password may be in the file. Where it is not only ASCII, OpenSSL before version 1.1 took the bytes of UTF-8 for
 * characters.
 */
function passwordForms(password: string | undefined): readonly (string | undefined)[] {
  if (password === undefined || password === "") return ["", undefined];
  const bytes = Buffer.from(password, "utf8");
  return bytes.length === password.length ? [password] : [password, bytes.toString("latin1")];
}

async function decryptsAny(
  parts: readonly SafePart[],
  password: string | undefined,
  source: ErrorSource,
): Promise<boolean> {
  for (const { encrypted } of parts) {
    const bags = await encrypted?.decrypt(password);
    if (bags !== undefined && looksLikeBags(bags, source)) return true;
  }
  return false;
}

/** Whether the password opens the first key of a part in the clear. */
async function decryptsKey(
  parts: readonly SafePart[],
  password: string | undefined,
  budget: WorkBudget,
  source: ErrorSource,
): Promise<boolean> {
  for (const { bags } of parts) {
    const key = bags === undefined ? undefined : findShroudedKey(bags, budget, source);
    if (key === undefined) continue;
    const der = await key.decrypt(password);
    return der !== undefined && looksLikePkcs8(der);
  }
  return false;
}

async function decryptPart(
  part: SafePart,
  password: string | undefined,
  hasMac: boolean,
  passwords: StorePasswords,
  source: ErrorSource,
): Promise<Buffer> {
  // openssl's -twopass protects the contents with another password than the MAC.
  const other = passwords.keyOf(undefined);
  for (const candidate of other === password ? [password] : [password, other]) {
    const bags = await part.encrypted?.decrypt(candidate);
    if (bags !== undefined && looksLikeBags(bags, source)) return bags;
  }
  if (!hasMac) throw passwordWrong(source);
  throw source.error(
    "ERR_STORE_PASSWORD_WRONG",
    "the password fits, but the contents have another: give that as keyPassword",
  );
}
