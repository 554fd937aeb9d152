import type { KeyObject } from "node:crypto";
import type { ErrorSource } from "./error-source.js";

/*
 * OpenSSL loads two kinds of elliptic-curve keys that are none: a public key that is the point at infinity, and a private
 * number longer than the curve's. node:crypto ends the whole process, without an exception, when it is then asked for
 * `asymmetricKeyDetails` or a JSON web key, or when it verifies a signature of two bare numbers. To the point at infinity
 * anybody can make signatures that OpenSSL calls good.
 */

/**
 * Refuses such a key as damaged. To be called with every key that comes from outside, before it is asked for anything but
 * its type. Other kinds pass.
 */
export function requireSoundKey(key: KeyObject, source: ErrorSource): void {
  if (key.asymmetricKeyType !== "ec") return;
  try {
    // Encoding is what fails for both with an exception.
    if (key.type === "private") key.export({ format: "der", type: "pkcs8" });
    else key.export({ format: "der", type: "spki" });
  } catch (error) {
    throw source.damaged(
      key.type === "private"
        ? "the private number or the point of the EC key is outside of the curve's range"
        : "the public key is no point of the curve",
      error,
    );
  }
}
