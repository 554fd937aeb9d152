import { certificateFromDer } from "../certificate/parse-certificate.js";
import { DER_TAG, type DerValue, derObjectIdentifier } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { BER_TAG, berName, berOctets, berParts, readBer } from "./ber.js";
import { type KeyOrProblem, keyFromPkcs8, looksLikePkcs8 } from "./key-item.js";
import { type PasswordEncrypted, readEncryptedKeyInfo } from "./password-encryption.js";
import type { StoreBuilder } from "./store-builder.js";
import type { StorePasswords } from "./store-passwords.js";
import { keyPasswordWrong, passwordRequired, passwordWrong, printable } from "./store-source.js";
import type { WorkBudget } from "./work-budget.js";

/** The bags of RFC 7292 section 4.2. */
const BAG = {
  key: "1.2.840.113549.1.12.10.1.1",
  shroudedKey: "1.2.840.113549.1.12.10.1.2",
  certificate: "1.2.840.113549.1.12.10.1.3",
  crl: "1.2.840.113549.1.12.10.1.4",
  secret: "1.2.840.113549.1.12.10.1.5",
  safeContents: "1.2.840.113549.1.12.10.1.6",
} as const;

const X509_CERTIFICATE = "1.2.840.113549.1.9.22.1";
/** PKCS#9's attributes (RFC 2985 section 5.5). */
const FRIENDLY_NAME = "1.2.840.113549.1.9.20";
const LOCAL_KEY_ID = "1.2.840.113549.1.9.21";

/** Safe contents inside of safe contents. */
const MAX_NESTED = 8;

export interface BagContext {
  /** The one that was found to fit; undefined is PKCS#12's no password. */
  readonly password: string | undefined;
  /** Whether a MAC, or contents that it decrypts, said so. */
  readonly isVerified: boolean;
  readonly passwords: StorePasswords;
  readonly builder: StoreBuilder;
  readonly budget: WorkBudget;
  readonly source: ErrorSource;
}

/** Whether decrypted bytes are one structure of the length that it says: with a wrong password they are not. */
export function looksLikeBags(bytes: Buffer, source: ErrorSource): boolean {
  try {
    return readBer(bytes, source).tag === DER_TAG.sequence;
  } catch {
    return false;
  }
}

/** The first encrypted key of SafeContents. */
export function findShroudedKey(
  bytes: Buffer,
  budget: WorkBudget,
  source: ErrorSource,
): PasswordEncrypted | undefined {
  for (const bag of berParts(readBer(bytes, source), source)) {
    const [type, wrapped] = berParts(bag, source);
    if (derObjectIdentifier(type, source) !== BAG.shroudedKey) continue;
    const [value] = berParts(wrapped, source, DER_TAG.context0);
    return value === undefined ? undefined : readEncryptedKeyInfo(value, budget, source);
  }
  return undefined;
}

/** Adds what SafeContents (RFC 7292 section 4.2) hold. */
export async function addPkcs12Bags(bytes: Buffer, context: BagContext, nested = 0): Promise<void> {
  for (const bag of berParts(readBer(bytes, context.source), context.source))
    await addBag(bag, context, nested);
}

async function addBag(bag: DerValue, context: BagContext, nested: number): Promise<void> {
  const { builder, source } = context;
  const [type, wrapped, attributeSet] = berParts(bag, source);
  const kind = derObjectIdentifier(type, source);
  const [value] = berParts(wrapped, source, DER_TAG.context0);
  if (value === undefined) throw source.damaged("a bag is empty");
  const { alias, localKeyId } = readAttributes(attributeSet, source);
  if (kind === BAG.safeContents) {
    if (nested === MAX_NESTED) throw source.unsupported("its bags are nested too deep");
    await addPkcs12Bags(value.raw, context, nested + 1);
  } else if (kind === BAG.certificate) {
    const [form, octets] = berParts(value, source);
    if (derObjectIdentifier(form, source) !== X509_CERTIFICATE) {
      builder.addProblem(
        source.unsupported(`the certificate ${name(alias)} is none of X.509: it was left out`),
      );
      return;
    }
    const der = berOctets(berParts(octets, source, DER_TAG.context0)[0], source);
    builder.add({ alias, localKeyId, certificate: certificateFromDer(der, source) });
  } else if (kind === BAG.key || kind === BAG.shroudedKey) {
    const key =
      kind === BAG.key ? await keyFromPkcs8(value.raw, source) : await readShrouded(value, alias, context);
    builder.add({ alias, localKeyId, ...key });
  } else if (kind !== BAG.crl) {
    const what = kind === BAG.secret ? "a secret key" : `of type ${kind}`;
    builder.addProblem(source.unsupported(`the entry ${name(alias)} is ${what}: it was left out`));
  }
}

async function readShrouded(
  value: DerValue,
  alias: string | undefined,
  context: BagContext,
): Promise<KeyOrProblem> {
  const { password, passwords, budget, source } = context;
  const encrypted = readEncryptedKeyInfo(value, budget, source);
  const own = passwords.keyOf(alias);
  // Where no password was given there may be none, in either of its forms (see pkcs12Password).
  const candidates = new Set(own === undefined || own === "" ? [password, "", undefined] : [own, password]);
  for (const candidate of candidates) {
    const der = await encrypted.decrypt(candidate);
    if (der !== undefined && looksLikePkcs8(der)) return keyFromPkcs8(der, source);
  }
  if (own === undefined) throw passwordRequired(source);
  if (!context.isVerified) throw passwordWrong(source);
  return { keyProblem: keyPasswordWrong(source, alias) };
}

function readAttributes(set: DerValue | undefined, source: ErrorSource) {
  let alias: string | undefined;
  let localKeyId: string | undefined;
  const attributes = set === undefined ? [] : berParts(set, source, BER_TAG.set);
  for (const attribute of attributes) {
    const [type, values] = berParts(attribute, source);
    const oid = derObjectIdentifier(type, source);
    const [first] = berParts(values, source, BER_TAG.set);
    if (oid === FRIENDLY_NAME) alias = berName(first) ?? alias;
    if (oid === LOCAL_KEY_ID && first?.tag === DER_TAG.octetString)
      localKeyId = first.contents.toString("hex");
  }
  return { alias: alias === "" ? undefined : alias, localKeyId };
}

function name(alias: string | undefined): string {
  return alias === undefined ? "without a name" : `"${printable(alias)}"`;
}
