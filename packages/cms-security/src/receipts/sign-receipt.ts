import type { HashName } from "@waybill/cert-store";
import { type Logger, optionError } from "@waybill/net-core";
import type { IdentifierForm, Identity } from "../certificate-identity.js";
import type { CipherSuite } from "../cipher-suites.js";
import { seal } from "../seal/seal.js";
import { MAX_FIELD_BYTES, type Receipt, signedFields } from "./receipt-fields.js";
import { smallMessage, sourceOf } from "./small-message.js";
import { RECEIPT_HASHES, receiptHashBytes } from "./virtual-file-hash.js";

/** Options of {@link signReceipt}: who signs, and how. */
export interface SignReceiptOptions extends Identity {
  /**
   * Further identities that sign too, for a change-over: any one of them is enough for whoever verifies. Each adds a SignerInfo.
   * Default: none.
   */
  readonly also?: readonly Identity[] | undefined;
  /** Where the two below come from when they are not named: the suite of the file's SFIDCIPH. Default: suite 04. */
  readonly suite?: CipherSuite | undefined;
  /** Of the signature. Default: the suite's. */
  readonly hash?: HashName | undefined;
  /** RSA keys only. Default: the suite's. */
  readonly padding?: "pkcs1" | "pss" | undefined;
  /** Default: no. The partner knows the certificate. */
  readonly includeCertificates?: boolean | undefined;
  /** Default: `issuerAndSerialNumber`. */
  readonly identifyBy?: IdentifierForm | undefined;
  /** Default: now. */
  readonly signingTime?: Date | undefined;
  /** Whether SHA-1 may sign (suites 01 and 02). Default: no, `ERR_CMS_WEAK`. A warning is logged when it does. */
  readonly allowWeak?: boolean | undefined;
  readonly logger?: Logger | undefined;
}

/** The two fields that signing adds to an EERP or NERP. */
export interface SignedReceiptFields {
  /** EERPHSH or NERPHSH: the one that was given. */
  readonly hash: Buffer;
  /** EERPSIG or NERPSIG: SignedData in DER with the signed fields in it. */
  readonly signature: Buffer;
}

/**
 * Signs an EERP or NERP (RFC 5024 sections 5.3.13 and 5.3.14): a CMS SignedData over the fields of the receipt, each in its
 * entirety, and `receipt.hash`, see `VirtualFileHash`. An EERP takes a hash; a NERP may be without, when the file never came.
 * The user data of an EERP and the reason of a NERP are not under the signature.
 *
 * With `also` there are several signatures over the same fields: while the certificates of a station change, partners that
 * have only the old one and partners that have only the new one accept the same receipt.
 *
 * Errors: `ERR_OPTION_INVALID`, `ERR_CMS_WEAK`, `ERR_CMS_KEY_MISMATCH`, `ERR_CMS_KEY_USAGE`, and what the key throws.
 */
export async function signReceipt(
  receipt: Receipt,
  options: SignReceiptOptions,
): Promise<SignedReceiptFields> {
  requireHash(receipt);
  const { certificate, key, also = [], suite, allowWeak, logger, ...how } = options;
  const message = seal(sourceOf(contentToSign(receipt)), {
    suite,
    allowWeak,
    logger,
    sign: { ...how, signers: [{ certificate, key }, ...also] },
  });
  const signature = await smallMessage(message);
  if (signature.length > MAX_FIELD_BYTES) {
    throw optionError(
      also.length > 0 ? "also" : "certificate",
      `makes a signature of ${signature.length} bytes: ${MAX_FIELD_BYTES} fit`,
    );
  }
  return { hash: Buffer.from(receipt.hash), signature };
}

function contentToSign(receipt: Receipt): Buffer {
  const octets = signedFields(receipt).map((field) => {
    if (field.octets === undefined) throw optionError(`receipt.${field.name}`, "does not fit into its field");
    return field.octets;
  });
  return Buffer.concat(octets);
}

function requireHash({ kind, hash }: Receipt): void {
  if (hash.length === 0 && kind === "NERP") return;
  if (RECEIPT_HASHES.some((name) => receiptHashBytes(name) === hash.length)) return;
  throw optionError("receipt.hash", `must be a hash of the file (${RECEIPT_HASHES.join(", ")}) to be signed`);
}
