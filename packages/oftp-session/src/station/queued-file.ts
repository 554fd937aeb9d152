import { basename, resolve } from "node:path";
import { TransferError } from "@waybill/net-core";
import type { FileFormat, VirtualFileTime } from "@waybill/oftp-codec";
import type { FileSecurityWishes } from "../security/partner-security.js";
import { securityFor } from "../security/security-rules.js";
import { fileSource } from "../storage/content-source.js";
import type { RecordMapping } from "../storage/record-mapping.js";
import type { FileSecurity } from "../user-monitor.js";
import type { AfterSending, QueuedFile } from "./outgoing-queue.js";
import { type Partner, sfidsOf } from "./partner.js";
import type { StationCore } from "./station-core.js";

/** A file that is to be sent. What is left out has a default. */
export interface FileToSend {
  readonly path: string;
  /** The virtual file's name, up to 26 characters. Default: the file's name, what does not fit replaced by `_`. */
  readonly datasetName?: string | undefined;
  /** Default: now, with a counter that makes it unique. */
  readonly timestamp?: VirtualFileTime | undefined;
  /** Default: the partner's first SFID. */
  readonly destination?: string | undefined;
  /** Default: this station's SFID. */
  readonly originator?: string | undefined;
  /** Up to 8 characters. */
  readonly userData?: string | undefined;
  /** Up to 999 octets of UTF-8; sent at level 5. */
  readonly description?: string | undefined;
  /** Default U. */
  readonly format?: FileFormat | undefined;
  /** For F and V, in octets. */
  readonly maxRecordSize?: number | undefined;
  /** How the file has its records. Default: F fixed, V lines. */
  readonly recordMapping?: RecordMapping | undefined;
  /** Default: keep. */
  readonly afterSending?: AfterSending | undefined;
  /** What is left out is as the partner's entry says. */
  readonly security?: FileSecurityWishes | undefined;
}

const MAX_DATASET_NAME = 26;

/**
 * The entry of the queue for a file. `security`: default as the file and the partner's entry wish.
 * Errors: `ERR_OFTP_FILE_UNREADABLE`, `ERR_OFTP_OPTIONS`, `ERR_OFTP_SECURITY_POLICY`.
 */
export async function queuedFile(
  core: StationCore,
  partner: Partner,
  file: FileToSend,
  security: FileSecurity = securityFor(partner.security ?? {}, file.security ?? {}),
): Promise<QueuedFile> {
  const path = resolve(file.path);
  const { fingerprint } = await fileSource(path);
  const format = file.format ?? "U";
  const hasRecords = format === "F" || format === "V";
  if (hasRecords && (file.maxRecordSize ?? 0) < 1) {
    throw new TransferError("ERR_OFTP_OPTIONS", `Format ${format} needs a record length`);
  }
  const timestamp = file.timestamp ?? (await core.clock.next());
  const datasetName = file.datasetName ?? datasetNameOf(basename(path));
  return {
    // Sorts as it was queued; two entries never have the same time of this station.
    key: `${timestamp.date}${timestamp.time} ${datasetName} ${partner.name}`,
    partner: partner.name,
    path,
    datasetName,
    timestamp,
    destination: file.destination ?? sfidsOf(partner)[0] ?? partner.ssid,
    originator: file.originator ?? partner.ownSfid ?? core.ownSfid,
    userData: file.userData ?? "",
    description: file.description ?? "",
    format,
    maxRecordSize: hasRecords ? (file.maxRecordSize ?? 0) : 0,
    recordMapping: file.recordMapping,
    afterSending: file.afterSending ?? "keep",
    relayed: false,
    security,
    originalSize: undefined,
    fingerprint,
  };
}

/**
 * Entries that were made for a file: the one with the same content and the same wishes, and those whose content is gone
 * because the file is another one now. Errors: `ERR_OFTP_FILE_UNREADABLE`, `ERR_OFTP_SECURITY_POLICY`.
 */
export async function earlierRequests(
  entries: readonly QueuedFile[],
  partner: Partner,
  file: FileToSend,
): Promise<{ readonly same: QueuedFile | undefined; readonly outdated: readonly QueuedFile[] }> {
  const path = resolve(file.path);
  const { fingerprint } = await fileSource(path);
  const { datasetName = datasetNameOf(basename(path)), format = "U", description = "", userData = "" } = file;
  const { maxRecordSize = 0, timestamp, destination, originator } = file;
  const security = securityFor(partner.security ?? {}, file.security ?? {});
  const own = entries.filter((entry) => !entry.relayed && entry.path === path);
  const same = own.find(
    (entry) =>
      entry.fingerprint === fingerprint &&
      entry.datasetName === datasetName &&
      entry.format === format &&
      entry.maxRecordSize === maxRecordSize &&
      entry.description === description &&
      entry.userData === userData &&
      isSameSecurity(entry.security, security) &&
      (destination === undefined || entry.destination === destination) &&
      (originator === undefined || entry.originator === originator) &&
      (timestamp === undefined ||
        (entry.timestamp.date === timestamp.date && entry.timestamp.time === timestamp.time)),
  );
  return { same, outdated: own.filter((entry) => entry.fingerprint !== fingerprint) };
}

function isSameSecurity(one: FileSecurity, other: FileSecurity): boolean {
  const names = Object.keys(one) as (keyof FileSecurity)[];
  return names.every((name) => one[name] === other[name]);
}

/** Printable ASCII is what datasets are called in practice. */
function datasetNameOf(fileName: string): string {
  return fileName.replaceAll(/[^\x21-\x7e]/g, "_").slice(0, MAX_DATASET_NAME);
}
