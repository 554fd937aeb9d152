import { timingSafeEqual } from "node:crypto";
import type { Certificate } from "@waybill/cert-store";
import { optionError } from "@waybill/net-core";
import { open } from "../open/open.js";
import type { OpenOptions, OpenResult } from "../open/open-options.js";
import { receiptError, signatureProblem } from "./receipt-error.js";
import {
  MAX_FIELD_BYTES,
  type ReceiptFile,
  type ReceivedReceipt,
  type SignedField,
  signedFields,
  withoutPadding,
} from "./receipt-fields.js";
import { sourceOf } from "./small-message.js";
import {
  RECEIPT_HASHES,
  type ReceiptHash,
  type ReceiptHashes,
  receiptHashBytes,
} from "./virtual-file-hash.js";

/**
 * What a receipt must be. `acceptSigner`, `time`, `allowExpiredSigner`, `allowWeak` and `logger` are those of
 * {@link OpenOptions}.
 */
export interface VerifyReceiptOptions
  extends Pick<OpenOptions, "acceptSigner" | "allowExpiredSigner" | "allowWeak" | "logger" | "time"> {
  /** The file that was sent, as its SFID named it. */
  readonly file: ReceiptFile;
  /**
   * The hashes of what was transmitted, one for each algorithm that the receipt may use: the receipt must have one of
   * them. Needed for a signed EERP.
   */
  readonly hashes?: ReceiptHashes | undefined;
  /**
   * Certificates of the partner, several during a change-over: one of them must have signed, and its signature hold. Other
   * signatures beside it do not matter. Needed for a signature.
   */
  readonly signers?: readonly Certificate[] | undefined;
  /**
   * `required`: an unsigned receipt is refused. `optional`: a signature is verified when there is one. `ignored`: it is not
   * looked at. Default: `required`.
   */
  readonly signature?: "required" | "optional" | "ignored" | undefined;
}

/** What is proven by a receipt that was accepted. */
export interface VerifiedReceipt {
  /** Whether a signature was verified. */
  readonly signed: boolean;
  readonly signer: Certificate | undefined;
  /** As the signer says. */
  readonly signingTime: Date | undefined;
  /** Whose hash in the receipt is that of the file; undefined when none was compared. */
  readonly hash: ReceiptHash | undefined;
}

/** A receipt's own octets are some 200; more is no receipt. */
const MAX_CONTENT_BYTES = 4096;

/**
 * Verifies that an EERP or NERP is the partner's receipt for the file that was sent (RFC 5024 sections 5.3.13 and 5.3.14):
 * resolves when it is, and rejects with one of the codes below when it is not; the file is then not acknowledged. The user
 * data of an EERP and the reason of a NERP are under no signature.
 *
 * What was signed must be the fields octet by octet, padding included, as the RFC demands.
 *
 * Errors, in the order in which they are looked for: `ERR_OPTION_INVALID`; `ERR_CMS_RECEIPT_FIELD` (does not fit),
 * `ERR_CMS_RECEIPT_FILE` (another dataset name), `ERR_CMS_RECEIPT_DATE` (another date or time),
 * `ERR_CMS_RECEIPT_LOCATION` (another destination or originator), `ERR_CMS_RECEIPT_HASH_ALGORITHM`,
 * `ERR_CMS_RECEIPT_HASH`, `ERR_CMS_RECEIPT_UNSIGNED`, `ERR_CMS_RECEIPT_DAMAGED` (no SignedData with its content),
 * `ERR_CMS_RECEIPT_SIGNER` (not the partner), `ERR_CMS_RECEIPT_SIGNATURE`, `ERR_CMS_RECEIPT_WEAK`,
 * `ERR_CMS_RECEIPT_SIGNER_EXPIRED`, `ERR_CMS_RECEIPT_SIGNER_REFUSED`, `ERR_CMS_RECEIPT_CONTENT` (the partner signed another
 * receipt); and what `acceptSigner` throws.
 */
export async function verifyReceipt(
  receipt: ReceivedReceipt,
  options: VerifyReceiptOptions,
): Promise<VerifiedReceipt> {
  const { signature: policy = "required" } = options;
  const isSigned = receipt.signature.length > 0;
  const isVerified = policy === "required" || (policy === "optional" && isSigned);
  if (isVerified) requireMeans(receipt, options);
  const fields = signedFields(receipt);
  requireFields(receipt, fields);
  demandSameFile(receipt, options.file);
  const hash = matchingHash(receipt, options.hashes ?? {}, isSigned && isVerified);
  if (!isVerified) return { signed: false, signer: undefined, signingTime: undefined, hash };
  if (!isSigned) {
    throw receiptError(
      "ERR_CMS_RECEIPT_UNSIGNED",
      `${nameOf(receipt)} is not signed, but a signed one was asked for`,
    );
  }
  const { content, result } = await openSignature(receipt, options);
  requireSameContent(receipt, fields, content);
  return { signed: true, signer: result.signer, signingTime: result.signingTime, hash };
}

/** For people: the name is the partner's. */
const nameOf = ({ kind, datasetName }: ReceivedReceipt): string =>
  `the ${kind} for ${JSON.stringify(datasetName.slice(0, 26))}`;

