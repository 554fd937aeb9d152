import type { ErrorSource } from "../error-source.js";

/** Elements of a document, and elements inside of one another: far more than keys need. */
const MAX_ELEMENTS = 20_000;
const MAX_DEPTH = 100;

/** What elements do not count in, by how it begins and ends. */
const SECTIONS = [
  ["<!--", "-->"],
  ["<![CDATA[", "]]>"],
  ["<?", "?>"],
] as const;

/**
 * Refuses XML that would make a parser work without bound: with a document type, with elements too many or too deep.
 * Looks at the text once, before any tree is made.
 */
export function requireHarmlessXml(text: string, source: ErrorSource): void {
  let elements = 0;
  let depth = 0;
  for (let position = text.indexOf("<"); position >= 0; position = text.indexOf("<", position)) {
    const section = SECTIONS.find(([start]) => text.startsWith(start, position));
    if (section !== undefined) {
      const end = text.indexOf(section[1], position + section[0].length);
      if (end < 0) throw source.damaged("the XML is not well-formed");
      position = end + section[1].length;
      continue;
    }
    if (text[position + 1] === "!") throw source.unsupported("XML with a document type is not supported");
    const end = endOfTag(text, position, source);
    if (text[position + 1] === "/") {
      depth -= 1;
    } else {
      elements += 1;
      if (text[end - 1] !== "/") depth += 1;
    }
    if (depth < 0) throw source.damaged("the XML is not well-formed");
    if (elements > MAX_ELEMENTS || depth > MAX_DEPTH) {
      throw source.unsupported(
        `XML of more than ${MAX_ELEMENTS} elements, or with more than ${MAX_DEPTH} inside of one another, is not supported`,
      );
    }
    position = end + 1;
  }
}

/** Where the `>` stands that ends a tag, which quoted values may have, too. */
function endOfTag(text: string, start: number, source: ErrorSource): number {
  const special = /["'<>]/g;
  special.lastIndex = start + 1;
  for (let match = special.exec(text); match !== null; match = special.exec(text)) {
    if (match[0] === ">") return match.index;
    const closing = match[0] === "<" ? -1 : text.indexOf(match[0], match.index + 1);
    if (closing < 0) break;
    special.lastIndex = closing + 1;
  }
  throw source.damaged("the XML is not well-formed");
}
