import { constants, createHash, type KeyObject, type VerifyKeyObjectInput, verify } from "node:crypto";
import type { Certificate } from "../certificate-types.js";
import { MIN_SIGNER_RSA_BITS } from "./trust-list-limits.js";

/** How a signature was made. */
export interface SignatureMethod {
  readonly keyType: "rsa" | "ec";
  readonly hash: string;
  readonly pss: boolean;
}

const rsa = (hash: string): SignatureMethod => ({ keyType: "rsa", hash, pss: false });
const pss = (hash: string): SignatureMethod => ({ keyType: "rsa", hash, pss: true });
const ecdsa = (hash: string): SignatureMethod => ({ keyType: "ec", hash, pss: false });

const XMLDSIG_MORE = "http://www.w3.org/2001/04/xmldsig-more#";
const XMLDSIG_2007 = "http://www.w3.org/2007/05/xmldsig-more#";
const XMLENC = "http://www.w3.org/2001/04/xmlenc#";

/** RFC 9231 sections 2.3.2 to 2.3.10. */
const SIGNATURE_METHODS = new Map([
  [`${XMLDSIG_MORE}rsa-sha256`, rsa("sha256")],
  [`${XMLDSIG_MORE}rsa-sha384`, rsa("sha384")],
  [`${XMLDSIG_MORE}rsa-sha512`, rsa("sha512")],
  [`${XMLDSIG_2007}sha256-rsa-MGF1`, pss("sha256")],
  [`${XMLDSIG_2007}sha384-rsa-MGF1`, pss("sha384")],
  [`${XMLDSIG_2007}sha512-rsa-MGF1`, pss("sha512")],
  [`${XMLDSIG_MORE}ecdsa-sha256`, ecdsa("sha256")],
  [`${XMLDSIG_MORE}ecdsa-sha384`, ecdsa("sha384")],
  [`${XMLDSIG_MORE}ecdsa-sha512`, ecdsa("sha512")],
]);
const SHA1_SIGNATURE_METHODS = new Map([
  ["http://www.w3.org/2000/09/xmldsig#rsa-sha1", rsa("sha1")],
  [`${XMLDSIG_MORE}ecdsa-sha1`, ecdsa("sha1")],
]);

const DIGEST_METHODS = new Map([
  [`${XMLENC}sha256`, "sha256"],
  [`${XMLDSIG_MORE}sha384`, "sha384"],
  [`${XMLENC}sha512`, "sha512"],
]);
const SHA1_DIGEST_METHODS = new Map([["http://www.w3.org/2000/09/xmldsig#sha1", "sha1"]]);

/** The signature method that a URI stands for; undefined when it is not accepted. */
export function signatureMethod(uri: string, allowSha1: boolean): SignatureMethod | undefined {
  return SIGNATURE_METHODS.get(uri) ?? (allowSha1 ? SHA1_SIGNATURE_METHODS.get(uri) : undefined);
}

/** The hash that the URI of a digest method stands for; undefined when it is not accepted. */
export function digestHash(uri: string, allowSha1: boolean): string | undefined {
  return DIGEST_METHODS.get(uri) ?? (allowSha1 ? SHA1_DIGEST_METHODS.get(uri) : undefined);
}

/** Whether a URI is refused for its SHA-1 alone. */
export function isSha1(uri: string): boolean {
  return SHA1_SIGNATURE_METHODS.has(uri) || SHA1_DIGEST_METHODS.has(uri);
}

export function digestOf(hash: string, text: string): Buffer {
  return createHash(hash).update(text, "utf8").digest();
}

/** Whether the key of `candidate` made the signature. One of another kind, or too small a one, did not. */
export function isSignature(
  method: SignatureMethod,
  signed: string,
  signature: Uint8Array,
  candidate: Certificate,
): boolean {
  try {
    const key = candidate.publicKey;
    if (!isUsableKey(method, key, candidate.keyBits)) return false;
    return verify(method.hash, Buffer.from(signed), verificationInput(method, key), signature);
  } catch {
    // A key that node:crypto does not know, or a signature of an impossible form.
    return false;
  }
}

function isUsableKey(method: SignatureMethod, key: KeyObject, bits: number): boolean {
  if (method.keyType === "ec") return key.asymmetricKeyType === "ec";
  const isRsa = key.asymmetricKeyType === "rsa" || (method.pss && key.asymmetricKeyType === "rsa-pss");
  return isRsa && bits >= MIN_SIGNER_RSA_BITS;
}

function verificationInput(method: SignatureMethod, key: KeyObject): VerifyKeyObjectInput {
  // XML has the two numbers of ECDSA one after the other (RFC 9231 section 2.3.6), not DER.
  if (method.keyType === "ec") return { key, dsaEncoding: "ieee-p1363" };
  if (!method.pss) return { key, padding: constants.RSA_PKCS1_PADDING };
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}
