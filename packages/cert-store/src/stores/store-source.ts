import { isTransferError, TransferError } from "@waybill/net-core";
import { type CertStoreErrorCode, type ErrorSource, errorSource } from "../error-source.js";

/** The codes that a store gives instead of those of a single key. */
const STORE_CODES: Partial<Record<CertStoreErrorCode, CertStoreErrorCode>> = {
  ERR_KEY_PASSPHRASE_REQUIRED: "ERR_STORE_PASSWORD_REQUIRED",
  ERR_KEY_PASSPHRASE_WRONG: "ERR_STORE_PASSWORD_WRONG",
  ERR_KEY_DAMAGED: "ERR_STORE_DAMAGED",
  ERR_KEY_UNSUPPORTED: "ERR_STORE_UNSUPPORTED",
  ERR_CERT_DAMAGED: "ERR_STORE_DAMAGED",
  ERR_CERT_UNSUPPORTED: "ERR_STORE_UNSUPPORTED",
};

/** The errors about one store, also from the readers of single keys, which know other codes. */
export function storeSource(fileName: string | undefined): ErrorSource {
  const { error } = errorSource(fileName, "store");
  return {
    error: (code, problem, cause) => error(STORE_CODES[code] ?? code, problem, cause),
    damaged: (problem, cause) => error("ERR_STORE_DAMAGED", problem, cause),
    unsupported: (problem, cause) => error("ERR_STORE_UNSUPPORTED", problem, cause),
  };
}

/** The error for a store, or a key in it, that needs a password. */
export function passwordRequired(source: ErrorSource) {
  return source.error("ERR_STORE_PASSWORD_REQUIRED", "it is protected: give its password");
}

/** The error for a password that does not fit. */
export function passwordWrong(source: ErrorSource, cause?: unknown) {
  return source.error(
    "ERR_STORE_PASSWORD_WRONG",
    "the password is wrong, or the protected part is damaged",
    cause,
  );
}

/** The error for a private key that the store's password does not open. */
export function keyPasswordWrong(source: ErrorSource, alias: string | undefined) {
  const name = alias === undefined ? "the private key" : `the private key "${printable(alias)}"`;
  return source.error(
    "ERR_STORE_PASSWORD_WRONG",
    `${name} has another password than the store: give it as keyPassword`,
  );
}

/** A name from a store, fit for a message. */
export function printable(name: string): string {
  return name.slice(0, 100).replace(/\p{C}/gu, "?");
}

/** The store's error for one of a reader of single keys or certificates, which name the file themselves. */
export function asStoreError(error: unknown): unknown {
  if (!isTransferError(error)) return error;
  const code = STORE_CODES[error.code as CertStoreErrorCode];
  if (code === undefined) return error;
  const { details } = error;
  return new TransferError(code, error.message, {
    cause: error,
    ...(details === undefined ? {} : { details }),
  });
}