/** What is missing in the options would otherwise be missing in the proof. */
function requireMeans(receipt: ReceivedReceipt, { hashes, signers }: VerifyReceiptOptions): void {
  if (signers === undefined || signers.length === 0) {
    throw optionError("signers", "must name a certificate of the partner to verify a signed receipt");
  }
  const isWithoutHash = receipt.kind === "NERP" && receipt.hash.length === 0;
  if (!isWithoutHash && !RECEIPT_HASHES.some((name) => hashes?.[name] !== undefined)) {
    throw optionError("hashes", "must have a hash of the file to verify a signed receipt");
  }
  for (const name of RECEIPT_HASHES) {
    const expected = hashes?.[name];
    if (expected !== undefined && expected.length !== receiptHashBytes(name)) {
      throw optionError(
        `hashes.${name}`,
        `must have ${receiptHashBytes(name)} bytes, not ${expected.length}`,
      );
    }
  }
}

function requireFields(receipt: ReceivedReceipt, fields: readonly SignedField[]): void {
  const field = fields.find(({ octets }) => octets === undefined)?.name;
  const isTooLong = receipt.signature.length > MAX_FIELD_BYTES;
  if (field === undefined && !isTooLong) return;
  const name = field ?? "signature";
  throw receiptError(
    "ERR_CMS_RECEIPT_FIELD",
    `${nameOf(receipt)} has a ${name} that does not fit into its field`,
    {
      details: { field: name },
    },
  );
}

function demandSameFile(receipt: ReceivedReceipt, file: ReceiptFile): void {
  const demandSame = (
    code: "ERR_CMS_RECEIPT_FILE" | "ERR_CMS_RECEIPT_DATE" | "ERR_CMS_RECEIPT_LOCATION",
    field: string,
    received: string,
    expected: string,
  ): void => {
    const [is, was] = [received, expected].map(withoutPadding);
    if (is === was) return;
    throw receiptError(
      code,
      `${nameOf(receipt)} has the ${field} ${JSON.stringify(is)}, that of the file asks for ${JSON.stringify(was)}`,
      { details: { field, received: is, expected: was } },
    );
  };
  const { timestamp } = file;
  demandSame("ERR_CMS_RECEIPT_FILE", "datasetName", receipt.datasetName, file.datasetName);
  demandSame("ERR_CMS_RECEIPT_DATE", "date", receipt.timestamp.date, timestamp.date);
  demandSame("ERR_CMS_RECEIPT_DATE", "time", receipt.timestamp.time, timestamp.time);
  // The receipt goes the way back.
  demandSame("ERR_CMS_RECEIPT_LOCATION", "destination", receipt.destination, file.originator);
  demandSame("ERR_CMS_RECEIPT_LOCATION", "originator", receipt.originator, file.destination);
}

/** Which of the file's hashes the receipt has. */
function matchingHash(
  receipt: ReceivedReceipt,
  hashes: ReceiptHashes,
  isSigned: boolean,
): ReceiptHash | undefined {
  const { hash, kind } = receipt;
  const known = RECEIPT_HASHES.filter((name) => hashes[name] !== undefined);
  if (hash.length === 0) {
    // Without a signature there is no hash; a NERP may be signed for a file that never came.
    if (!isSigned || kind === "NERP") return undefined;
    throw receiptError("ERR_CMS_RECEIPT_HASH", `${nameOf(receipt)} is signed, but has no hash of the file`);
  }
  if (known.length === 0) return undefined;
  const candidates = known.filter((name) => hashes[name]?.length === hash.length);
  if (candidates.length === 0) {
    // There should be none without a signature; what there is proves nothing.
    if (!isSigned) return undefined;
    throw receiptError(
      "ERR_CMS_RECEIPT_HASH_ALGORITHM",
      `${nameOf(receipt)} has a hash of ${hash.length} bytes: it must be ${known.join(" or ")}`,
      { details: { bytes: hash.length, allowed: known } },
    );
  }
  const found = candidates.find((name) => timingSafeEqual(hashes[name] as Uint8Array, hash));
  if (found !== undefined) return found;
  throw receiptError(
    "ERR_CMS_RECEIPT_HASH",
    `${nameOf(receipt)} has the hash of other content than was sent`,
  );
}

async function openSignature(
  receipt: ReceivedReceipt,
  options: VerifyReceiptOptions,
): Promise<{ content: Buffer; result: OpenResult }> {
  const { acceptSigner, allowExpiredSigner, allowWeak, logger, signers, time } = options;
  const message = open(sourceOf(receipt.signature), {
    acceptSigner,
    allowExpiredSigner,
    allowWeak,
    logger,
    signers,
    time,
    expect: { signed: true, encrypted: false, compressed: false },
    limits: { contentBytes: MAX_CONTENT_BYTES },
  });
  const pieces: Buffer[] = [];
  try {
    for await (const piece of message) pieces.push(piece);
    return { content: Buffer.concat(pieces), result: await message.result };
  } catch (error) {
    throw signatureProblem(nameOf(receipt), error);
  }
}

/** The partner's signature proves what is in its envelope, not what is around it. */
function requireSameContent(receipt: ReceivedReceipt, fields: readonly SignedField[], content: Buffer): void {
  let start = 0;
  for (const { name, octets = Buffer.alloc(0) } of fields) {
    const end = name === "hash" ? content.length : start + octets.length;
    if (!octets.equals(content.subarray(start, end))) {
      throw receiptError(
        "ERR_CMS_RECEIPT_CONTENT",
        `${nameOf(receipt)} holds the signature of another one: its ${name} was not signed`,
        { details: { field: name } },
      );
    }
    start = end;
  }
}
