import type { DistinguishedName } from "../certificate-types.js";

const nameKeys = new WeakMap<DistinguishedName, string>();

/** The same text for names that are the same (RFC 5280 section 7.1), whatever their string types, case and spaces. */
export function nameKey(name: DistinguishedName): string {
  const known = nameKeys.get(name);
  if (known !== undefined) return known;
  const key = JSON.stringify(name.attributes.map(({ oid, value }) => [oid, normalText(value)]));
  nameKeys.set(name, key);
  return key;
}

/** Case and runs of spaces do not matter (RFC 4518, what of it occurs). */
export function normalText(text: string): string {
  return text.normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " ");
}

const SHOWN_CHARACTERS = 200;

/** What of a text gets into a message. */
export function shortText(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text;
}
