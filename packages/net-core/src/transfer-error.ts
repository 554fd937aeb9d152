import { types } from "node:util";

/** Options of {@link TransferError}. */
export interface TransferErrorOptions {
  /** The error underneath, kept as `cause`. */
  readonly cause?: unknown;
  /** Facts about the failure that a program may want: paths, addresses, fingerprints. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * The base of every error that Waybill raises on purpose.
 *
 * `code` is stable (`ERR_` and upper case words, see each package's README) and is what a program compares;
 * `message` is one sentence for a person, saying what failed and, where it helps, what to do.
 */
export class TransferError extends Error {
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: TransferErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** Whether `error` is a {@link TransferError}, and, when `code` is given, one with that code. */
export function isTransferError(error: unknown, code?: string): error is TransferError {
  return error instanceof TransferError && (code === undefined || error.code === code);
}

/** The `code` of any error (ours, Node's system errors), or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** The message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  // Node's own errors are no instances of the `Error` of a vm context, such as Jest's.
  return error instanceof Error || types.isNativeError(error) ? error.message : String(error);
}
