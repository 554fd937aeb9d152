import { TransferError } from "@waybill/net-core";

/** The codes of this package's errors; README.md says what each one means. */
export type CertStoreErrorCode =
  | "ERR_KEY_PASSPHRASE_REQUIRED"
  | "ERR_KEY_PASSPHRASE_WRONG"
  | "ERR_KEY_DAMAGED"
  | "ERR_KEY_UNSUPPORTED"
  | "ERR_KEY_NOT_FOUND"
  | "ERR_KEY_UNREADABLE"
  | "ERR_KEY_EXISTS"
  | "ERR_KEY_NOT_WRITTEN"
  | "ERR_KEY_OPTIONS"
  | "ERR_KEY_ALGORITHM"
  | "ERR_KEY_SIGN"
  | "ERR_KEY_DECRYPT"
  | "ERR_PKCS11_UNAVAILABLE"
  | "ERR_PKCS11_MODULE"
  | "ERR_PKCS11_TOKEN"
  | "ERR_PKCS11_TOKEN_REMOVED"
  | "ERR_PKCS11_PIN_REQUIRED"
  | "ERR_PKCS11_PIN_WRONG"
  | "ERR_PKCS11_PIN_LOCKED"
  | "ERR_PKCS11_SESSION_LOST"
  | "ERR_PKCS11_CLOSED"
  | "ERR_PKCS11_FAILED"
  | "ERR_KEY_NOT_EXPORTABLE"
  | "ERR_CERT_DAMAGED"
  | "ERR_CERT_UNSUPPORTED"
  | "ERR_CERT_NOT_FOUND"
  | "ERR_CERT_AMBIGUOUS"
  | "ERR_CERT_NO_PRIVATE_KEY"
  | "ERR_CERT_KEY_MISMATCH"
  | "ERR_CERT_OPTIONS"
  | "ERR_DOWNLOAD_ADDRESS"
  | "ERR_DOWNLOAD_FAILED"
  | "ERR_DOWNLOAD_REDIRECT"
  | "ERR_DOWNLOAD_TIMEOUT"
  | "ERR_DOWNLOAD_TOO_LARGE"
  | "ERR_FINGERPRINT_INVALID"
  | "ERR_TRUST_LIST_DAMAGED"
  | "ERR_TRUST_LIST_EXPIRED"
  | "ERR_TRUST_LIST_LIMIT"
  | "ERR_TRUST_LIST_ROLLBACK"
  | "ERR_TRUST_LIST_SIGNATURE"
  | "ERR_TRUST_LIST_SIGNER"
  | "ERR_TRUST_LIST_STATE"
  | "ERR_TRUST_LIST_UNAVAILABLE"
  | "ERR_TRUST_LIST_UNSUPPORTED"
  | "ERR_TRUST_LIST_UNTRUSTED"
  | "ERR_STORE_PASSWORD_REQUIRED"
  | "ERR_STORE_PASSWORD_WRONG"
  | "ERR_STORE_DAMAGED"
  | "ERR_STORE_UNSUPPORTED"
  | "ERR_STORE_NOT_FOUND"
  | "ERR_STORE_UNREADABLE"
  | "ERR_STORE_OPTIONS"
  | "ERR_KNOWN_HOSTS_NAME";

/** Makes the errors about one piece of input, each naming the file that it came from. */
export interface ErrorSource {
  damaged(problem: string, cause?: unknown): TransferError;
  unsupported(problem: string, cause?: unknown): TransferError;
  error(code: CertStoreErrorCode, problem: string, cause?: unknown): TransferError;
}

/** The errors about `fileName`, or about `what` when the input has no file. */
export function errorSource(fileName: string | undefined, what = "key"): ErrorSource {
  const error = (code: CertStoreErrorCode, problem: string, cause?: unknown) =>
    new TransferError(code, `${fileName ?? what}: ${problem}`, {
      ...(cause === undefined ? {} : { cause }),
      ...(fileName === undefined ? {} : { details: { fileName } }),
    });
  return {
    error,
    damaged: (problem, cause) => error("ERR_KEY_DAMAGED", problem, cause),
    unsupported: (problem, cause) => error("ERR_KEY_UNSUPPORTED", problem, cause),
  };
}
