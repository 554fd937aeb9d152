import { createCipheriv, createHash, createHmac, pbkdf2Sync, scryptSync } from "node:crypto";
import { DER_TAG, encodeDer } from "../src/der.js";

/*
 * Stores that keytool cannot be told to write: JCEKS with few iterations and with a salt of two equal halves, BCFKS with
 * scrypt, key wrap and SHA-3. What keytool does write is tested with keytool; these are for the rest, and for changing
 * what lies below a MAC or an encryption.
 */

export const int = (value: number): Buffer => {
  const digits = value.toString(16);
  const hex = digits.length % 2 === 0 ? digits : `0${digits}`;
  const sign = Number.parseInt(hex.slice(0, 2), 16) >= 0x80 ? "00" : "";
  return encodeDer(DER_TAG.integer, Buffer.from(sign + hex, "hex"));
};
export const octets = (bytes: Uint8Array) => encodeDer(DER_TAG.octetString, bytes);
export const sequence = (...parts: readonly Uint8Array[]) => encodeDer(DER_TAG.sequence, ...parts);
const text = (value: string) => encodeDer(0x0c, Buffer.from(value));
const NULL = Buffer.from([5, 0]);
const DATE = encodeDer(0x18, Buffer.from("20260101000000Z"));

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [40 * first + second, ...rest].flatMap((number) => {
    const groups = [number & 0x7f];
    for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift(0x80 | (left & 0x7f));
    return groups;
  });
  return encodeDer(DER_TAG.objectIdentifier, Buffer.from(bytes));
}

/** A key and its certificates, all in DER. */
export interface KeyAndChain {
  readonly pkcs8: Buffer;
  readonly chain: readonly Buffer[];
}

const utf16 = (password: string) => Buffer.from(password, "utf16le").swap16();
const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const javaText = (value: string) =>
  Buffer.concat([uint32(Buffer.byteLength(value)).subarray(2), Buffer.from(value)]);
const block = (bytes: Buffer) => Buffer.concat([uint32(bytes.length), bytes]);

/** The content of a JKS or JCEKS store with the digest that belongs to it. */
export function withStoreDigest(content: Buffer, password: string): Buffer {
  const hash = createHash("sha1").update(utf16(password)).update("Mighty Aphrodite").update(content);
  return Buffer.concat([content, hash.digest()]);
}

/** A JKS store of one key, `ours`, protected as Sun's does it. */
export function writeJks(key: KeyAndChain, password: string): Buffer {
  const salt = Buffer.alloc(20, 7);
  const chunks: Buffer[] = [];
  for (let start = 0, digest = salt; start < key.pkcs8.length; start += 20) {
    digest = createHash("sha1").update(utf16(password)).update(digest).digest();
    const chunk = key.pkcs8.subarray(start, start + 20);
    chunks.push(Buffer.from(chunk.map((byte, index) => byte ^ (digest[index] ?? 0))));
  }
  const check = createHash("sha1").update(utf16(password)).update(key.pkcs8).digest();
  const info = sequence(
    sequence(oid("1.3.6.1.4.1.42.2.17.1.1"), NULL),
    octets(Buffer.concat([salt, ...chunks, check])),
  );
  return writeJavaStore(0xfeedfeed, [keyEntry(info, key.chain)], password);
}

/** A JKS store of one certificate, `anchor`. */
export function writeJksOfCertificate(der: Buffer, password: string): Buffer {
  const entry = Buffer.concat([
    uint32(2),
    javaText("anchor"),
    Buffer.alloc(8),
    javaText("X.509"),
    block(der),
  ]);
  return writeJavaStore(0xfeedfeed, [entry], password);
}

/**
 * A JCEKS store of one key, `ours`, and, if wanted, a secret key before it. No more than 1000 iterations are calculated,
 * whatever it says.
 */
export function writeJceks(
  key: KeyAndChain,
  password: string,
  salt: Buffer,
  iterations: number,
  withSecret = false,
): Buffer {
  const info = sequence(
    sequence(oid("1.3.6.1.4.1.42.2.19.1"), sequence(octets(salt), int(iterations))),
    octets(sealJceks(key.pkcs8, password, salt, Math.min(iterations, 1000))),
  );
  const entry = keyEntry(info, key.chain);
  return writeJavaStore(0xcececece, withSecret ? [secretEntry(), entry] : [entry], password);
}

function writeJavaStore(magic: number, entries: readonly Buffer[], password: string): Buffer {
  return withStoreDigest(
    Buffer.concat([uint32(magic), uint32(2), uint32(entries.length), ...entries]),
    password,
  );
}

function keyEntry(info: Buffer, chain: readonly Buffer[]): Buffer {
  const certificates = chain.map((der) => Buffer.concat([javaText("X.509"), block(der)]));
  return Buffer.concat([
    uint32(1),
    javaText("ours"),
    Buffer.alloc(8),
    block(info),
    uint32(chain.length),
    ...certificates,
  ]);
}

