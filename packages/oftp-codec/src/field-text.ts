import { isUtf8 } from "node:buffer";

/** The most octets that a text field (T) holds: its length has three digits. */
export const MAX_TEXT_OCTETS = 999;

const PRINTABLE_LATIN = /^[\x20-\x7e\xa0-\xff]*$/;

/** What each character set allows (see `CharacterSet`). Space is allowed inside: organisation codes have it. */
export const characterSets = {
  code: { pattern: /^[0-9A-Z/\-.&() ]*$/, says: "may hold 0 to 9, A to Z, / - . & ( ) and space only" },
  ascii: { pattern: /^[\x20-\x7e]*$/, says: "may hold printable ASCII only" },
  latin: { pattern: PRINTABLE_LATIN, says: "may hold printable ISO 8859-1 only" },
} as const;

/** Control characters that a text may have. */
const LAYOUT = "\t\r\n";

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether a text can be sent in a T field: no control characters but tab and line ends, and no halves of characters. */
export function isSendableText(text: string): boolean {
  if (LONE_SURROGATE.test(text)) return false;
  return !Array.from(text).some((character) => isControl(character) && !LAYOUT.includes(character));
}

/** Whether the characters of an X field are printable. */
export function isPrintable(text: string): boolean {
  return PRINTABLE_LATIN.test(text);
}

/** An X field without its padding. */
export function withoutPadding(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0x20) end -= 1;
  return text.slice(0, end);
}

/** The text of a T field. What is not valid UTF-8 is read as ISO 8859-1, which older partners send. */
export function decodeText(bytes: Buffer): string {
  return bytes.toString(isUtf8(bytes) ? "utf8" : "latin1");
}

/**
 * The longest beginning of `text` that fits into `maxOctets` octets of UTF-8 (default 999, the most that a description
 * or a reason text may have); a character is never cut in two.
 */
export function cutText(text: string, maxOctets = MAX_TEXT_OCTETS): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxOctets) return text;
  let end = Math.max(0, maxOctets);
  // 10xxxxxx continues a character: the cut moves to where one starts.
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}

/** A text for a trail: control characters are shown as `\x0A`, so that it stays on its line. */
export function showText(text: string): string {
  const shown = (character: string) => {
    const octet = character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0");
    return isControl(character) ? `\\x${octet}` : character;
  };
  return Array.from(text, shown).join("");
}

function isControl(character: string): boolean {
  const code = character.charCodeAt(0);
  return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}
