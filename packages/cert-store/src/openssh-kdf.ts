import bcrypt from "bcrypt-pbkdf";

/**
 * bcrypt_pbkdf as OpenSSH's private keys use it (PROTOCOL.key section 3). Synchronous: some 10 ms for each round
 * and each 32 bytes. Undefined when the passphrase or the salt is empty, or `rounds` is zero.
 */
export function bcryptKey(
  passphrase: string,
  salt: Uint8Array,
  rounds: number,
  length: number,
): Buffer | undefined {
  const secret = Buffer.from(passphrase, "utf8");
  const key = Buffer.alloc(length);
  const result = bcrypt.pbkdf(secret, secret.length, salt, salt.byteLength, key, length, rounds);
  return result === 0 ? key : undefined;
}
