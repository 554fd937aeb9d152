import { decodeBase64 } from "../base64.js";
import type { ErrorSource } from "../error-source.js";
import { looksLikeDer } from "../key-input.js";
import { OPENSSH_LABEL } from "../openssh-private-key.js";
import { isPpk } from "../ppk-format.js";
import type { StoreFormat } from "../store-types.js";
import { kindOfDer } from "./der-kind.js";
import { JCEKS_MAGIC, JKS_MAGIC } from "./jks-store.js";

/** The formats that a file's bytes can have. */
export type FileFormat = Exclude<StoreFormat, "system" | "folder" | "pkcs11">;

/** The bytes of a store, made ready for its reader. */
export interface DetectedStore {
  readonly format: FileFormat;
  readonly bytes: Buffer;
}

/** The longest text that is converted before it is read, which takes several copies. */
const MAX_RECODED_BYTES = 4 * 1024 * 1024;

const BYTE_ORDER_MARK = "\uFEFF";
/** A line of a public key, perhaps with comments and empty lines before it. */
const OPENSSH_LINE = /^\s*(?:#[^\n]*\n\s*)*(?:ssh-|ecdsa-sha2-|sk-)[a-z0-9@.-]+ /;

/**
 * Tells a store's format from what it holds, never from its name. Text may be UTF-16 with a byte order mark, which
 * Windows' shells write, and DER may stand as bare base64, as it does when someone copies it from a mail.
 */
export function detectFormat(data: Buffer, source: ErrorSource): DetectedStore {
  if (data.length === 0) throw source.damaged("it is empty");
  const magic = data.length < 4 ? 0 : data.readUInt32BE();
  if (magic === JKS_MAGIC) return { format: "jks", bytes: data };
  if (magic === JCEKS_MAGIC) return { format: "jceks", bytes: data };
  if (looksLikeDer(data)) return { format: formatOfDer(data, source), bytes: data };
  const bytes = asUtf8(data, source);
  const text = bytes.toString("latin1");
  const java = bareBase64OfJava(text, source);
  if (java !== undefined) return java;
  const bare = bareBase64(text, source);
  if (bare !== undefined) return { format: formatOfDer(bare, source), bytes: bare };
  const format = formatOfText(text);
  if (format === undefined) {
    throw source.unsupported(
      "it is in no known format: it takes PKCS#12, PKCS#7, PEM, DER, JKS, JCEKS, BCFKS, PPK, OpenSSH, RFC 4716, JWK and XML",
    );
  }
  return { format, bytes };
}

function formatOfDer(bytes: Buffer, source: ErrorSource): FileFormat {
  const kind = kindOfDer(bytes, source);
  return kind === "pkcs12" || kind === "pkcs7" || kind === "bcfks" ? kind : "der";
}

function formatOfText(text: string): FileFormat | undefined {
  if (isPpk(text)) return "ppk";
  const pem = formatOfPem(text);
  if (pem !== undefined) return pem;
  const start = /^\s*(\S{0,64})/.exec(text)?.[1] ?? "";
  if (start.startsWith("{") || start.startsWith("[")) return "jwk";
  if (start.startsWith("<")) return "xml";
  if (/^\s*---- BEGIN SSH2 PUBLIC KEY ----/.test(text)) return "rfc4716";
  return OPENSSH_LINE.test(text.slice(0, 4096)) ? "openssh" : undefined;
}

/** Blocks of one kind may have a format of their own; everything else with blocks is a bundle. */
function formatOfPem(text: string): FileFormat | undefined {
  let found: FileFormat | undefined;
  for (const [, label] of text.matchAll(/^-----BEGIN ([A-Z0-9 ]{1,64})-----/gm)) {
    const isPkcs7 = label === "PKCS7" || label === "CMS";
    if (isPkcs7 && found !== "openssh") found = "pkcs7";
    else if (label === OPENSSH_LABEL && found === undefined) found = "openssh";
    else return "pem";
  }
  return found;
}

/** Text as UTF-8, without a byte order mark. */
function asUtf8(bytes: Buffer, source: ErrorSource): Buffer {
  const [first, second] = bytes;
  const isLittleEndian = first === 0xff && second === 0xfe;
  if (!isLittleEndian && !(first === 0xfe && second === 0xff)) {
    return bytes.subarray(0, 3).toString("utf8") === BYTE_ORDER_MARK ? bytes.subarray(3) : bytes;
  }
  if (bytes.length > MAX_RECODED_BYTES) throw tooLong(bytes.length, source);
  const utf16 = isLittleEndian ? bytes : Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16();
  return Buffer.from(utf16.toString("utf16le").replace(BYTE_ORDER_MARK, ""), "utf8");
}

/** Java's stores as base64, for settings that are text. */
function bareBase64OfJava(text: string, source: ErrorSource): DetectedStore | undefined {
  const start = /^\s*(\/u3\+7Q|zs7Ozg)AA[A-Za-z0-9+/=\s]*$/.exec(text)?.[1];
  if (start === undefined) return undefined;
  if (text.length > MAX_RECODED_BYTES) throw tooLong(text.length, source);
  const bytes = decodeBase64(text);
  if (bytes === undefined) return undefined;
  return { format: start.startsWith("/") ? "jks" : "jceks", bytes };
}

/** DER of more than 127 bytes begins with M in base64. */
function bareBase64(text: string, source: ErrorSource): Buffer | undefined {
  if (!/^\s*M[A-Za-z0-9+/]{3}[A-Za-z0-9+/=\s]*$/.test(text)) return undefined;
  if (text.length > MAX_RECODED_BYTES) throw tooLong(text.length, source);
  return decodeBase64(text);
}

function tooLong(length: number, source: ErrorSource): Error {
  return source.unsupported(
    `${length} bytes of text are more than is read in this form (${MAX_RECODED_BYTES})`,
  );
}
