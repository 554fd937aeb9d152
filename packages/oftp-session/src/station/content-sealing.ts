import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Certificate } from "@waybill/cert-store";
import {
  RECEIPT_HASHES,
  type ReceiptHash,
  type SealOptions,
  seal,
  VirtualFileHash,
} from "@waybill/cms-security";
import { errorCode, TransferError, throwIfAborted } from "@waybill/net-core";
import { RecordReader } from "../driver/record-lengths.js";
import { isEncrypted, isSigned } from "../security/security-rules.js";
import { writeContentFile } from "../storage/content-file.js";
import { fileSource } from "../storage/content-source.js";
import { type LocalOutgoingFile, localOutgoingFile } from "../storage/outgoing-file.js";
import { lockKey } from "./lock-key.js";
import type { QueuedFile, TransmittedContent } from "./outgoing-queue.js";
import { type Partner, partnerFolder } from "./partner.js";
import type { StationCore } from "./station-core.js";
import { suiteOf } from "./station-security.js";

/** Octets between two events `sealing`. */
const PROGRESS_OCTETS = 4 * 1024 * 1024;

/** Whether something is done to a file's content, or kept of it, before it can be sent. */
export function needsPreparation({ security, relayed }: QueuedFile): boolean {
  return !relayed && (security.enveloped || security.signedReceipt);
}

/** By what a file's content is made. */
export interface SealingPlan {
  readonly options: SealOptions;
  readonly hashes: readonly [ReceiptHash, ...ReceiptHash[]];
  /** The thumbprint (SHA-256) of the certificate that is encrypted for. */
  readonly recipient: string | undefined;
  /** Changes when a partner's or an own certificate does. */
  readonly madeWith: string;
}

/**
 * How a file is made ready for a partner now. Errors: `ERR_OFTP_CERTIFICATE` when there is no certificate for it,
 * `ERR_OFTP_SECURITY_POLICY` for what the partner's entry does not allow any more.
 */
export async function sealingPlan(
  core: StationCore,
  { security, destination }: QueuedFile,
  partner: Partner,
): Promise<SealingPlan> {
  const suite = suiteOf(security.cipherSuite);
  const allowWeak = partner.security?.allowWeak === true;
  const usesSuite = security.securityLevel > 0 || security.signedReceipt;
  if (usesSuite && suite.weak && !allowWeak) {
    throw new TransferError(
      "ERR_OFTP_SECURITY_POLICY",
      `the cipher suite 0${suite.number} is weak, and allowWeak is not set for ${partner.name}`,
    );
  }
  const signers = isSigned(security) ? core.security.signers(partner, "signing") : undefined;
  const recipients = isEncrypted(security)
    ? (await core.security.recipients(partner, "encryption", destination)).slice(0, 1)
    : undefined;
  if (security.signedReceipt) {
    // Nobody should be asked for a signature that could not be verified.
    await core.security.recipients(partner, "receipts", destination);
  }
  const hashes = receiptHashes(suite.hash, partner, allowWeak);
  const thumbprints = (certificates: readonly Certificate[] | undefined) =>
    certificates?.map((certificate) => certificate.thumbprint("sha256"));
  const facts = [
    security,
    hashes,
    thumbprints(signers?.map(({ certificate }) => certificate)),
    thumbprints(recipients),
  ];
  return {
    options: {
      suite,
      allowWeak,
      logger: core.logger,
      ...(signers === undefined ? {} : { sign: { signers } }),
      ...(security.compressed ? { compress: true } : {}),
      ...(recipients === undefined ? {} : { encrypt: { recipients } }),
    },
    hashes,
    recipient: recipients?.[0]?.thumbprint("sha256"),
    madeWith: createHash("sha256").update(JSON.stringify(facts)).digest("hex"),
  };
}

/** The hashes of which a signed receipt may have one: the partner chooses, by the cipher suite if it does as most do. */
function receiptHashes(
  ofSuite: string,
  { security }: Partner,
  allowWeak: boolean,
): readonly [ReceiptHash, ...ReceiptHash[]] {
  const own = RECEIPT_HASHES.find((name) => name === ofSuite) ?? "sha256";
  const more = [security?.receiptHash, allowWeak ? ("sha1" as const) : undefined];
  return [own, ...more.filter((name) => name !== undefined && name !== own)] as [
    ReceiptHash,
    ...ReceiptHash[],
  ];
}

/**
 * Whether what was made for a file is still what is to be sent. The partner may have received what was `tried`: other octets would be
 * another file to it, so only what it could not open any more is made anew.
 */