/** A serialized object with a parent class and two fields, as keytool writes secret keys. */
function secretEntry(): Buffer {
  const type = (title: string, ...rest: readonly number[]) =>
    Buffer.concat([Buffer.from([0x72]), javaText(title), Buffer.alloc(8, 1), Buffer.from(rest)]);
  const field = (kind: string, title: string, of: string) =>
    Buffer.concat([Buffer.from(kind), javaText(title), Buffer.from([0x74]), javaText(of)]);
  const object = Buffer.concat([
    Buffer.from("aced000573", "hex"),
    type("com.sun.crypto.provider.SealedObjectForKeyProtector", 2, 0, 0, 0x78),
    type("javax.crypto.SealedObject", 2, 0, 2),
    field("[", "encryptedContent", "[B"),
    field("L", "sealAlg", "Ljava/lang/String;"),
    Buffer.from([0x78, 0x70, 0x75]),
    type("[B", 2, 0, 0, 0x78, 0x70),
    block(Buffer.from("sealed")),
    Buffer.from([0x74]),
    javaText("PBEWithMD5AndTripleDES"),
  ]);
  return Buffer.concat([uint32(3), javaText("secret"), Buffer.alloc(8), object]);
}

function sealJceks(plain: Buffer, password: string, salt: Buffer, iterations: number): Buffer {
  const halves = [Buffer.from(salt.subarray(0, 4)), Buffer.from(salt.subarray(4))];
  const [first, second] = halves as [Buffer, Buffer];
  if (first.equals(second)) {
    // As the loop of Sun's code does it, slip of the pen included.
    for (let index = 0; index < 2; index += 1) {
      const byte = first[index] ?? 0;
      first[index] = first[3 - index] ?? 0;
      first[3 - 1] = byte;
    }
  }
  const derived = Buffer.concat(
    halves.map((half) => {
      let digest = half;
      for (let round = 0; round < iterations; round += 1)
        digest = createHash("md5").update(digest).update(password).digest();
      return digest;
    }),
  );
  const cipher = createCipheriv("des-ede3-cbc", derived.subarray(0, 24), derived.subarray(24));
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}

export interface BcfksChoices {
  readonly kdf: "pbkdf2" | "scrypt";
  readonly cipher: "ccm" | "wrap" | "none";
  readonly hash: "sha512" | "sha3-512";
  /** What the file says; no more than 1000 are calculated. */
  readonly iterations: number;
}

const HMAC = { sha512: "1.2.840.113549.2.11", "sha3-512": "2.16.840.1.101.3.4.2.16" } as const;
const SALT = Buffer.from("0011223344556677", "hex");
const NONCE = Buffer.from("000102030405060708090a0b", "hex");

function derive(choices: BcfksChoices, password: string, purpose: string, length: number): Buffer {
  const secret = Buffer.concat([utf16(`${password}\0`), utf16(`${purpose}\0`)]);
  if (choices.kdf === "scrypt") return scryptSync(secret, SALT, length, { N: 16, r: 1, p: 1 });
  return pbkdf2Sync(secret, SALT, Math.min(choices.iterations, 1000), length, choices.hash);
}

function kdfOf(choices: BcfksChoices, length: number): Buffer {
  if (choices.kdf === "scrypt") {
    return sequence(
      oid("1.3.6.1.4.1.11591.4.11"),
      sequence(octets(SALT), int(16), int(1), int(1), int(length)),
    );
  }
  const parameters = sequence(
    octets(SALT),
    int(choices.iterations),
    int(length),
    sequence(oid(HMAC[choices.hash]), NULL),
  );
  return sequence(oid("1.2.840.113549.1.5.12"), parameters);
}

/** AlgorithmIdentifier and OCTET STRING of something encrypted. */
function seal(plain: Buffer, choices: BcfksChoices, password: string, purpose: string): Buffer {
  const key = derive(choices, password, purpose, 32);
  const isWrap = choices.cipher === "wrap";
  let ciphertext: Buffer;
  if (isWrap) {
    const cipher = createCipheriv("id-aes256-wrap-pad", key, Buffer.from("a65959a6", "hex"));
    ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  } else {
    const cipher = createCipheriv("aes-256-ccm", key, NONCE, { authTagLength: 16 });
    ciphertext = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }
  const scheme = isWrap
    ? sequence(oid("2.16.840.1.101.3.4.1.48"))
    : sequence(oid("2.16.840.1.101.3.4.1.47"), sequence(octets(NONCE), int(16)));
  const algorithm = sequence(oid("1.2.840.113549.1.5.13"), sequence(kdfOf(choices, 32), scheme));
  return sequence(algorithm, octets(ciphertext));
}

/** The entries of a BCFKS store with one key, `ours`, and its last certificate as `anchor`. */
export function bcfksContent(key: KeyAndChain, password: string, choices: BcfksChoices): Buffer {
  const cipher = choices.cipher === "none" ? "ccm" : choices.cipher;
  const info = seal(key.pkcs8, { ...choices, cipher }, password, "PRIVATE_KEY_ENCRYPTION");
  const own = sequence(int(1), text("ours"), DATE, DATE, octets(sequence(info, sequence(...key.chain))));
  const anchor = sequence(int(0), text("anchor"), DATE, DATE, octets(key.chain.at(-1) ?? Buffer.alloc(0)));
  return sequence(int(1), sequence(oid(HMAC[choices.hash]), NULL), DATE, DATE, sequence(own, anchor));
}

/** A BCFKS store around its entries. */
export function writeBcfks(content: Buffer, password: string, choices: BcfksChoices): Buffer {
  const data = choices.cipher === "none" ? content : seal(content, choices, password, "STORE_ENCRYPTION");
  const key = derive(choices, password, "INTEGRITY_CHECK", 64);
  const mac = createHmac(choices.hash, key).update(data).digest();
  return sequence(data, sequence(sequence(oid(HMAC[choices.hash]), NULL), kdfOf(choices, 64), octets(mac)));
}
