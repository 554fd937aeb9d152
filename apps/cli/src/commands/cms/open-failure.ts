import { isTransferError, TransferError } from "@waybill/net-core";
import { inputName } from "./named-input.js";

/** What the command was given, as far as it changes what to say. */
export interface OpenCircumstances {
  readonly hasKeys: boolean;
  readonly signers: "named" | "any" | "none";
}

/** The error of the packages in the words of the command, with the file's name and the option that helps. */
export function openFailure(error: unknown, input: string, circumstances: OpenCircumstances): unknown {
  if (!isTransferError(error) || !error.code.startsWith("ERR_CMS_")) return error;
  const text = `${inputName(input)}: ${messageOf(error, circumstances)}`;
  return new TransferError(error.code, text, { cause: error });
}

function messageOf({ code, message, cause }: TransferError, { hasKeys, signers }: OpenCircumstances): string {
  switch (code) {
    case "ERR_CMS_RECIPIENT":
      return hasKeys
        ? "it is encrypted for others: none of the keys is one of theirs (`waybill cms show` says who they are)"
        : "it is encrypted: name the store with the private key with --key";
    case "ERR_CMS_DECRYPT":
      // A wrong key makes garbage of a message, which is not signed either.
      return signers !== "none" && isTransferError(cause, "ERR_CMS_LAYER_MISSING")
        ? "what is encrypted in it is not signed; or it is damaged, or encrypted with another key"
        : message;
    case "ERR_CMS_LAYER_MISSING":
      return "it is not signed, and with --signer or --any-signer it must be";
    case "ERR_CMS_LAYER_FORBIDDEN":
      return "it is signed: name the certificate of the signer with --signer, or take any signer's word with --any-signer";
    case "ERR_CMS_SIGNER_UNKNOWN":
      return signers === "any"
        ? "it is signed, but the signer's certificate did not come with it: name it with --signer"
        : "it is signed, but with none of the certificates that --signer names (`waybill cms show` says who did)";
    case "ERR_CMS_SIGNER_EXPIRED":
      return `${message} (--allow-expired accepts it)`;
    case "ERR_CMS_WEAK":
      return "it is signed with SHA-1, which is weak (--allow-weak accepts it)";
    case "ERR_CMS_CONTENT_SIZE":
      return "what is in it is larger than --max-size allows";
    case "ERR_CMS_DETACHED":
      return "its content is not in it: it is a signature by itself, or certificates alone (`waybill cert show` shows those)";
    case "ERR_CMS_COMPRESSION_RATIO":
      return "what is compressed in it becomes suspiciously large: say how large it may be with --max-size";
    default:
      return message;
  }
}
