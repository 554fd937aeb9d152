import type { DecryptionScheme, HashName } from "@waybill/cert-store";
import { cmsError } from "./cms-error.js";
import type { ContentCipher } from "./content-ciphers.js";

/** How an RSA key transports the content's key. */
export type KeyTransport = DecryptionScheme;

/** A cipher suite of ODETTE-FTP: what SFIDCIPH and SSID agree on. */
export interface CipherSuite {
  /** 1 to 10; on the wire it has two digits. */
  readonly number: number;
  /** For people, in the words of RFC 5024 section 10.2. */
  readonly name: string;
  readonly cipher: ContentCipher;
  readonly hash: HashName;
  /** Of RSA signatures. EC keys have none. */
  readonly padding: "pkcs1" | "pss";
  readonly keyTransport: KeyTransport;
  /** SHA-1: for partners that cannot do better, and only when asked for. */
  readonly weak: boolean;
}

/**
 * 01 and 02: RFC 5024 section 10.2. The others are ODETTE's later additions (section 10.3).
 */
export const CIPHER_SUITES: readonly CipherSuite[] = [
  suite(1, "des-ede3-cbc", "sha1", "pkcs1"),
  suite(2, "aes-256-cbc", "sha1", "pkcs1"),
  suite(3, "des-ede3-cbc", "sha256", "pkcs1"),
  suite(4, "aes-256-cbc", "sha256", "pkcs1"),
  suite(5, "des-ede3-cbc", "sha512", "pkcs1"),
  suite(6, "aes-256-cbc", "sha512", "pkcs1"),
  suite(7, "aes-256-cbc", "sha3-512", "pkcs1"),
  suite(8, "aes-256-cbc", "sha256", "pss"),
  suite(9, "aes-256-cbc", "sha512", "pss"),
  suite(10, "aes-256-cbc", "sha3-512", "pss"),
];

/** The suite when none is named: 04. */
export const DEFAULT_CIPHER_SUITE = 4;

function suite(number: number, cipher: ContentCipher, hash: HashName, padding: "pkcs1" | "pss"): CipherSuite {
  const symmetric = cipher === "des-ede3-cbc" ? "3DES_EDE_CBC_3KEY" : "AES_256_CBC";
  const asymmetric = padding === "pkcs1" ? "RSA_PKCS1_15" : "RSA_PSS/RSA_OAEP";
  return {
    number,
    name: `${symmetric} ${asymmetric} ${hash.replace("sha", "SHA-").replace("SHA-3-", "SHA3-")}`,
    cipher,
    hash,
    padding,
    keyTransport: padding === "pkcs1" ? { padding } : { padding: "oaep", hash },
    weak: hash === "sha1",
  };
}

/** The cipher suite of a number. Errors: `ERR_CMS_SUITE_UNKNOWN`. */
export function cipherSuite(number: number): CipherSuite {
  const found = CIPHER_SUITES.find((candidate) => candidate.number === number);
  if (found === undefined) {
    throw cmsError(
      "ERR_CMS_SUITE_UNKNOWN",
      `there is no cipher suite ${number}: there are 1 to ${CIPHER_SUITES.length}`,
      {
        details: { number },
      },
    );
  }
  return found;
}

/** Whether a suite is for old partners only: 01 and 02. Errors: `ERR_CMS_SUITE_UNKNOWN`. */
export function isWeakSuite(number: number): boolean {
  return cipherSuite(number).weak;
}
