import { errorCode, errorMessage, type TransferError } from "@waybill/net-core";
import { answerReasons, type Sfid } from "@waybill/oftp-codec";
import { FileRefusedError } from "../file-refused-error.js";
import { isEncrypted, isSigned } from "./security-rules.js";

const SIGNATURE: ReadonlySet<string> = new Set([
  "ERR_CMS_ATTRIBUTES",
  "ERR_CMS_DIGEST",
  "ERR_CMS_KEY_USAGE",
  "ERR_CMS_SIGNATURE",
  "ERR_CMS_SIGNER_EXPIRED",
  "ERR_CMS_SIGNER_REFUSED",
  "ERR_CMS_SIGNER_UNKNOWN",
  "ERR_CMS_WEAK",
]);

const DECRYPTION: ReadonlySet<string> = new Set(["ERR_CMS_DECRYPT", "ERR_CMS_RECIPIENT"]);

const DECOMPRESSION: ReadonlySet<string> = new Set(["ERR_CMS_COMPRESSED", "ERR_CMS_COMPRESSION_RATIO"]);

/** Of the form of the message: which layer is to blame, nobody can say. */
const FORM = /^ERR_CMS_/;

/**
 * Why a file whose envelope cannot be opened is refused (EFNAREAS, RFC 5024 section 5.3.10): 15, 17, 20, 21, 22 or 23. What has nothing
 * to do with the message, such as a full disk, comes out as it is.
 */
export function openingRefusal(error: unknown, sfid: Sfid): unknown {
  const code = errorCode(error) ?? "";
  if (error instanceof FileRefusedError || !FORM.test(code)) return error;
  const reason = reasonForLayers(code, error) ?? reasonFor(code, sfid);
  // The partner learns what it can put right, not what a stranger could use: decryption has one text for everything.
  const isSecret = reason === answerReasons.decryptionFailure.code;
  const text = isSecret ? "the file cannot be decrypted" : errorMessage(error);
  return new FileRefusedError(reason, text, { cause: error });
}

function reasonFor(code: string, sfid: Sfid): number {
  const reasons = answerReasons;
  if (SIGNATURE.has(code)) return reasons.invalidSignature.code;
  if (DECRYPTION.has(code)) return reasons.decryptionFailure.code;
  if (DECOMPRESSION.has(code)) return reasons.decompressionFailure.code;
  if (code === "ERR_CMS_ALGORITHM") return reasons.cipherSuiteNotSupported.code;
  if (code === "ERR_CMS_CONTENT_SIZE") {
    return sfid.compression === 0 ? reasons.invalidByteCount.code : reasons.decompressionFailure.code;
  }
  if (isEncrypted(sfid)) return reasons.decryptionFailure.code;
  if (sfid.compression !== 0) return reasons.decompressionFailure.code;
  return isSigned(sfid) ? reasons.invalidSignature.code : reasons.unspecified.code;
}

/** The file is less than its SFID says, or something else. */
function reasonForLayers(code: string, error: unknown): number | undefined {
  if (code !== "ERR_CMS_LAYER_MISSING" && code !== "ERR_CMS_LAYER_FORBIDDEN") return undefined;
  const { missing, kind } = (error as TransferError).details;
  const isMissing = (layer: string) => Array.isArray(missing) && missing.includes(layer);
  if (isMissing("encrypted")) return answerReasons.unencryptedNotAllowed.code;
  if (isMissing("signed")) return answerReasons.unsignedNotAllowed.code;
  if (kind === "encrypted") return answerReasons.encryptedNotAllowed.code;
  if (kind === "signed") return answerReasons.signedNotAllowed.code;
  if (kind === "compressed") return answerReasons.compressionNotAllowed.code;
  return answerReasons.decompressionFailure.code;
}
