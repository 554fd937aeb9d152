import { isTransferError, TransferError } from "@waybill/net-core";

/** The codes of this part's errors; README.md says what each one means. */
export type CmsErrorCode =
  | "ERR_CMS_ABANDONED"
  | "ERR_CMS_ALGORITHM"
  | "ERR_CMS_ATTRIBUTES"
  | "ERR_CMS_CERTIFICATES"
  | "ERR_CMS_COMPRESSED"
  | "ERR_CMS_COMPRESSION_RATIO"
  | "ERR_CMS_CONTENT_SIZE"
  | "ERR_CMS_CONTENT_TYPE"
  | "ERR_CMS_DAMAGED"
  | "ERR_CMS_DECRYPT"
  | "ERR_CMS_DETACHED"
  | "ERR_CMS_DIGEST"
  | "ERR_CMS_KEY_MISMATCH"
  | "ERR_CMS_KEY_USAGE"
  | "ERR_CMS_LAYERS"
  | "ERR_CMS_LAYER_FORBIDDEN"
  | "ERR_CMS_LAYER_MISSING"
  | "ERR_CMS_LIMIT"
  | "ERR_CMS_OPTIONS"
  | "ERR_CMS_PRIVATE_KEY"
  | "ERR_CMS_RECIPIENT"
  | "ERR_CMS_SIGNATURE"
  | "ERR_CMS_SIGNER_EXPIRED"
  | "ERR_CMS_SIGNER_REFUSED"
  | "ERR_CMS_SIGNER_UNKNOWN"
  | "ERR_CMS_SUITE_UNKNOWN"
  | "ERR_CMS_TRAILING"
  | "ERR_CMS_TRUNCATED"
  | "ERR_CMS_WEAK";

/** An error of this package. */
export function cmsError(
  code: CmsErrorCode,
  message: string,
  options: { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> } = {},
): TransferError {
  return new TransferError(code, message, options);
}

/** `ERR_CMS_DAMAGED`: what was read is no CMS message, or a malformed one. */
export function damaged(problem: string): TransferError {
  return cmsError("ERR_CMS_DAMAGED", `the CMS message is damaged: ${problem}`);
}

/** `ERR_CMS_LIMIT`; `details` name the limit and its value. */
export function limitError(limit: string, most: number, what: string): TransferError {
  return cmsError("ERR_CMS_LIMIT", `the CMS message has ${what}: limits.${limit} allows ${most}`, {
    details: { limit, most },
  });
}

/** What may be said of a message whose key or content is wrong: one error for both, so that nobody can ask which. */
export function decryptError(cause?: unknown): TransferError {
  return cmsError(
    "ERR_CMS_DECRYPT",
    "the message cannot be decrypted: it is damaged, or was encrypted with another key",
    cause === undefined ? {} : { cause },
  );
}

const FORMAT_PROBLEMS: ReadonlySet<string> = new Set<CmsErrorCode>([
  "ERR_CMS_COMPRESSED",
  "ERR_CMS_DAMAGED",
  "ERR_CMS_LAYER_MISSING",
  "ERR_CMS_TRAILING",
  "ERR_CMS_TRUNCATED",
]);

/** Whether it is of the kind that garbage gives, which a wrong key makes of anything. */
export function isFormatProblem(error: unknown): boolean {
  return isTransferError(error) && FORMAT_PROBLEMS.has(error.code);
}
