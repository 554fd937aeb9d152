import { createHash } from "node:crypto";
import { isTransferError } from "@waybill/net-core";
import type {
  EerpReceipt,
  NerpReceipt,
  Receipt,
  ReceiptFile,
  ReceivedReceipt,
} from "../src/receipts/receipt-fields.js";
import { type SignReceiptOptions, signReceipt } from "../src/receipts/sign-receipt.js";
import { type VerifyReceiptOptions, verifyReceipt } from "../src/receipts/verify-receipt.js";
import { testBytes } from "./streams.js";

/** The file that was sent, as its SFID named it. */
export const file: ReceiptFile = {
  datasetName: "DELFOR.PLANT-7",
  timestamp: { date: "20261120", time: "1015300001" },
  destination: "O0055PARTNER",
  originator: "O0013WAYBILL  PLANT7",
};

/** What was transmitted. */
export const transmitted = testBytes(1000);
export const sha256 = createHash("sha256").update(transmitted).digest();

export const eerp: EerpReceipt = {
  kind: "EERP",
  datasetName: file.datasetName,
  timestamp: file.timestamp,
  destination: file.originator,
  originator: file.destination,
  hash: sha256,
};

export const nerp: NerpReceipt = { ...eerp, kind: "NERP", creator: "O0099CLEARING" };

export async function signed<R extends Receipt>(receipt: R, options: SignReceiptOptions) {
  return { ...receipt, ...(await signReceipt(receipt, options)) };
}

/** The error with which a receipt is refused; undefined when it is accepted. */
export async function refusalOf(
  receipt: ReceivedReceipt,
  options: VerifyReceiptOptions,
): Promise<{ code: string; details: Readonly<Record<string, unknown>>; cause: unknown } | undefined> {
  try {
    await verifyReceipt(receipt, options);
    return undefined;
  } catch (error) {
    if (!isTransferError(error)) throw error;
    return { code: error.code, details: error.details, cause: error.cause };
  }
}
