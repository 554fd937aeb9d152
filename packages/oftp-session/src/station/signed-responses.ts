import type { Certificate } from "@waybill/cert-store";
import {
  CIPHER_SUITES,
  RECEIPT_HASHES,
  type ReceiptHash,
  type ReceiptHashes,
  signReceipt,
  verifyReceipt,
} from "@waybill/cms-security";
import { errorMessage, TransferError } from "@waybill/net-core";
import { answerReasons, type Eerp, type Nerp, type Sfid } from "@waybill/oftp-codec";
import { FileRefusedError } from "../file-refused-error.js";
import type { QueuedFile } from "./outgoing-queue.js";
import type { Partner } from "./partner.js";
import type { ReceivedRecord } from "./received-files.js";
import type { StationCore } from "./station-core.js";
import { suiteOf } from "./station-security.js";

/** The hash of a file that the signed end response for it is to have. */
export function responseHash({ cipherSuite }: Sfid, { security }: Partner): ReceiptHash {
  const suite = CIPHER_SUITES.find(({ number }) => number === cipherSuite);
  return security?.receiptHash ?? RECEIPT_HASHES.find((name) => name === suite?.hash) ?? "sha256";
}

/**
 * An end response as the file's sender wants it: signed when SFIDSIGN says so (RFC 5024 sections 5.3.13 and 5.3.14). Errors:
 * `ERR_OFTP_CERTIFICATE` when there is no valid key for it, `ERR_OFTP_PARTNER_UNKNOWN`, those of cms-security and of the key.
 */
export async function responseAsAsked<R extends Eerp | Nerp>(
  core: StationCore,
  { sfid, hash, partner: name }: Pick<ReceivedRecord, "sfid" | "hash" | "partner">,
  response: R,
): Promise<R> {
  if (!sfid.signedReceipt) return response;
  const partner = await core.partner(name);
  const [signer, ...also] = core.security.signers(partner, "receipts");
  const signed = await signReceipt(
    { ...response, hash: Buffer.from(hash ?? "", "base64") },
    {
      ...signer,
      also,
      suite: suiteOf(sfid.cipherSuite),
      allowWeak: partner.security?.allowWeak === true,
      signingTime: core.now(),
      logger: core.logger,
    },
  );
  return { ...response, ...signed };
}

/** Why a file is not taken whose end response cannot be signed: the partner may try again. */
export function unsignable(error: unknown): FileRefusedError {
  const text = `the end response cannot be signed here: ${errorMessage(error)}`;
  return new FileRefusedError(answerReasons.accessMethodFailure.code, text, { retry: true, cause: error });
}

/**
 * Holds an end response against the file that was sent, where a signed one was asked for; what is passed on is for somebody else
 * to judge. Resolves to whose signature it has. Rejects with cms-security's `ERR_CMS_RECEIPT_…`.
 */
export async function requireProof(
  core: StationCore,
  partner: Partner,
  response: Eerp | Nerp,
  file: QueuedFile,
): Promise<Certificate | undefined> {
  if (file.relayed || !file.security.signedReceipt) return undefined;
  const signers = await core.security.partnerCertificates(partner, "receipts", file.destination);
  if (signers.length === 0) {
    const problem = `there is no certificate of ${file.destination.trimEnd()} that could verify the receipt`;
    throw new TransferError("ERR_CMS_RECEIPT_SIGNER", problem);
  }
  const { signer } = await verifyReceipt(response, {
    file,
    hashes: hashesOf(file),
    signers,
    acceptSigner: core.security.acceptSigner(partner, "receipts"),
    allowWeak: partner.security?.allowWeak === true,
    time: core.now(),
    logger: core.logger,
  });
  return signer;
}

function hashesOf({ transmitted }: QueuedFile): ReceiptHashes {
  const hashes = Object.entries(transmitted?.hashes ?? {});
  return Object.fromEntries(hashes.map(([name, hash]) => [name, Buffer.from(hash, "base64")]));
}
