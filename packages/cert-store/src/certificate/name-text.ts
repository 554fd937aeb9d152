import type { ErrorSource } from "../error-source.js";
import { isOid } from "./asn1-values.js";
import { ATTRIBUTE_OIDS } from "./distinguished-name.js";

/** One attribute of a name that was written down. */
export interface TypedAttribute {
  readonly oid: string;
  /** Text, or the DER of a value that was written as `#` and hexadecimal digits. */
  readonly value: string | Buffer;
}

/** Names in other writings: OpenSSL's, Java's, Windows'. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["e", "emailAddress"],
  ["email", "emailAddress"],
  ["s", "ST"],
  ["sp", "ST"],
  ["t", "title"],
  ["g", "GN"],
  ["givenname", "GN"],
  ["surname", "SN"],
  ["commonname", "CN"],
  ["countryname", "C"],
  ["organizationname", "O"],
  ["organizationalunitname", "OU"],
  ["localityname", "L"],
  ["stateorprovincename", "ST"],
  ["domaincomponent", "DC"],
  ["userid", "UID"],
]);

const TYPES: ReadonlyMap<string, string> = new Map(
  [...ATTRIBUTE_OIDS].map(([name, oid]) => [name.toLowerCase(), oid]),
);

/** The OID of an attribute type: a name in any case, or an OID (RFC 4514 section 3), with `OID.` before it or not. */
export function attributeOid(type: string, source: ErrorSource): string {
  const bare = type.replace(/^oid\./i, "");
  const dotted = isOid(bare) ? bare : undefined;
  const name = type.toLowerCase();
  const oid = dotted ?? TYPES.get((ALIASES.get(name) ?? name).toLowerCase());
  if (oid === undefined) {
    throw source.error(
      "ERR_CERT_OPTIONS",
      `"${type}" is no attribute of a name: it takes ${[...ATTRIBUTE_OIDS.keys()].slice(0, 11).join(", ")} or an OID`,
    );
  }
  return oid;
}

const TYPE = /\s*([A-Za-z][A-Za-z0-9.-]*|\d+(?:\.\d+)+)\s*=[ ]*/y;
const HEX_VALUE = /#((?:[0-9A-Fa-f]{2})+)\s*(?=[,+;]|$)/y;
const HEX_PAIR = /^[0-9A-Fa-f]{2}$/;

/**
 * Reads a name as RFC 4514 writes it, last part first; spaces around the separators are taken, and other programs' names
 * of attributes. Gives the parts in the order of a certificate, each with its attributes.
 *
 * Errors: `ERR_CERT_OPTIONS`.
 */
export function parseNameText(text: string, source: ErrorSource): TypedAttribute[][] {
  if (text.trim() === "") return [];
  const parts: TypedAttribute[][] = [[]];
  let position = 0;
  for (;;) {
    TYPE.lastIndex = position;
    const type = TYPE.exec(text)?.[1];
    if (type === undefined) {
      throw source.error(
        "ERR_CERT_OPTIONS",
        `a name is written like "CN=host,O=Company": there is no attribute at character ${position + 1}`,
      );
    }
    const value = readNameValue(text, TYPE.lastIndex, source);
    parts.at(-1)?.push({ oid: attributeOid(type, source), value: value.value });
    const separator = text[value.end];
    if (separator === undefined) return parts.reverse();
    if (separator !== "+") parts.push([]);
    position = value.end + 1;
  }
}

function readNameValue(
  text: string,
  start: number,
  source: ErrorSource,
): { readonly value: string | Buffer; readonly end: number } {
  HEX_VALUE.lastIndex = start;
  const hex = HEX_VALUE.exec(text)?.[1];
  if (hex !== undefined) return { value: Buffer.from(hex, "hex"), end: HEX_VALUE.lastIndex };
  const bytes: Buffer[] = [];
  /** Pieces that stay; spaces behind them that are not escaped go. */
  let solid = 0;
  let position = start;
  while (position < text.length && !/[,+;]/.test(text[position] ?? "")) {
    if (text[position] === "\\") {
      const pair = text.slice(position + 1, position + 3);
      const isPair = HEX_PAIR.test(pair);
      if (pair === "") throw source.error("ERR_CERT_OPTIONS", "the name ends within an escape");
      bytes.push(isPair ? Buffer.from(pair, "hex") : Buffer.from(pair.slice(0, 1)));
      position += isPair ? 3 : 2;
      solid = bytes.length;
      continue;
    }
    const character = String.fromCodePoint(text.codePointAt(position) ?? 0);
    if (character === '"')
      throw source.error(
        "ERR_CERT_OPTIONS",
        "quotation marks in a name are written with a backslash before them",
      );
    bytes.push(Buffer.from(character));
    position += character.length;
    if (character !== " ") solid = bytes.length;
  }
  return { value: Buffer.concat(bytes.slice(0, solid)).toString("utf8"), end: position };
}
