import { TransferError } from "@waybill/net-core";

/** Bytes that are not a packet of the protocol: something is missing, left over, or contradicts itself. */
export function malformed(what: string): TransferError {
  return new TransferError("ERR_SFTP_MALFORMED", `The packet is malformed: ${what}.`);
}

/** A well-formed 64-bit value that is beyond what this implementation can handle exactly (2^53 - 1). */
export function outOfRange(what: string): TransferError {
  return new TransferError(
    "ERR_SFTP_OUT_OF_RANGE",
    `${what} is beyond 2^53 - 1, the largest value handled here.`,
  );
}
