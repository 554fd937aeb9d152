import { isTransferError, TransferError } from "@waybill/net-core";
import type { CommandKind } from "./command-types.js";
import { endSessionReasons } from "./reasons.js";

/** What can be wrong with the value of a field. */
export type FieldErrorCode =
  | "ERR_OFTP_FIELD_INVALID"
  | "ERR_OFTP_FIELD_LENGTH"
  | "ERR_OFTP_FIELD_RANGE"
  | "ERR_OFTP_FIELD_CHARACTERS"
  | "ERR_OFTP_FIELD_VALUE";

/** An error about one field. The value is left out on purpose: it may be a password. */
export function fieldError(
  code: FieldErrorCode,
  command: CommandKind,
  field: string,
  why: string,
): TransferError {
  return new TransferError(code, `${field} of ${command} ${why}`, { details: { command, field } });
}

/** The exchange buffer is shorter or longer than its command says. */
export function bufferLengthError(command: string, length: number): TransferError {
  return new TransferError(
    "ERR_OFTP_BUFFER_LENGTH",
    `An exchange buffer of ${length} octets cannot hold ${command} of this release`,
    { details: { command, length } },
  );
}

/** The first octet names no command. */
export function commandUnknownError(identifier: number): TransferError {
  const octet = identifier.toString(16).padStart(2, "0");
  return new TransferError("ERR_OFTP_COMMAND_UNKNOWN", `The octet ${octet} (hexadecimal) starts no command`, {
    details: { identifier },
  });
}

/** The command belongs to a later release than that of the session. */
export function commandNotInLevelError(command: CommandKind, level: number): TransferError {
  return new TransferError("ERR_OFTP_COMMAND_NOT_IN_LEVEL", `Level ${level} has no ${command}`, {
    details: { command, level },
  });
}

const endReasons: Readonly<Record<string, number>> = {
  ERR_OFTP_COMMAND_UNKNOWN: endSessionReasons.commandNotRecognised.code,
  ERR_OFTP_COMMAND_NOT_IN_LEVEL: endSessionReasons.commandNotRecognised.code,
  ERR_OFTP_FIELD_INVALID: endSessionReasons.invalidData.code,
  ERR_OFTP_DATA_TRUNCATED: endSessionReasons.invalidData.code,
  ERR_OFTP_RECORD_LENGTH: endSessionReasons.invalidData.code,
  ERR_OFTP_BUFFER_LENGTH: endSessionReasons.bufferSizeError.code,
  ERR_OFTP_STREAM_LENGTH: endSessionReasons.bufferSizeError.code,
  ERR_OFTP_STREAM_VERSION: endSessionReasons.bufferSizeError.code,
};

/**
 * The reason for the ESID that ends a session because decoding failed with `error` (RFC 5024 section 5.3.11): 01 for a
 * command that is not known, 06 for data that is not valid, 07 for a wrong length or stream transmission header, 99 for
 * any other error.
 */
export function endReasonOf(error: unknown): number {
  const reason = isTransferError(error) ? endReasons[error.code] : undefined;
  return reason ?? endSessionReasons.unspecified.code;
}
