import {
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  type Decipher,
  randomBytes,
} from "node:crypto";
import { type AlgorithmIdentifier, unknownAlgorithm } from "./algorithm-identifier.js";
import { TAG } from "./ber/ber-header.js";
import { BerParts, octetsOf, smallIntegerOf } from "./ber/ber-value.js";
import { derAlgorithm, derOctetString, derSequence, derSmallInteger } from "./ber/der-writer.js";
import { cmsError, damaged } from "./cms-error.js";
import { type Batch, batchBytes } from "./seal/batch.js";
import { encryptContent, encryptHere, type HowToEncrypt } from "./seal/encrypt-content.js";

/** Ciphers for content, by their names in node:crypto. */
export const CONTENT_CIPHERS = [
  "des-ede3-cbc",
  "aes-128-cbc",
  "aes-192-cbc",
  "aes-256-cbc",
  "aes-128-gcm",
  "aes-192-gcm",
  "aes-256-gcm",
] as const;
export type ContentCipher = (typeof CONTENT_CIPHERS)[number];

interface CipherFacts {
  readonly oid: string;
  readonly keyBytes: number;
  readonly ivBytes: number;
  /** GCM: the message proves that nobody changed it. */
  readonly authenticated: boolean;
}

const AES = "2.16.840.1.101.3.4.1";

const FACTS: Readonly<Record<ContentCipher, CipherFacts>> = {
  "des-ede3-cbc": { oid: "1.2.840.113549.3.7", keyBytes: 24, ivBytes: 8, authenticated: false },
  "aes-128-cbc": { oid: `${AES}.2`, keyBytes: 16, ivBytes: 16, authenticated: false },
  "aes-192-cbc": { oid: `${AES}.22`, keyBytes: 24, ivBytes: 16, authenticated: false },
  "aes-256-cbc": { oid: `${AES}.42`, keyBytes: 32, ivBytes: 16, authenticated: false },
  "aes-128-gcm": { oid: `${AES}.6`, keyBytes: 16, ivBytes: 12, authenticated: true },
  "aes-192-gcm": { oid: `${AES}.26`, keyBytes: 24, ivBytes: 12, authenticated: true },
  "aes-256-gcm": { oid: `${AES}.46`, keyBytes: 32, ivBytes: 12, authenticated: true },
};

/** Octets of our tags; RFC 5084 section 3.2 allows 12 to 16. */
const TAG_BYTES = 16;
const LEAST_TAG_BYTES = 12;
/** One nonce encrypts 2^39 - 256 bits at most (NIST SP 800-38D section 5.2.1.1). */
const MAX_GCM_BYTES = 2 ** 36 - 32;

export const isAuthenticated = (cipher: ContentCipher): boolean => FACTS[cipher].authenticated;
export const keyBytesOf = (cipher: ContentCipher): number => FACTS[cipher].keyBytes;

/** An encryption with a new key. */
export interface Encryption {
  readonly key: Buffer;
  /** The AlgorithmIdentifier with the parameters. */
  readonly algorithm: Buffer;
  /**
   * The content, encrypted, as pieces of a constructed OCTET STRING. Wipes the key.
   * Errors: `ERR_CMS_OPTIONS` for more than GCM can do.
   */
  encrypt(content: AsyncIterable<Batch>, how: HowToEncrypt): AsyncGenerator<Batch>;
  /** GCM, after the content. */
  tag(): Buffer;
}

export function startEncryption(name: ContentCipher): Encryption {
  const { oid, keyBytes, ivBytes, authenticated } = FACTS[name];
  const key = randomBytes(keyBytes);
  const iv = randomBytes(ivBytes);
  if (!authenticated) {
    return {
      key,
      algorithm: derAlgorithm(oid, derOctetString(iv)),
      encrypt: (content, how) => encryptContent({ name, key, iv }, how, content),
      tag: () => Buffer.alloc(0),
    };
  }
  const cipher = createCipheriv(name as CipherGCMTypes, key, iv, { authTagLength: TAG_BYTES });
  const parameters = derSequence(derOctetString(iv), derSmallInteger(TAG_BYTES));
  return {
    key,
    algorithm: derAlgorithm(oid, parameters),
    encrypt: (content) => {
      key.fill(0);
      return encryptHere(cipher, withinGcm(content));
    },
    tag: () => cipher.getAuthTag(),
  };
}

async function* withinGcm(content: AsyncIterable<Batch>): AsyncGenerator<Batch> {
  let bytes = 0;
  for await (const batch of content) {
    bytes += batchBytes(batch);
    if (bytes > MAX_GCM_BYTES) {
      throw cmsError("ERR_CMS_OPTIONS", "AES-GCM encrypts 64 GiB at most: choose AES-CBC for larger files");
    }
    yield batch;
  }
}

/** How content was encrypted. */
export interface CipherParameters {
  readonly name: ContentCipher;
  readonly iv: Buffer;
  /** GCM: octets of the tag, else 0. */
  readonly tagBytes: number;
}

/**
 * Reads the AlgorithmIdentifier of content: RFC 3370 section 5.1, RFC 3565, RFC 5084.
 *
 * Errors: `ERR_CMS_ALGORITHM`, `ERR_CMS_DAMAGED`.
 */
export function cipherParametersOf(algorithm: AlgorithmIdentifier, authenticated: boolean): CipherParameters {
  const name = CONTENT_CIPHERS.find((candidate) => FACTS[candidate].oid === algorithm.oid);
  if (name === undefined || FACTS[name].authenticated !== authenticated) {
    throw unknownAlgorithm("encryption", algorithm.oid);
  }
  const { parameters } = algorithm;
  if (parameters === undefined) throw damaged("the encryption has no parameters");
  if (!authenticated) {
    const iv = octetsOf(parameters);
    if (iv.length !== FACTS[name].ivBytes) throw damaged("the initialisation vector has a wrong length");
    return { name, iv, tagBytes: 0 };
  }
  const parts = new BerParts(parameters, TAG.sequence, "the parameters of the encryption");
  const iv = octetsOf(parts.next());
  const length = parts.optional(TAG.integer);
  parts.end();
  const tagBytes = length === undefined ? LEAST_TAG_BYTES : smallIntegerOf(length);
  if (tagBytes < LEAST_TAG_BYTES || tagBytes > TAG_BYTES || iv.length < 1 || iv.length > 128) {
    throw cmsError(
      "ERR_CMS_ALGORITHM",
      "the message uses AES-GCM with a length that RFC 5084 does not allow",
    );
  }
  return { name, iv, tagBytes };
}

export type ContentDecipher = Decipher & { setAuthTag?(tag: Buffer): unknown };

/** `key` has the right length. */
export function startDecryption({ name, iv, tagBytes }: CipherParameters, key: Uint8Array): ContentDecipher {
  if (tagBytes === 0) return createDecipheriv(name, key, iv);
  return createDecipheriv(name as CipherGCMTypes, key, iv, { authTagLength: tagBytes });
}
