const BACKSLASH = 0x5c;
const CARET = 0x5e;
const UPPER_M = 0x4d;
const DASH = 0x2d;
const HIGH_BIT = 0x80;
const CONTROL_BIT = 0x40;

/**
 * What OpenSSH's source writes in place of a line break. It encodes (`strnvis` with `VIS_NL`) the path of a file when
 * there is a line break in it, and only then: a file whose own name has these three characters looks the same.
 */
export const ENCODED_LINE_BREAK = "\\^J";

/** Whether `name` may stand for a name with a line break in it. */
export function looksEncoded(name: string): boolean {
  return name.includes(ENCODED_LINE_BREAK);
}

/** Undoes `strnvis` as far as it was done; what is no escape stays as it is. */
export function decodeVisual(text: string): string {
  const bytes = Buffer.from(text);
  const decoded = Buffer.alloc(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; ) {
    const encoded = bytes[at] === BACKSLASH ? decodeEscape(bytes, at + 1) : undefined;
    decoded[length++] = encoded?.byte ?? bytes[at]!;
    at += encoded === undefined ? 1 : 1 + encoded.length;
  }
  return decoded.toString("utf8", 0, length);
}

/** The escape after a backslash: `\\`, `\^J`, `\M-c`, `\M^J`, `\240`. */
function decodeEscape(bytes: Buffer, at: number): { byte: number; length: number } | undefined {
  const [first, second, third] = [bytes[at], bytes[at + 1], bytes[at + 2]];
  if (first === BACKSLASH) return { byte: BACKSLASH, length: 1 };
  if (first === CARET && second !== undefined) return { byte: second ^ CONTROL_BIT, length: 2 };
  if (first === UPPER_M && second === DASH && third !== undefined)
    return { byte: third | HIGH_BIT, length: 3 };
  if (first === UPPER_M && second === CARET && third !== undefined)
    return { byte: (third ^ CONTROL_BIT) | HIGH_BIT, length: 3 };
  const octal = /^[0-3][0-7]{2}/.exec(bytes.toString("latin1", at, at + 3));
  return octal === null ? undefined : { byte: Number.parseInt(octal[0], 8), length: 3 };
}
