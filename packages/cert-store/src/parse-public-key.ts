import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { requireSupportedAlgorithm } from "./algorithm-identifier.js";
import { decodeBase64 } from "./base64.js";
import { DER_TAG, type DerValue, derParts, readDer } from "./der.js";
import { type ErrorSource, errorSource } from "./error-source.js";
import { keyInput, looksLikeDer } from "./key-input.js";
import type { PublicKey } from "./key-types.js";
import { readOpenSshKey } from "./openssh-public-key.js";
import { hasPemBlock, readPemBlocks } from "./pem.js";
import { publicKeyFromKeyObject, publicKeyFromWire } from "./public-key.js";

/** Options of {@link parsePublicKey}. */
export interface ParsePublicKeyOptions {
  /** Stands in the messages of errors. */
  readonly fileName?: string;
}

const LABELS = ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"] as const;
type PublicLabel = (typeof LABELS)[number];

const RFC4716_BEGIN = "---- BEGIN SSH2 PUBLIC KEY ----";
/** A name of 64 bytes and a value of 1024 (RFC 4716 section 3.3). */
const RFC4716_MAX_HEADER = 64 + 2 + 1024;
const RFC4716_END = "---- END SSH2 PUBLIC KEY ----";

/**
 * Reads a public key in any of these formats, found by looking: a line of OpenSSH (a `.pub` file), RFC 4716, PEM or
 * DER of a SubjectPublicKeyInfo (RFC 5280), of PKCS#1 (RFC 8017), of an X.509 certificate, whose signature and
 * dates are not looked at. In a PEM file with several blocks it takes the first.
 *
 * Errors: `ERR_KEY_DAMAGED`, `ERR_KEY_UNSUPPORTED`.
 */
export function parsePublicKey(data: string | Uint8Array, options: ParsePublicKeyOptions = {}): PublicKey {
  const source = errorSource(options.fileName, "public key");
  const bytes = keyInput(data, source);
  if (looksLikeDer(bytes)) return readDerPublicKey(labelOfDer(bytes, source), bytes, source);
  const text = bytes.toString("utf8");
  if (text.trimStart().startsWith(RFC4716_BEGIN)) return readRfc4716(text, source);
  if (hasPemBlock(text)) {
    const [block] = readPemBlocks(text, isPublicLabel, source);
    if (block !== undefined && isPublicLabel(block.label))
      return readDerPublicKey(block.label, block.body, source);
    throw source.unsupported("the PEM file holds no public key and no certificate");
  }
  return readOpenSshFile(text, source);
}

function isPublicLabel(label: string): label is PublicLabel {
  return LABELS.some((known) => known === label);
}

function labelOfDer(bytes: Buffer, source: ErrorSource): PublicLabel {
  const value = readDer(bytes, source);
  const [first, second, third] = value.tag === DER_TAG.sequence ? derParts(value, source) : [];
  if (first?.tag === DER_TAG.integer && second?.tag === DER_TAG.integer && third === undefined)
    return "RSA PUBLIC KEY";
  if (first?.tag === DER_TAG.sequence && second?.tag === DER_TAG.bitString) return "PUBLIC KEY";
  if (first?.tag === DER_TAG.sequence && second?.tag === DER_TAG.sequence) return "CERTIFICATE";
  throw source.unsupported("the DER data is not a public key and not a certificate");
}

function readDerPublicKey(label: PublicLabel, bytes: Buffer, source: ErrorSource): PublicKey {
  const parts = derParts(readDer(bytes, source), source);
  if (label === "PUBLIC KEY") requireSupportedAlgorithm(parts[0], source);
  if (label === "CERTIFICATE") requireSupportedAlgorithm(keyInfoOf(parts[0], source)[0], source);
  let keyObject: KeyObject;
  try {
    if (label === "CERTIFICATE") keyObject = new X509Certificate(bytes).publicKey;
    else
      keyObject = createPublicKey({
        key: bytes,
        format: "der",
        type: label === "PUBLIC KEY" ? "spki" : "pkcs1",
      });
  } catch (error) {
    throw source.damaged(
      label === "CERTIFICATE" ? "the certificate is malformed" : "the public key is malformed",
      error,
    );
  }
  const key = publicKeyFromKeyObject(keyObject, "", source);
  // Read once more from its own wire form: OpenSSL leaves some checks out that the wire form has.
  return publicKeyFromWire(key.blob, "", source);
}

/**
 * The SubjectPublicKeyInfo of a TBSCertificate (RFC 5280 section 4.1), whose first field, the version, may be left
 * out.
 */
function keyInfoOf(certificate: DerValue | undefined, source: ErrorSource): DerValue[] {
  const fields = certificate?.tag === DER_TAG.sequence ? derParts(certificate, source) : [];
  const info = fields[fields[0]?.tag === DER_TAG.context0 ? 6 : 5];
  if (info?.tag !== DER_TAG.sequence) throw source.damaged("the certificate is malformed");
  return derParts(info, source);
}

/** RFC 4716 section 3: headers with continuation lines, then base64. */
function readRfc4716(text: string, source: ErrorSource): PublicKey {
  const lines = text
    .trim()
    .split(/\r\n|\n|\r/)
    .map((line) => line.trimEnd());
  if (lines.at(-1) !== RFC4716_END) throw source.damaged(`the line "${RFC4716_END}" is missing`);
  let comment = "";
  let index = 1;
  while (lines[index]?.includes(":")) {
    let header = lines[index] ?? "";
    while (header.endsWith("\\") && index + 1 < lines.length) {
      index += 1;
      header = header.slice(0, -1) + (lines[index] ?? "");
      if (header.length > RFC4716_MAX_HEADER) throw source.damaged("a header of the key is too long");
    }
    const [, name, value] = /^([^:]*):\s*(.*)$/.exec(header) ?? [];
    if (name?.toLowerCase() === "comment") comment = (value ?? "").replace(/^"(.*)"$/, "$1");
    index += 1;
  }
  const blob = decodeBase64(lines.slice(index, -1).join(""));
  if (blob === undefined || blob.length === 0) throw source.damaged("the base64 text of the key is damaged");
  return publicKeyFromWire(blob, comment, source);
}

function readOpenSshFile(text: string, source: ErrorSource): PublicKey {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const [line] = lines;
  if (line === undefined) throw source.damaged("the key file holds no key");
  const key = readOpenSshKey(line, source);
  if (key === undefined) {
    throw source.unsupported("it is not a public key in a known format (OpenSSH, RFC 4716, PEM, DER, X.509)");
  }
  if (lines.length > 1)
    throw source.unsupported("it holds more than one line: a file with one public key is needed");
  return key;
}
