import type { TransferError } from "@waybill/net-core";
import type { ErrorSource } from "./error-source.js";

/** The error for an encrypted key when there is no passphrase. */
export function passphraseRequired(source: ErrorSource): TransferError {
  return source.error("ERR_KEY_PASSPHRASE_REQUIRED", "the key is encrypted: give its passphrase");
}

/**
 * The error for a passphrase that does not decrypt the key. Most formats cannot tell a wrong passphrase from damage
 * in the encrypted part, so neither can we.
 */
export function passphraseWrong(source: ErrorSource, cause?: unknown): TransferError {
  return source.error(
    "ERR_KEY_PASSPHRASE_WRONG",
    "the passphrase is wrong, or the encrypted part is damaged",
    cause,
  );
}
