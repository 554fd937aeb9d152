/**
 * Decodes base64 (RFC 4648 section 4), white space allowed, and nothing else: foreign characters, missing padding
 * and stray bits give undefined. Node's own decoder takes anything, which would let damage pass.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const packed = text.replace(/[ \t\r\n]+/g, "");
  if (packed.length % 4 !== 0) return undefined;
  const bytes = Buffer.from(packed, "base64");
  return bytes.toString("base64") === packed ? bytes : undefined;
}
