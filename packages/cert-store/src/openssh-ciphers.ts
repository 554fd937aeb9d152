import { createCipheriv, createDecipheriv, timingSafeEqual } from "node:crypto";
import { poly1305 } from "./poly1305.js";

/** A cipher of OpenSSH's private keys. Key and IV both come out of the key derivation. */
export interface OpenSshCipher {
  readonly keyBytes: number;
  readonly ivBytes: number;
  /** The private part is padded to a multiple of it. */
  readonly blockBytes: number;
  /** Bytes of the authentication tag that follows the private part, or 0. */
  readonly tagBytes: number;
  /** Undefined when the tag does not fit. Throws when OpenSSL lacks the cipher. */
  decrypt(key: Buffer, iv: Buffer, data: Buffer, tag: Buffer): Buffer | undefined;
}

const AES_BLOCK = 16;

/**
 * The ciphers by their names in SSH (RFC 4253 section 6.3, RFC 4344 section 4, OpenSSH's PROTOCOL and
 * PROTOCOL.chacha20poly1305).
 */
export const OPENSSH_CIPHERS: ReadonlyMap<string, OpenSshCipher> = new Map([
  ["none", { keyBytes: 0, ivBytes: 0, blockBytes: 8, tagBytes: 0, decrypt: (_key, _iv, data) => data }],
  ["aes128-ctr", plainCipher("aes-128-ctr", 16, AES_BLOCK)],
  ["aes192-ctr", plainCipher("aes-192-ctr", 24, AES_BLOCK)],
  ["aes256-ctr", plainCipher("aes-256-ctr", 32, AES_BLOCK)],
  ["aes128-cbc", plainCipher("aes-128-cbc", 16, AES_BLOCK)],
  ["aes192-cbc", plainCipher("aes-192-cbc", 24, AES_BLOCK)],
  ["aes256-cbc", plainCipher("aes-256-cbc", 32, AES_BLOCK)],
  ["3des-cbc", plainCipher("des-ede3-cbc", 24, 8)],
  ["aes128-gcm@openssh.com", gcmCipher("aes-128-gcm", 16)],
  ["aes256-gcm@openssh.com", gcmCipher("aes-256-gcm", 32)],
  [
    "chacha20-poly1305@openssh.com",
    { keyBytes: 64, ivBytes: 0, blockBytes: 8, tagBytes: 16, decrypt: decryptChacha20Poly1305 },
  ],
] satisfies [string, OpenSshCipher][]);

/** Encrypts with aes256-ctr, the cipher of the keys that we write. */
export function encryptAes256Ctr(key: Buffer, iv: Buffer, data: Buffer): Buffer {
  return createCipheriv("aes-256-ctr", key, iv).update(data);
}

function plainCipher(name: string, keyBytes: number, blockBytes: number): OpenSshCipher {
  return {
    keyBytes,
    ivBytes: blockBytes,
    blockBytes,
    tagBytes: 0,
    decrypt(key, iv, data) {
      const decipher = createDecipheriv(name, key, iv).setAutoPadding(false);
      return Buffer.concat([decipher.update(data), decipher.final()]);
    },
  };
}

function gcmCipher(name: "aes-128-gcm" | "aes-256-gcm", keyBytes: number): OpenSshCipher {
  return {
    keyBytes,
    ivBytes: 12,
    blockBytes: AES_BLOCK,
    tagBytes: 16,
    decrypt(key, iv, data, tag) {
      const decipher = createDecipheriv(name, key, iv).setAuthTag(tag);
      const plain = decipher.update(data);
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return plain;
    },
  };
}

/**
 * The construction of SSH's transport with sequence number 0 and no length: the first half of the key encrypts from
 * block 1 on, its block 0 is the key of Poly1305. The second half would encrypt a packet's length and stays unused.
 */
function decryptChacha20Poly1305(key: Buffer, _iv: Buffer, data: Buffer, tag: Buffer): Buffer | undefined {
  const mainKey = key.subarray(0, 32);
  // OpenSSL's IV: the block counter and the nonce, both 8 bytes, the counter little-endian.
  const counter = (block: number) => Buffer.from([block, ...Buffer.alloc(15)]);
  const macKey = createDecipheriv("chacha20", mainKey, counter(0)).update(Buffer.alloc(32));
  if (!timingSafeEqual(poly1305(macKey, data), tag)) return undefined;
  return createDecipheriv("chacha20", mainKey, counter(1)).update(data);
}
