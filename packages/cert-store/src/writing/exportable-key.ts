import type { KeyObject } from "node:crypto";
import { errorSource } from "../error-source.js";
import type { PrivateKey, SoftwarePrivateKey } from "../key-types.js";

/** Whether the secret of a key is in this process. */
export function isSoftwareKey(key: PrivateKey): key is SoftwarePrivateKey {
  const keyObject: KeyObject | undefined =
    "keyObject" in key ? (key.keyObject as KeyObject | undefined) : undefined;
  return keyObject?.type === "private";
}

/** Errors: `ERR_KEY_NOT_EXPORTABLE` for a key in a token, in an agent or behind a function. */
export function requireExportable(key: PrivateKey): SoftwarePrivateKey {
  if (isSoftwareKey(key)) return key;
  throw errorSource(undefined, "private key").error(
    "ERR_KEY_NOT_EXPORTABLE",
    `the key ${key.publicKey.fingerprint()} cannot be written: it never leaves the token or the service that holds it`,
  );
}
