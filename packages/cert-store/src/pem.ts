import { decodeBase64 } from "./base64.js";
import type { ErrorSource } from "./error-source.js";

/** One block of a PEM file (RFC 7468), or of an older one with headers (RFC 1421 section 4.4). */
export interface PemBlock {
  /** What stands behind BEGIN: `PRIVATE KEY`. */
  readonly label: string;
  /** The headers of the older form, names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

const BEGIN = /^-----BEGIN ([A-Z0-9 ]{1,64})-----\s*$/;

/** Whether a line of `text` opens a PEM block. */
export function hasPemBlock(text: string): boolean {
  return /^-----BEGIN /m.test(text);
}

/**
 * The blocks whose label `wanted` takes, in the file's order; the text around them is skipped. Errors:
 * `ERR_KEY_DAMAGED`.
 */
export function readPemBlocks(
  text: string,
  wanted: (label: string) => boolean,
  source: ErrorSource,
): PemBlock[] {
  const lines = text.split(/\r\n|\n|\r/);
  const blocks: PemBlock[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const label = BEGIN.exec(lines[index] ?? "")?.[1];
    if (label === undefined) continue;
    const last = `-----END ${label}-----`;
    let end = index + 1;
    while (end < lines.length && lines[end]?.trimEnd() !== last) end += 1;
    if (end === lines.length) throw source.damaged(`the line "${last}" is missing`);
    if (wanted(label)) blocks.push(readBlock(label, lines.slice(index + 1, end), source));
    index = end;
  }
  return blocks;
}

function readBlock(label: string, lines: readonly string[], source: ErrorSource): PemBlock {
  const headers = new Map<string, string>();
  let start = 0;
  while (lines[start]?.includes(":")) {
    const line = lines[start] ?? "";
    const colon = line.indexOf(":");
    headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    start += 1;
  }
  const body = decodeBase64(lines.slice(start).join(""));
  if (body === undefined || body.length === 0)
    throw source.damaged(`the base64 text of the ${label} is damaged`);
  return { label, headers, body };
}

/** A PEM block without headers, lines of `width` characters. */
export function formatPem(label: string, body: Uint8Array, width = 64): string {
  const text = Buffer.from(body).toString("base64");
  const lines = text.match(new RegExp(`.{1,${width}}`, "g")) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
