import { errorCode, TransferError } from "@waybill/net-core";
import { answerReasons } from "@waybill/oftp-codec";

/** Why a file is refused, as SFNA or EFNA says it (RFC 5024 sections 5.3.5 and 5.3.10). Code `ERR_OFTP_FILE_REFUSED`. */
export class FileRefusedError extends TransferError {
  /** SFNAREAS or EFNAREAS. */
  readonly reason: number;
  /** SFNARRTR: whether the partner may try again later. EFNA has no such field. */
  readonly retry: boolean;

  constructor(reason: number, message: string, options: { retry?: boolean; cause?: unknown } = {}) {
    super("ERR_OFTP_FILE_REFUSED", message, { cause: options.cause, details: { reason } });
    this.reason = reason;
    this.retry = options.retry ?? false;
  }
}

/** The refusal that an error means: its own, a full disk as a temporary one, anything else as access method failure. */
export function refusalOf(error: unknown): FileRefusedError {
  if (error instanceof FileRefusedError) return error;
  const code = errorCode(error);
  const full = code === "ENOSPC" || code === "EDQUOT";
  const text = full ? "there is no space left for it" : "it could not be stored";
  return new FileRefusedError(answerReasons.accessMethodFailure.code, text, { retry: full, cause: error });
}
