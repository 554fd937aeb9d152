import { isUtf8 } from "node:buffer";

// SFTP version 3 says nothing of the character set of names, and Unix file names are bytes. We say UTF-8. A byte that
// is not part of a UTF-8 sequence becomes one lone surrogate, U+DC80 to U+DCFF for 0x80 to 0xFF, and turns back
// into that byte on the way out (Python's "surrogateescape"): so every name that a Unix file can have goes through
// unchanged.

const ESCAPE_BASE = 0xdc00;

/** Bytes of the wire or of the file system as a string. Never fails and loses nothing, see {@link encodeName}. */
export function decodeName(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString("utf8") : decodeDamagedName(bytes);
}

/** The bytes of a string that {@link decodeName} gave, or of any other well-formed string. */
export function encodeName(name: string): Buffer {
  return isEscapedName(name) ? encodeDamagedName(name) : Buffer.from(name, "utf8");
}

/** Whether a name holds bytes that are not UTF-8. */
export function isEscapedName(name: string): boolean {
  return !name.isWellFormed();
}

function decodeDamagedName(bytes: Buffer): string {
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const lead = bytes[at]!;
    const sequence = bytes.subarray(at, at + sequenceLength(lead));
    if (isUtf8(sequence)) {
      text += sequence.toString("utf8");
      at += sequence.length;
    } else {
      text += String.fromCharCode(ESCAPE_BASE | lead);
      at += 1;
    }
  }
  return text;
}

function sequenceLength(lead: number): number {
  if (lead < 0xc0) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}

function encodeDamagedName(name: string): Buffer {
  const parts: Buffer[] = [];
  for (const character of name) {
    const code = character.codePointAt(0)!;
    const escaped = code >= 0xdc80 && code <= 0xdcff;
    parts.push(escaped ? Buffer.of(code & 0xff) : Buffer.from(character, "utf8"));
  }
  return Buffer.concat(parts);
}
