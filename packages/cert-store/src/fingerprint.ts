import { createHash, timingSafeEqual } from "node:crypto";
import { TransferError } from "@waybill/net-core";
import type { PublicKey } from "./key-types.js";

export type FingerprintHash = "md5" | "sha1" | "sha256";

/**
 * `openssh`: as ssh-keygen prints it, `SHA256:` and `SHA1:` with base64 without padding, `MD5:` with
 * colon-separated pairs. `hex`: colon-separated lower case pairs of hexadecimal digits without a name, for every
 * hash.
 */
export type FingerprintForm = "openssh" | "hex";

/** A fingerprint that was written down. */
export interface Fingerprint {
  readonly hash: FingerprintHash;
  readonly digest: Buffer;
}

const DIGEST_BYTES: Readonly<Record<FingerprintHash, number>> = { md5: 16, sha1: 20, sha256: 32 };

/** The fingerprint of a public key on the wire. Default SHA-256 in OpenSSH's form. */
export function fingerprintOf(
  blob: Uint8Array,
  hash: FingerprintHash = "sha256",
  form: FingerprintForm = "openssh",
): string {
  const digest = createHash(hash).update(blob).digest();
  const pairs = () => digest.toString("hex").replace(/(..)(?!$)/g, "$1:");
  if (form === "hex") return pairs();
  if (hash === "md5") return `MD5:${pairs()}`;
  return `${hash.toUpperCase()}:${digest.toString("base64").replace(/=+$/, "")}`;
}

/**
 * Reads a fingerprint: `SHA256:` or `SHA1:` with base64 (padding optional), `MD5:` with hexadecimal digits, or
 * hexadecimal digits alone, whose number tells the hash. Colons between pairs are optional, and the case of
 * hexadecimal digits and of the name does not matter.
 *
 * Errors: `ERR_FINGERPRINT_INVALID`.
 */
export function parseFingerprint(text: string): Fingerprint {
  const trimmed = text.trim();
  const named = /^(md5|sha1|sha256):(.*)$/i.exec(trimmed);
  const hash = named?.[1]?.toLowerCase() as FingerprintHash | undefined;
  const value = named?.[2] ?? trimmed;
  const digest =
    decodeHex(value) ?? (hash === undefined || hash === "md5" ? undefined : decodeUnpadded(value));
  const found = (["md5", "sha1", "sha256"] as const).find((name) => DIGEST_BYTES[name] === digest?.length);
  if (digest === undefined || found === undefined || (hash !== undefined && hash !== found)) {
    throw new TransferError(
      "ERR_FINGERPRINT_INVALID",
      `${JSON.stringify(text.slice(0, 100))} is no fingerprint: it takes SHA256: or SHA1: with base64, MD5: with hexadecimal pairs, or the pairs alone`,
    );
  }
  return { hash: found, digest };
}

/**
 * Whether `text` is a fingerprint of `key`, compared in constant time. Text that is no fingerprint throws, so that
 * a typing error in a configuration does not look like a wrong key.
 *
 * Errors: `ERR_FINGERPRINT_INVALID`.
 */
export function matchesFingerprint(key: PublicKey, text: string): boolean {
  const { hash, digest } = parseFingerprint(text);
  return timingSafeEqual(createHash(hash).update(key.blob).digest(), digest);
}

function decodeHex(value: string): Buffer | undefined {
  const isHex = /^[0-9a-f]{2}(:[0-9a-f]{2})+$/i.test(value) || /^([0-9a-f]{2})+$/i.test(value);
  return isHex ? Buffer.from(value.replaceAll(":", ""), "hex") : undefined;
}

function decodeUnpadded(value: string): Buffer | undefined {
  const bare = value.replace(/={1,2}$/, "");
  const digest = Buffer.from(bare, "base64");
  return digest.toString("base64").replace(/=+$/, "") === bare ? digest : undefined;
}
