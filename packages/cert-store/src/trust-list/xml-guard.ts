import type { ErrorSource } from "../error-source.js";
import {
  MAX_TRUST_LIST_BYTES,
  MAX_XML_ATTRIBUTES,
  MAX_XML_DEPTH,
  MAX_XML_NODES,
} from "./trust-list-limits.js";

const DECLARED_ENCODING = /^<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]{0,40})["']/;
const READABLE_ENCODINGS = new Set(["utf-8", "utf8", "us-ascii", "ascii"]);

/**
 * The text of a list: not above the limit, UTF-8, without a byte order mark.
 * Errors: `ERR_TRUST_LIST_LIMIT`, `ERR_TRUST_LIST_DAMAGED`, `ERR_TRUST_LIST_UNSUPPORTED`.
 */
export function trustListText(data: string | Uint8Array, source: ErrorSource): string {
  // A character of a string has one byte at least; what is too long even so is not measured.
  const length =
    typeof data === "string" && data.length <= MAX_TRUST_LIST_BYTES ? Buffer.byteLength(data) : data.length;
  if (length > MAX_TRUST_LIST_BYTES) {
    throw limit(source, `it is larger than a list may be (${MAX_TRUST_LIST_BYTES} bytes)`);
  }
  const text = typeof data === "string" ? data.replace(/^\uFEFF/, "") : decode(data, source);
  const encoding = DECLARED_ENCODING.exec(text)?.[1];
  if (encoding !== undefined && !READABLE_ENCODINGS.has(encoding.toLowerCase())) {
    throw source.error("ERR_TRUST_LIST_UNSUPPORTED", `lists in ${encoding} are not read, only UTF-8`);
  }
  return text;
}

function decode(data: Uint8Array, source: ErrorSource): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch (error) {
    throw source.error("ERR_TRUST_LIST_DAMAGED", "the list is not UTF-8 text", error);
  }
}

/**
 * Walks over the markup once, in linear time and without building anything, and refuses what the parsers must not
 * see: document types (and with them entities), deep nesting, too many elements or attributes. Whether the rest is
 * well-formed is the parser's business.
 *
 * Errors: `ERR_TRUST_LIST_LIMIT`, `ERR_TRUST_LIST_DAMAGED`.
 */
export function guardXml(text: string, source: ErrorSource): void {
  let depth = 0;
  let nodes = 0;
  let position = text.indexOf("<");
  while (position !== -1) {
    nodes += 1;
    const next = text.charCodeAt(position + 1);
    let end: number;
    if (next === EXCLAMATION) {
      if (text.startsWith("<!--", position)) end = endOf(text, "-->", position + 4, source);
      else if (text.startsWith("<![CDATA[", position)) end = endOf(text, "]]>", position + 9, source);
      else throw source.error("ERR_TRUST_LIST_DAMAGED", "a list must not have a document type or entities");
    } else if (next === QUESTION) {
      end = endOf(text, "?>", position + 2, source);
    } else if (next === SLASH) {
      depth -= 1;
      nodes -= 1;
      if (depth < 0)
        throw source.error("ERR_TRUST_LIST_DAMAGED", "the list is not well-formed XML: it ends twice");
      end = endOf(text, ">", position + 2, source);
    } else {
      const tag = readStartTag(text, position + 1, source);
      end = tag.end;
      nodes += tag.attributes;
      if (text.charCodeAt(end - 2) !== SLASH) depth += 1;
      if (depth > MAX_XML_DEPTH) throw limit(source, `elements are nested deeper than ${MAX_XML_DEPTH}`);
    }
    if (nodes > MAX_XML_NODES)
      throw limit(source, `it has more than ${MAX_XML_NODES} elements and attributes`);
    position = text.indexOf("<", end);
  }
}

const EXCLAMATION = 0x21;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const SLASH = 0x2f;
const LESS_THAN = 0x3c;
const EQUALS = 0x3d;
const GREATER_THAN = 0x3e;
const QUESTION = 0x3f;

/** The start tag whose name begins at `position`: where it ends, and how many attributes it has. */
function readStartTag(
  text: string,
  position: number,
  source: ErrorSource,
): { readonly end: number; readonly attributes: number } {
  let attributes = 0;
  for (let index = position; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === GREATER_THAN) return { end: index + 1, attributes };
    if (code === LESS_THAN) break;
    if (code === EQUALS) {
      attributes += 1;
      if (attributes > MAX_XML_ATTRIBUTES) {
        throw limit(source, `an element has more than ${MAX_XML_ATTRIBUTES} attributes`);
      }
    } else if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      const closing = text.indexOf(code === DOUBLE_QUOTE ? '"' : "'", index + 1);
      if (closing === -1) break;
      index = closing;
    }
  }
  throw source.error("ERR_TRUST_LIST_DAMAGED", "the list is not well-formed XML: a tag does not end");
}

function endOf(text: string, mark: string, position: number, source: ErrorSource): number {
  const found = text.indexOf(mark, position);
  if (found !== -1) return found + mark.length;
  throw source.error("ERR_TRUST_LIST_DAMAGED", `the list is not well-formed XML: ${mark} is missing`);
}

function limit(source: ErrorSource, problem: string) {
  return source.error("ERR_TRUST_LIST_LIMIT", problem);
}
