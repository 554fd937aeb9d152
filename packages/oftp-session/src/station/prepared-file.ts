import { TransferError } from "@waybill/net-core";
import { type ProtocolLevel, virtualFileTime } from "@waybill/oftp-codec";
import { levelWithNerp } from "../machine/index.js";
import { localOutgoingFile } from "../storage/outgoing-file.js";
import type { OutgoingFile } from "../user-monitor.js";
import { fileKey } from "./file-identity.js";
import type { QueuedFile } from "./outgoing-queue.js";
import type { Partner } from "./partner.js";
import type { Claim, StationCore } from "./station-core.js";

/** A file that can be sent. */
export interface PreparedFile {
  /** The entry of the queue, as it is now. */
  readonly queued: QueuedFile;
  readonly file: OutgoingFile;
}

/** What is sent for a claimed entry of the queue. Undefined when it was sent already. */
export async function prepareFile(
  core: StationCore,
  claimed: QueuedFile,
  claim: Claim,
  partner: Partner,
  level: ProtocolLevel,
): Promise<PreparedFile | undefined> {
  const current = await core.queue.find(claimed);
  if (current === undefined) return undefined;
  const responseKey = fileKey(current, level);
  const sent = await core.queue.findSent(responseKey);
  if (sent?.file.key === current.key) {
    // The process ended between the two records.
    await core.dispose(current);
    return undefined;
  }
  const plain = await localOutgoingFile({
    path: current.path,
    datasetName: current.datasetName,
    timestamp: current.timestamp,
    destination: current.destination,
    originator: current.originator,
    userData: current.userData,
    description: current.description,
    format: current.format,
    maxRecordSize: current.maxRecordSize,
    security: current.security,
    ...(current.recordMapping === undefined ? {} : { recordMapping: current.recordMapping }),
  });
  // What the partner may have of other content is of no use; it could even take it for the whole file.
  const changed = current.fingerprint !== undefined && current.fingerprint !== plain.fingerprint;
  const isFree = sent === undefined && !changed && claim.announce(responseKey);
  const queued = isFree ? current : await dateAnew(core, current, plain.fingerprint, claim, level);
  const unsealed: OutgoingFile = {
    ...plain,
    timestamp: queued.timestamp,
    open: (offset) => plain.open(offset),
    relayed: queued.relayed,
    security: queued.security,
    originalSize: queued.originalSize ?? plain.size,
  };
  const { protection } = core.options;
  const file =
    queued.relayed || protection === undefined ? unsealed : await protection.seal(unsealed, partner, queued);
  if (!isFree || !core.queue.mayBeThere(queued)) return { queued, file };
  return { queued, file: { ...file, open: (offset) => file.open(offset), sentBefore: file.totals } };
}

/**
 * Gives an entry a time stamp of its own: its content has changed, or another file has the same name and time. Below level
 * 4 that is so when two files of one name were queued in one second (the counter is lost).
 */
async function dateAnew(
  core: StationCore,
  queued: QueuedFile,
  fingerprint: string,
  claim: Claim,
  level: ProtocolLevel,
): Promise<QueuedFile> {
  if (queued.relayed) {
    const problem = `${queued.datasetName} was passed on before, or its content has changed`;
    throw new TransferError("ERR_OFTP_FILE_CHANGED", problem);
  }
  for (let ahead = 0; ; ahead += 1) {
    const timestamp =
      level >= levelWithNerp
        ? await core.clock.next()
        : virtualFileTime(new Date(core.now().getTime() + 1000 * ahead), 0);
    const dated: QueuedFile = { ...queued, timestamp, fingerprint };
    const responseKey = fileKey(dated, level);
    if ((await core.queue.findSent(responseKey)) !== undefined || !claim.announce(responseKey)) continue;
    await core.queue.replace(dated);
    return dated;
  }
}
