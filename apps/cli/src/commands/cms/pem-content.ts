import { TransferError } from "@waybill/net-core";

const DASH = 0x2d;
const LABELS = /^-----BEGIN (CMS|PKCS7)-----\r?\n/;
/** More than the longest first line takes. */
const MAX_FIRST_LINE = 64;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const PADDING = "=";

/**
 * The octets in PEM (RFC 7468), when the pieces begin like it; all others as they are, since no message begins with a dash.
 *
 * Errors: `ERR_CMS_DAMAGED`, `ERR_CMS_TRUNCATED`.
 */
export async function* withoutPem(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let isBinary = false;
  let label: string | undefined;
  /** What is left of the text that came. */
  let text = "";
  let isPadded = false;
  for await (const piece of pieces) {
    if (label === undefined && text === "" && piece.length > 0 && piece[0] !== DASH) isBinary = true;
    if (isBinary) {
      yield piece;
      continue;
    }
    text += piece.toString("latin1");
    if (label === undefined) {
      if (text.length < MAX_FIRST_LINE) continue;
      [label, text] = withoutFirstLine(text);
    }
    const end = text.indexOf("-");
    if (end >= 0 && text.length - end > MAX_FIRST_LINE) throw damaged("something follows its end");
    const body = (end < 0 ? text : text.slice(0, end)).replace(/\s/g, "");
    const usable = body.length - (body.length % 4);
    if (usable > 0) {
      if (isPadded) throw damaged("its base64 goes on behind its end");
      isPadded = body.slice(0, usable).endsWith(PADDING);
      yield decoded(body.slice(0, usable));
    }
    text = body.slice(usable) + (end < 0 ? "" : text.slice(end));
  }
  if (isBinary || (label === undefined && text === "")) return;
  if (label === undefined) {
    [label, text] = withoutFirstLine(text);
    const end = text.indexOf("-");
    if (end > 0) {
      yield decoded(text.slice(0, end).replace(/\s/g, ""));
      text = text.slice(end);
    }
  }
  const last = `-----END ${label}-----`;
  if (text.trimEnd() === last) return;
  if (last.startsWith(text) || !text.includes("-")) {
    throw new TransferError("ERR_CMS_TRUNCATED", "the PEM text ends in the middle");
  }
  throw damaged("its last line is not the one that belongs to its first");
}

function withoutFirstLine(text: string): [label: string, rest: string] {
  const [line, label] = LABELS.exec(text) ?? [];
  if (line === undefined || label === undefined)
    throw new TransferError("ERR_CMS_DAMAGED", "the PEM text is neither CMS nor PKCS7");
  return [label, text.slice(line.length)];
}

function decoded(text: string): Buffer {
  if (text.length % 4 !== 0 || !BASE64.test(text)) throw damaged("its base64 is malformed");
  return Buffer.from(text, "base64");
}

function damaged(problem: string): TransferError {
  return new TransferError("ERR_CMS_DAMAGED", `the PEM text is damaged: ${problem}`);
}