export async function isStillGood(
  core: StationCore,
  { path, transmitted, destination }: QueuedFile,
  partner: Partner,
  plan: SealingPlan,
  tried: boolean,
): Promise<boolean> {
  if (transmitted === undefined) return false;
  if (transmitted.fingerprint !== (await fileSource(path)).fingerprint) return false;
  if (!(await isWhole(transmitted))) return false;
  if (transmitted.madeWith === plan.madeWith) return true;
  if (!tried) return false;
  const { recipient } = transmitted;
  const known = await core.security.partnerCertificates(partner, "encryption", destination);
  return recipient === undefined || known.some((each) => each.thumbprint("sha256") === recipient);
}

/** Whether what was made is as it was made: it can be gone or changed, and is made again then. */
export async function isWhole({ path, sealedFingerprint }: TransmittedContent): Promise<boolean> {
  if (path === undefined) return true;
  try {
    return (await fileSource(path)).fingerprint === sealedFingerprint;
  } catch (error) {
    if (errorCode(error) === "ERR_OFTP_FILE_UNREADABLE") return false;
    throw error;
  }
}

/**
 * Makes what is transmitted in place of a file (RFC 5024 section 6): signed, compressed and encrypted, on disk, so that a restart
 * finds the same octets; or, where only its end response is to be signed, the hashes of the file. Resolves to the entry with it
 * once it is on disk; the queue is left alone.
 *
 * Errors: those of {@link sealingPlan}, of the file, of the keys, of the disk.
 */
export async function makeTransmitted(
  core: StationCore,
  queued: QueuedFile,
  plan: SealingPlan,
): Promise<QueuedFile> {
  const plain = await plainFile(queued);
  const hash = new VirtualFileHash(...plan.hashes);
  let octets = 0;
  let path: string | undefined;
  const content = untilAborted(await plain.open(0), plan.options.signal);
  const counted = reported(core, queued, plain.size, content, (total) => {
    octets = total;
  });
  if (queued.security.enveloped) {
    path = sealedPath(core, queued);
    const sealed = seal(counted, { ...plan.options, reuseBuffers: true });
    await writeContentFile(path, hash.through(sealed));
  } else {
    await hashPlain(counted, queued, hash);
  }
  const digests = Object.entries(hash.digests()).map(([name, digest]) => [name, digest.toString("base64")]);
  const transmitted: TransmittedContent = {
    path,
    ...(path === undefined ? {} : { sealedFingerprint: (await fileSource(path)).fingerprint }),
    fingerprint: plain.fingerprint,
    madeWith: plan.madeWith,
    ...(plan.recipient === undefined ? {} : { recipient: plan.recipient }),
    hashes: Object.fromEntries(digests),
  };
  return {
    ...queued,
    // What is sealed of a file of format V has the lengths of its records in it (section 6.5).
    originalSize: path === undefined ? queued.originalSize : octets,
    transmitted,
  };
}

/** The file itself, in the shape in which it is sealed. */
function plainFile(queued: QueuedFile): Promise<LocalOutgoingFile> {
  const { path, datasetName, timestamp, destination, originator, format, maxRecordSize, recordMapping } =
    queued;
  return localOutgoingFile({
    path,
    datasetName,
    timestamp,
    destination,
    originator,
    format,
    maxRecordSize,
    ...(recordMapping === undefined ? {} : { recordMapping }),
  });
}

/** One place for each entry: what an attempt before a crash left there is written over. */
function sealedPath(core: StationCore, { key, partner }: QueuedFile): string {
  return join(partnerFolder(core.sealedFolder, { name: partner }), `${lockKey("file", key)}.cms`);
}

/** Errors: `ERR_ABORTED`. */
async function* untilAborted(
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    throwIfAborted(signal);
    yield chunk;
  }
}

async function* reported(
  core: StationCore,
  file: QueuedFile,
  size: number,
  content: AsyncIterable<Uint8Array>,
  onOctets: (octets: number) => void,
): AsyncGenerator<Uint8Array> {
  let octets = 0;
  let told = 0;
  for await (const chunk of content) {
    yield chunk;
    octets += chunk.length;
    onOctets(octets);
    if (octets - told < PROGRESS_OCTETS) continue;
    told = octets;
    core.emit("sealing", { file, octets: Math.min(octets, size), size });
  }
  core.emit("sealing", { file, octets: size, size });
}

/** Every octet that EFID counts: in format V not the lengths of the records (RFC 5024 section 5.3.13). */
async function hashPlain(
  content: AsyncIterable<Uint8Array>,
  { format }: QueuedFile,
  hash: VirtualFileHash,
): Promise<void> {
  const records = format === "V" ? new RecordReader((part) => hash.update(part)) : undefined;
  for await (const chunk of content) {
    if (records === undefined) hash.update(chunk);
    else records.push(chunk);
  }
}
