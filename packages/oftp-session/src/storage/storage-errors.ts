import { errorCode, errorMessage, TransferError } from "@waybill/net-core";

/** A record of the state store that is no record: somebody changed the file. */
export function stateDamaged(path: string, reason: string, cause?: unknown): TransferError {
  const message = `The state in ${path} is damaged (${reason}); restore the file or remove it`;
  return new TransferError("ERR_OFTP_STATE_DAMAGED", message, { cause, details: { path } });
}

/** A file that is to be sent cannot be read. */
export function fileUnreadable(path: string, reason: string, cause?: unknown): TransferError {
  const message = `The file ${path} cannot be sent: ${reason}`;
  return new TransferError("ERR_OFTP_FILE_UNREADABLE", message, { cause, details: { path } });
}

/** The same for what the system says of it. */
export function asFileUnreadable(path: string, error: unknown): TransferError {
  if (error instanceof TransferError) return error;
  const code = errorCode(error);
  const reason = code === "ENOENT" ? "it does not exist" : (code ?? errorMessage(error));
  return fileUnreadable(path, reason, error);
}

/** A file that somebody writes while it is sent. */
export function fileChanged(path: string, how: string): TransferError {
  return new TransferError("ERR_OFTP_FILE_CHANGED", `The file ${path} changed while it was sent: ${how}`, {
    details: { path },
  });
}

/** A record of a file to be sent that does not fit its format. `record` counts from 1. */
export function recordLengthError(record: number, length: number, rule: string): TransferError {
  const message = `Record ${record} has ${length} octets: ${rule}`;
  return new TransferError("ERR_OFTP_RECORD_LENGTH", message, { details: { record, length } });
}
