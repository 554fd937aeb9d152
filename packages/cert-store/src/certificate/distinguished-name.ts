import type { DistinguishedName, NameAttribute } from "../certificate-types.js";
import type { DerValue } from "../der.js";
import type { ErrorSource } from "../error-source.js";
import { nameKey } from "../trust/names.js";
import { ASN1_TAG, asn1Oid, asn1Sequence, asn1Text } from "./asn1-values.js";

/** The names of RFC 4514 section 3 first, then those that OpenSSL and RFC 5280 appendix A use. */
export const ATTRIBUTE_OIDS: ReadonlyMap<string, string> = new Map([
  ["CN", "2.5.4.3"],
  ["L", "2.5.4.7"],
  ["ST", "2.5.4.8"],
  ["O", "2.5.4.10"],
  ["OU", "2.5.4.11"],
  ["C", "2.5.4.6"],
  ["STREET", "2.5.4.9"],
  ["DC", "0.9.2342.19200300.100.1.25"],
  ["UID", "0.9.2342.19200300.100.1.1"],
  ["SN", "2.5.4.4"],
  ["serialNumber", "2.5.4.5"],
  ["title", "2.5.4.12"],
  ["description", "2.5.4.13"],
  ["businessCategory", "2.5.4.15"],
  ["postalCode", "2.5.4.17"],
  ["telephoneNumber", "2.5.4.20"],
  ["name", "2.5.4.41"],
  ["GN", "2.5.4.42"],
  ["initials", "2.5.4.43"],
  ["generationQualifier", "2.5.4.44"],
  ["dnQualifier", "2.5.4.46"],
  ["pseudonym", "2.5.4.65"],
  ["organizationIdentifier", "2.5.4.97"],
  ["emailAddress", "1.2.840.113549.1.9.1"],
  ["unstructuredName", "1.2.840.113549.1.9.2"],
  ["jurisdictionL", "1.3.6.1.4.1.311.60.2.1.1"],
  ["jurisdictionST", "1.3.6.1.4.1.311.60.2.1.2"],
  ["jurisdictionC", "1.3.6.1.4.1.311.60.2.1.3"],
]);

const ATTRIBUTE_NAMES: ReadonlyMap<string, string> = new Map(
  [...ATTRIBUTE_OIDS].map(([name, oid]) => [oid, name]),
);

/** Attributes in one name; the longest in use have some 15. */
const MAX_ATTRIBUTES = 256;

/** Line breaks of Unicode, and marks that change the direction of the text around them. */
const INVISIBLE = "\\p{Cc}\\u2028\\u2029\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069";
const ESCAPED_BY_HEX = new RegExp(`[${INVISIBLE}]`, "gu");

/** Reads a Name (RFC 5280 section 4.1.2.4). */
export function readName(value: DerValue | undefined, source: ErrorSource): DistinguishedName {
  const attributes: NameAttribute[] = [];
  const relativeNames: string[] = [];
  for (const set of asn1Sequence(value, source)) {
    const parts = asn1Sequence(set, source, ASN1_TAG.set);
    if (parts.length === 0) throw source.damaged("a name of the certificate has an empty part");
    const texts = parts.map((part) => {
      const [type, content, ...rest] = asn1Sequence(part, source);
      if (content === undefined || rest.length > 0)
        throw source.damaged("a name of the certificate is malformed");
      const attribute = nameAttribute(asn1Oid(type, source), content);
      if (attributes.length === MAX_ATTRIBUTES)
        throw source.unsupported("a name of the certificate is too long");
      attributes.push(attribute);
      return attributeText(attribute, content);
    });
    relativeNames.push(texts.join("+"));
  }
  return { text: relativeNames.reverse().join(","), attributes, der: value?.raw ?? Buffer.alloc(0) };
}

/** The values of an attribute, by its short name or OID, in the order of the certificate. */
export function attributeValues(name: DistinguishedName, type: string): string[] {
  return name.attributes
    .filter((attribute) => attribute.type === type || attribute.oid === type)
    .map((attribute) => attribute.value);
}

function nameAttribute(oid: string, content: DerValue): NameAttribute {
  return { type: ATTRIBUTE_NAMES.get(oid) ?? oid, oid, value: asn1Text(content) ?? hexForm(content) };
}

/** RFC 4514 sections 2.3 and 2.4: types without a name, and values that are no text, are written as their DER. */
function attributeText(attribute: NameAttribute, content: DerValue): string {
  const text = asn1Text(content);
  const isPlain = text !== undefined && attribute.type !== attribute.oid;
  return `${attribute.type}=${isPlain ? escapeNameValue(text) : hexForm(content)}`;
}

function hexForm(content: DerValue): string {
  return `#${content.raw.toString("hex")}`;
}

/**
 * A value as RFC 4514 section 2.4 writes it. Control characters and marks of direction are written in hexadecimal as
 * well, which it allows, so that a name cannot change what a terminal shows around it.
 */
export function escapeNameValue(value: string): string {
  return value
    .replace(/[\\"+,;<>]/g, "\\$&")
    .replace(/^[ #]/, "\\$&")
    .replace(/ $/, (space, at: number, all: string) => (at === 1 && all[0] === "\\" ? space : `\\${space}`))
    .replace(ESCAPED_BY_HEX, (character) =>
      [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join(""),
    );
}

/** Whether two names are the same (RFC 5280 section 7.1): as octets, or without regard to case and to runs of spaces. */
export function sameName(one: DistinguishedName, other: DistinguishedName): boolean {
  return one.der.equals(other.der) || nameKey(one) === nameKey(other);
}
