import type { TransferError } from "@waybill/net-core";
import type { Certificate, DistinguishedName, ThumbprintHash } from "../certificate-types.js";
import { type ErrorSource, errorSource } from "../error-source.js";
import type { CertificateStore, EntrySelector, StoreEntry } from "../store-types.js";
import { parseNameText } from "./name-text.js";

const ANY_WITH_KEY = "*";
const THUMBPRINT_HASHES: ReadonlyMap<number, ThumbprintHash> = new Map([
  [32, "md5"],
  [40, "sha1"],
  [64, "sha256"],
]);
/** What a message lists at most. */
const MAX_LISTED = 10;

/**
 * The one entry of a store that the selector means. Copies of the same certificate count as one: the one with a private
 * key, when there is such a one.
 *
 * Errors: `ERR_CERT_NOT_FOUND`, `ERR_CERT_AMBIGUOUS` (the message lists the matches), `ERR_CERT_NO_PRIVATE_KEY` when
 * only the key is missing (its `cause` is why, when the store has one that cannot be used), `ERR_CERT_OPTIONS` for a
 * malformed thumbprint or serial number.
 */
export function selectEntry(store: CertificateStore, selector: EntrySelector = {}): StoreEntry {
  const source = errorSource(store.fileName, "the store");
  const [first, ...others] = selectEntries(store, selector);
  if (first === undefined) throw nothingFound(store, selector, source);
  const candidates = [first, ...others];
  const isSame = (entry: StoreEntry) =>
    first.certificate !== undefined && entry.certificate?.equals(first.certificate) === true;
  if (others.every(isSame)) return candidates.find((entry) => entry.privateKey !== undefined) ?? first;
  throw source.error(
    "ERR_CERT_AMBIGUOUS",
    `${candidates.length} entries match ${selectorText(selector)}, select one by its thumbprint or alias: ${list(candidates)}`,
  );
}

/** All entries that the selector means, in the order of the store. Errors: `ERR_CERT_OPTIONS`. */
export function selectEntries(store: CertificateStore, selector: EntrySelector = {}): StoreEntry[] {
  const source = errorSource(store.fileName, "the store");
  let entries = store.entries.filter((entry) => matchesPlainly(entry, selector, source));
  if (selector.issuer !== undefined) entries = narrowByName(entries, selector.issuer, (one) => one.issuer);
  if (selector.subject !== undefined) entries = narrowByName(entries, selector.subject, (one) => one.subject);
  return entries;
}

/** Everything but the names, whose exact matches go before others. */
function matchesPlainly(entry: StoreEntry, selector: EntrySelector, source: ErrorSource): boolean {
  const { thumbprint, serialNumber, alias, withPrivateKey } = selector;
  if (withPrivateKey === true && entry.privateKey === undefined) return false;
  if (alias !== undefined && entry.alias !== alias) return false;
  if (thumbprint !== undefined && !hasThumbprint(entry.certificate, thumbprint, source)) return false;
  if (serialNumber === undefined) return true;
  return (
    entry.certificate !== undefined &&
    withoutZeros(entry.certificate.serialNumber) === serialDigits(serialNumber, source)
  );
}

function hasThumbprint(certificate: Certificate | undefined, text: string, source: ErrorSource): boolean {
  const digits = text.replace(/[\s:]/g, "").toUpperCase();
  const hash = THUMBPRINT_HASHES.get(digits.length);
  if (hash === undefined || !/^[0-9A-F]+$/.test(digits)) {
    throw source.error(
      "ERR_CERT_OPTIONS",
      `"${text.slice(0, 100)}" is no thumbprint: it takes 32, 40 or 64 hexadecimal digits (MD5, SHA-1, SHA-256)`,
    );
  }
  return certificate?.thumbprint(hash) === digits;
}

function serialDigits(text: string, source: ErrorSource): string {
  const digits = text.replace(/[\s:]/g, "").replace(/^0x/i, "").toUpperCase();
  if (!/^[0-9A-F]+$/.test(digits)) {
    throw source.error(
      "ERR_CERT_OPTIONS",
      `"${text.slice(0, 100)}" is no serial number: it takes hexadecimal digits`,
    );
  }
  return withoutZeros(digits);
}

