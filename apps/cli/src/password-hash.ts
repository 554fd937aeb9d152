import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(
  scrypt,
);

// OWASP's recommendation for scrypt: 64 MiB would be better still, but each login attempt costs as much.
const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
const HASH_BYTES = 32;

/** A password as it is kept: `scrypt$SALT$HASH` in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, HASH_BYTES, COST);
  return `scrypt$${salt.toString("base64url")}$${hash.toString("base64url")}`;
}

/** Compares in constant time. A text that is no hash matches nothing. */
export async function verifyPassword(password: string, kept: string): Promise<boolean> {
  const [kind, salt, hash] = kept.split("$");
  const expected = Buffer.from(hash ?? "", "base64url");
  if (kind !== "scrypt" || salt === undefined || expected.length !== HASH_BYTES) return false;
  return timingSafeEqual(await derive(password, Buffer.from(salt, "base64url"), HASH_BYTES, COST), expected);
}
