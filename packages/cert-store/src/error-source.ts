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
  | "ERR_FINGERPRINT_INVALID"
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