const withoutZeros = (digits: string) => digits.replace(/^0+(?=.)/, "");

function narrowByName(
  entries: readonly StoreEntry[],
  wanted: string,
  nameOf: (certificate: Certificate) => DistinguishedName,
): StoreEntry[] {
  if (wanted === ANY_WITH_KEY) return entries.filter((entry) => entry.privateKey !== undefined).slice(0, 1);
  const named = entries.flatMap((entry) =>
    entry.certificate === undefined ? [] : [{ entry, name: nameOf(entry.certificate) }],
  );
  const forms = attributeForms(wanted);
  const exact = named.filter(({ name }) => isExactly(name, wanted, forms));
  if (exact.length > 0) return exact.map(({ entry }) => entry);
  const part = wanted.toLowerCase();
  return named.filter(({ name }) => name.text.toLowerCase().includes(part)).map(({ entry }) => entry);
}

function isExactly(name: DistinguishedName, wanted: string, forms: readonly string[]): boolean {
  if (name.text === wanted || name.attributes.some((attribute) => attribute.value === wanted)) return true;
  return forms.length > 0 && forms.includes(formOf(name.attributes));
}

/** The attributes of a name that was written down, in both orders: some programs begin with the country. */
function attributeForms(text: string): string[] {
  try {
    const parts = parseNameText(text, errorSource(undefined));
    const attributes = parts.map((part) =>
      part.map(({ oid, value }) => ({
        oid,
        value: typeof value === "string" ? value : `#${value.toString("hex")}`,
      })),
    );
    return attributes.length === 0 ? [] : [formOf(attributes.flat()), formOf(attributes.reverse().flat())];
  } catch {
    // It is a part of a name, then, or a value.
    return [];
  }
}

function formOf(attributes: readonly { readonly oid: string; readonly value: string }[]): string {
  return JSON.stringify(attributes.map(({ oid, value }) => [oid, value]));
}

function nothingFound(store: CertificateStore, selector: EntrySelector, source: ErrorSource): TransferError {
  const wantsKey =
    selector.withPrivateKey === true || selector.subject === ANY_WITH_KEY || selector.issuer === ANY_WITH_KEY;
  const withoutKey = wantsKey
    ? selectEntries(store, {
        ...selector,
        withPrivateKey: false,
        subject: selector.subject === ANY_WITH_KEY ? undefined : selector.subject,
        issuer: selector.issuer === ANY_WITH_KEY ? undefined : selector.issuer,
      })
    : [];
  if (withoutKey.length > 0) {
    const problem = withoutKey.find((entry) => entry.keyProblem !== undefined)?.keyProblem;
    return source.error(
      "ERR_CERT_NO_PRIVATE_KEY",
      problem === undefined
        ? `there is no private key for ${list(withoutKey)}`
        : `the private key for ${list(withoutKey)} cannot be used (${problem.message})`,
      problem,
    );
  }
  const held = store.entries.length === 0 ? "it is empty" : `it holds ${list(store.entries)}`;
  return source.error("ERR_CERT_NOT_FOUND", `nothing matches ${selectorText(selector)}: ${held}`);
}

function selectorText(selector: EntrySelector): string {
  const parts = Object.entries(selector)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return parts.length === 0 ? "an empty selection" : parts.join(", ");
}

function list(entries: readonly StoreEntry[]): string {
  const listed = entries.slice(0, MAX_LISTED).map(entryText);
  const more = entries.length - listed.length;
  return `${listed.join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
}

function entryText(entry: StoreEntry): string {
  const { certificate, alias, publicKey } = entry;
  const name = alias === undefined ? "" : `${JSON.stringify(alias)} `;
  if (certificate !== undefined) {
    return `${name}${certificate.subject.text} (SHA-1 ${certificate.thumbprint("sha1")})`;
  }
  return `${name}${publicKey === undefined ? "a key" : `${publicKey.type} ${publicKey.fingerprint()}`}`;
}
