import { createHash } from "node:crypto";

const MAX_READABLE = 60;

/**
 * A file name for any string: what is readable of it, and a digest that tells it from all others, also where case does not
 * count.
 */
export function recordFileName(key: string): string {
  // Lone surrogates all become the same octets in UTF-8.
  const digest = createHash("sha256").update(Buffer.from(key, "utf16le")).digest("hex").slice(0, 32);
  const readable = key
    .slice(0, 4 * MAX_READABLE)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, MAX_READABLE);
  return readable === "" ? digest : `${readable}.${digest}`;
}

const PLAIN_TABLE = /^[a-z][a-z0-9-]{0,63}$/;

/** A folder name for any table: simple names are kept. */
export function tableFolderName(table: string): string {
  return PLAIN_TABLE.test(table) ? table : recordFileName(table);
}
