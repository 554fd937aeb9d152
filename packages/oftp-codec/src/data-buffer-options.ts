import { TransferError } from "@waybill/net-core";
import type { FileFormat } from "./command-types.js";

/** How much of a virtual file lies before a position: what EFID counts, restarts included. */
export interface FileCounts {
  /** Records of formats F and V; 0 for U and T. */
  readonly recordCount: number;
  /** Octets. */
  readonly unitCount: number;
}

/** The range of SSIDSDEB. */
export const MIN_BUFFER_SIZE = 128;
export const MAX_BUFFER_SIZE = 99999;

const MAX_RECORD_SIZE = 99999;

/** Whether a format has records. */
export function hasRecords(format: FileFormat): boolean {
  return format === "F" || format === "V";
}

/** Refuses a size of exchange buffers that no session can have agreed. */
export function checkBufferSize(bufferSize: number): void {
  if (Number.isInteger(bufferSize) && bufferSize >= MIN_BUFFER_SIZE && bufferSize <= MAX_BUFFER_SIZE) return;
  throw dataOptionsError(
    `The buffer size must be a whole number from ${MIN_BUFFER_SIZE} to ${MAX_BUFFER_SIZE}`,
  );
}

/** Refuses formats F and V without a record length. */
export function checkRecordSize(format: FileFormat, maxRecordSize: number | undefined): number {
  if (!hasRecords(format)) return 0;
  const size = maxRecordSize ?? 0;
  if (Number.isInteger(size) && size >= 1 && size <= MAX_RECORD_SIZE) return size;
  throw dataOptionsError(`Format ${format} needs a record size from 1 to ${MAX_RECORD_SIZE}`);
}

/** Wrong options, or a method that does not suit the format. */
export function dataOptionsError(message: string): TransferError {
  return new TransferError("ERR_OFTP_DATA_OPTIONS", message);
}

/** A record longer than the file's limit, or one of a fixed format that is shorter than the others. */
export function recordLengthError(length: number, maxRecordSize: number, format: FileFormat): TransferError {
  const rule =
    format === "F" ? `all records must have ${maxRecordSize}` : `at most ${maxRecordSize} are allowed`;
  return new TransferError("ERR_OFTP_RECORD_LENGTH", `A record of ${length} octets: ${rule}`, {
    details: { length, maxRecordSize, format },
  });
}
