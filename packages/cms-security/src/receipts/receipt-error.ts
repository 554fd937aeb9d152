import { errorCode, errorMessage, TransferError } from "@waybill/net-core";

/** The codes of receipts that are not accepted; README.md says what each one means. */
export type ReceiptErrorCode =
  | "ERR_CMS_RECEIPT_CONTENT"
  | "ERR_CMS_RECEIPT_DAMAGED"
  | "ERR_CMS_RECEIPT_DATE"
  | "ERR_CMS_RECEIPT_FIELD"
  | "ERR_CMS_RECEIPT_FILE"
  | "ERR_CMS_RECEIPT_HASH"
  | "ERR_CMS_RECEIPT_HASH_ALGORITHM"
  | "ERR_CMS_RECEIPT_LOCATION"
  | "ERR_CMS_RECEIPT_SIGNATURE"
  | "ERR_CMS_RECEIPT_SIGNER"
  | "ERR_CMS_RECEIPT_SIGNER_EXPIRED"
  | "ERR_CMS_RECEIPT_SIGNER_REFUSED"
  | "ERR_CMS_RECEIPT_UNSIGNED"
  | "ERR_CMS_RECEIPT_WEAK";

export function receiptError(
  code: ReceiptErrorCode,
  message: string,
  options: { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> } = {},
): TransferError {
  return new TransferError(code, message, options);
}

/** What is wrong with a signature, for those who asked about a receipt. */
const SIGNATURE_PROBLEMS: Readonly<Record<string, ReceiptErrorCode>> = {
  ERR_CMS_ALGORITHM: "ERR_CMS_RECEIPT_SIGNATURE",
  ERR_CMS_ATTRIBUTES: "ERR_CMS_RECEIPT_SIGNATURE",
  ERR_CMS_COMPRESSED: "ERR_CMS_RECEIPT_DAMAGED",
  ERR_CMS_CONTENT_SIZE: "ERR_CMS_RECEIPT_CONTENT",
  ERR_CMS_CONTENT_TYPE: "ERR_CMS_RECEIPT_DAMAGED",
  ERR_CMS_DAMAGED: "ERR_CMS_RECEIPT_DAMAGED",
  ERR_CMS_DETACHED: "ERR_CMS_RECEIPT_DAMAGED",
  ERR_CMS_DIGEST: "ERR_CMS_RECEIPT_SIGNATURE",
  ERR_CMS_KEY_USAGE: "ERR_CMS_RECEIPT_SIGNER_REFUSED",
  ERR_CMS_LAYERS: "ERR_CMS_RECEIPT_DAMAGED",
  ERR_CMS_LAYER_FORBIDDEN: "ERR_CMS_RECEIPT_DAMAGED",
  ERR_CMS_LAYER_MISSING: "ERR_CMS_RECEIPT_DAMAGED",
  ERR_CMS_LIMIT: "ERR_CMS_RECEIPT_DAMAGED",
  ERR_CMS_SIGNATURE: "ERR_CMS_RECEIPT_SIGNATURE",
  ERR_CMS_SIGNER_EXPIRED: "ERR_CMS_RECEIPT_SIGNER_EXPIRED",
  ERR_CMS_SIGNER_REFUSED: "ERR_CMS_RECEIPT_SIGNER_REFUSED",
  ERR_CMS_SIGNER_UNKNOWN: "ERR_CMS_RECEIPT_SIGNER",
  ERR_CMS_TRAILING: "ERR_CMS_RECEIPT_DAMAGED",
  ERR_CMS_TRUNCATED: "ERR_CMS_RECEIPT_DAMAGED",
  ERR_CMS_WEAK: "ERR_CMS_RECEIPT_WEAK",
};

/** The error of a signature that could not be verified; what is no problem of the signature comes out as it is. */
export function signatureProblem(receipt: string, error: unknown): unknown {
  const code = SIGNATURE_PROBLEMS[errorCode(error) ?? ""];
  if (code === undefined) return error;
  const details = error instanceof TransferError ? error.details : {};
  return receiptError(code, `the signature of ${receipt} is not accepted: ${errorMessage(error)}`, {
    cause: error,
    details,
  });
}
