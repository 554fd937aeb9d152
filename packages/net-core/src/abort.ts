import { TransferError } from "./transfer-error.js";

/** The error of an operation whose `signal` was aborted: `ERR_ABORTED`, the signal's reason as its cause. */
export function abortError(signal: AbortSignal | undefined): TransferError {
  return new TransferError("ERR_ABORTED", "the operation was aborted", { cause: signal?.reason });
}

/** Throws {@link abortError} when `signal` is aborted already. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}
