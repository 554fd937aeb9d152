import { TransferError } from "@waybill/net-core";
import { answerReasonText } from "@waybill/oftp-codec";
import type { FileRefusal } from "@waybill/oftp-session";

/** The partner has refused a file (SFNA or EFNA). Code `ERR_OFTP_FILE_REFUSED_BY_PARTNER`. */
export class FileRefusedByPartner extends TransferError {
  /** With the reason (SFNAREAS or EFNAREAS), and whether it may be tried again later. */
  readonly refusal: FileRefusal;

  constructor(datasetName: string, refusal: FileRefusal) {
    const reason = String(refusal.reason).padStart(2, "0");
    const text = refusal.text === "" ? "" : ` (${refusal.text})`;
    super(
      "ERR_OFTP_FILE_REFUSED_BY_PARTNER",
      `the partner refuses ${datasetName}: reason ${reason}, ${answerReasonText(refusal.reason)}${text}`,
      { details: { datasetName, reason: refusal.reason, retry: refusal.retry } },
    );
    this.refusal = refusal;
  }
}
