import { type Certificate, openStore, parseCertificate } from "@waybill/cert-store";
import { isTransferError } from "@waybill/net-core";
import { TAG } from "../ber/ber-header.js";
import { type BerValue, parseBer } from "../ber/ber-value.js";
import { cmsError } from "../cms-error.js";
import { describeMessage } from "../open/describe-message.js";
import { open } from "../open/open.js";
import { sourceOf } from "../receipts/small-message.js";

/** Octets of a file with certificates. */
export const MAX_CERTIFICATES_BYTES = 1024 * 1024;
/** Certificates in one: a chain, and those of a change-over. */
export const MAX_CERTIFICATES = 20;

const PRIVATE_KEY_LABEL = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----/;
const CERTIFICATE_LABEL = /-----BEGIN [A-Z0-9 ]{0,40}CERTIFICATE-----/g;
/** A whole file that is one block, whose base64 is checked below. */
const CMS_BLOCK = /^\s*-----BEGIN (PKCS7|CMS)-----([A-Za-z0-9+/=\s]*)-----END \1-----\s*$/;
const CMS_LABEL = /-----BEGIN (?:PKCS7|CMS)-----/;

/**
 * The certificates of a file of a certificate exchange (RFC 5024 section 10.4), in which nothing is encrypted, compressed
 * or signed: one X.509 certificate in DER, any in PEM; SignedData with certificates and without signers and content
 * (PKCS #7, `.p7b`, `.p7c`; RFC 5652 section 5.1), in DER, BER or PEM; or one of these as the content of a CMS message of
 * type data. A certificate that is there twice comes out once. None is trusted for being there: `verifyCertificate` of
 * cert-store says whether it is to be.
 *
 * A private key never comes out. A file with one is refused, and whoever sent it needs a new key.
 *
 * Errors: `ERR_CMS_LIMIT` (over {@link MAX_CERTIFICATES_BYTES} octets or {@link MAX_CERTIFICATES} certificates),
 * `ERR_CMS_PRIVATE_KEY`, `ERR_CMS_CERTIFICATES` (no certificate in it, or not in one of these forms; the cause says more).
 */
export async function certificatesIn(bytes: Uint8Array): Promise<readonly Certificate[]> {
  if (bytes.byteLength > MAX_CERTIFICATES_BYTES) {
    throw tooMany(MAX_CERTIFICATES_BYTES, `${bytes.byteLength} bytes of certificates are too many`);
  }
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return withoutRepetitions(await read(data, true));
  } catch (error) {
    if (!isTransferError(error) || OUTWARD.has(error.code)) throw error;
    throw noCertificate("it is damaged, or no file with certificates", error);
  }
}

const OUTWARD: ReadonlySet<string> = new Set([
  "ERR_CMS_CERTIFICATES",
  "ERR_CMS_LIMIT",
  "ERR_CMS_PRIVATE_KEY",
]);

/** `mayUnwrap`: a message of type data may be around the certificates once. */
function read(data: Buffer, mayUnwrap: boolean): Promise<readonly Certificate[]> {
  return data[0] === TAG.sequence ? readAsn1(data, mayUnwrap) : readText(data, mayUnwrap);
}

async function readText(data: Buffer, mayUnwrap: boolean): Promise<readonly Certificate[]> {
  const text = data.toString("latin1");
  if (PRIVATE_KEY_LABEL.test(text)) throw privateKeyError();
  const [, , block] = CMS_BLOCK.exec(text) ?? [];
  if (block !== undefined) return readAsn1(Buffer.from(block, "base64"), mayUnwrap);
  if (CMS_LABEL.test(text)) throw noCertificate("a CMS message in PEM must be there alone, and whole");
  const count = text.match(CERTIFICATE_LABEL)?.length ?? 0;
  if (count === 0) throw noCertificate("it is neither DER nor PEM");
  requireFew(count);
  const { entries } = await openStore({ data, fileName: "certificates" }, { format: "pem" });
  return entries.flatMap(({ certificate }) => certificate ?? []);
}

async function readAsn1(data: Buffer, mayUnwrap: boolean): Promise<readonly Certificate[]> {
  const value = parseBer(data);
  const [first] = value.parts;
  if (first?.tag === TAG.objectIdentifier) return await readMessage(data, mayUnwrap);
  if (holdsPrivateKey(value)) throw privateKeyError();
  return [parseCertificate(data)];
}

/**
 * Whether it is built like a private key or a store of them: PKCS #1, PKCS #8 and SEC 1 keys and PKCS #12 begin with a
 * version, which two more values follow or another kind of value; an encrypted PKCS #8 is an algorithm and octets.
 */
function holdsPrivateKey({ parts }: BerValue): boolean {
  const [first, second] = parts;
  if (first?.tag === TAG.integer) return parts.length > 2 || second?.tag !== TAG.integer;
  return first?.tag === TAG.sequence && second?.tag === TAG.octetString;
}

/** The content of what is compressed is no certificates, however large it becomes. */
const LIMITS = { contentBytes: MAX_CERTIFICATES_BYTES };
/** Data alone; what is in it stays as it is, whatever it looks like. */
const DATA_ONLY = { signed: false, encrypted: false, compressed: false };

async function readMessage(data: Buffer, mayUnwrap: boolean): Promise<readonly Certificate[]> {
  const { layers, contentBytes } = await describeMessage(sourceOf(data), { limits: LIMITS });
  const [layer] = layers;
  if (layer?.kind === "data" && mayUnwrap) {
    const pieces: Buffer[] = [];
    for await (const piece of open(sourceOf(data), { expect: DATA_ONLY, limits: LIMITS })) pieces.push(piece);
    return await read(Buffer.concat(pieces), false);
  }
  if (layer?.kind !== "signed")
    throw noCertificate(`it is a CMS message of another kind (${layer?.kind}) than certificates come in`);
  if (layer.signers.length > 0 || (contentBytes ?? 0) > 0) {
    throw noCertificate("it is a message that is signed or has content, and not certificates alone");
  }
  requireFew(layer.certificates.length);
  return layer.certificates.map((der) => parseCertificate(der));
}

function withoutRepetitions(certificates: readonly Certificate[]): readonly Certificate[] {
  if (certificates.length === 0) throw noCertificate("it has none");
  return certificates.filter(
    ({ der }, index) => certificates.findIndex((other) => other.der.equals(der)) === index,
  );
}

function requireFew(count: number): void {
  if (count > MAX_CERTIFICATES) throw tooMany(MAX_CERTIFICATES, `${count} certificates are too many`);
}

function tooMany(most: number, what: string): Error {
  return cmsError("ERR_CMS_LIMIT", `${what}: at most ${most} are read`, { details: { most } });
}

function noCertificate(problem: string, cause?: unknown): Error {
  const text = `no certificate can be taken from the file: ${problem}`;
  return cmsError("ERR_CMS_CERTIFICATES", text, cause === undefined ? {} : { cause });
}

function privateKeyError(): Error {
  return cmsError(
    "ERR_CMS_PRIVATE_KEY",
    "the file with certificates has a private key in it, which nobody else may have: its owner needs a new one",
  );
}
