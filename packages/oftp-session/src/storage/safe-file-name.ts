import { extname } from "node:path";
import { cutToOctets, MAX_NAME_OCTETS } from "./final-name.js";

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[/\\:*?"<>|\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;
const WINDOWS_DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])[ ]*(\.|$)/i;
const MAX_EXTENSION_OCTETS = 32;

/**
 * A name for a file from any text: at most 255 octets of UTF-8, never empty, one component of a path on every system. What
 * cannot stand in a name becomes `_`: path separators, what Windows refuses, control characters, those that turn the
 * direction of text; also leading dots, hyphens and spaces, and trailing dots and spaces. Names of Windows devices get a `_` in
 * front. What is too long is cut before its extension.
 */
export function safeFileName(text: string): string {
  const clean = text
    .toWellFormed()
    .normalize("NFC")
    .replace(UNSAFE, "_")
    .replace(/^[.\- ]+/, (start) => "_".repeat(start.length))
    .replace(/[. ]+$/, (end) => "_".repeat(end.length));
  const named = WINDOWS_DEVICE.test(clean) ? `_${clean}` : clean;
  const short = Buffer.byteLength(named) <= MAX_NAME_OCTETS ? named : shorten(named);
  return short === "" ? "_" : short;
}

/** Whether {@link safeFileName} would leave the name as it is. */
export function isSafeFileName(name: string): boolean {
  return name !== "" && safeFileName(name) === name;
}

function shorten(name: string): string {
  const extension = extname(name);
  const kept = Buffer.byteLength(extension) <= MAX_EXTENSION_OCTETS ? extension : "";
  const stem = kept === "" ? name : name.slice(0, -kept.length);
  const cut = cutToOctets(stem, MAX_NAME_OCTETS - Buffer.byteLength(kept));
  // The cut may end where no name may.
  return kept === "" ? cut.replace(/[. ]+$/, (end) => "_".repeat(end.length)) : `${cut}${kept}`;
}
