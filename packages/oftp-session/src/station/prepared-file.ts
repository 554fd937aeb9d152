import { TransferError } from "@waybill/net-core";
import { type ProtocolLevel, virtualFileTime } from "@waybill/oftp-codec";
import { levelWithNerp, levelWithSecurity } from "../machine/index.js";
import { fileSource } from "../storage/content-source.js";
import { localOutgoingFile } from "../storage/outgoing-file.js";
import type { OutgoingFile } from "../user-monitor.js";
import { isWhole, needsPreparation } from "./content-sealing.js";
import { fileKey } from "./file-identity.js";
import type { QueuedFile } from "./outgoing-queue.js";
import type { Claim, StationCore } from "./station-core.js";

/** A file that can be sent. */
export interface PreparedFile {
  /** The entry of the queue, as it is now. */
  readonly queued: QueuedFile;
  readonly file: OutgoingFile;
}

/**
 * What is sent for a claimed entry of the queue. Undefined when it was sent already.
 * Errors: `ERR_OFTP_SECURITY_LEVEL` for a secured file in a session that cannot carry it, `ERR_OFTP_NOT_PREPARED` for one that changed
 * at the last moment: it waits; those of `localOutgoingFile`.
 */
export async function prepareFile(
  core: StationCore,
  claimed: QueuedFile,
  claim: Claim,
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
  requireLevel(current, level);
  const path = await transmittedPath(current);
  const plain = await localOutgoingFile({
    path,
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
  const changed =
    path === current.path && current.fingerprint !== undefined && current.fingerprint !== plain.fingerprint;
  const isFree = sent === undefined && !changed && claim.announce(responseKey);
  const fingerprint = path === current.path ? plain.fingerprint : current.fingerprint;
  const queued = isFree ? current : await dateAnew(core, current, fingerprint, claim, level);
  const file: OutgoingFile = {
    ...plain,
    timestamp: queued.timestamp,
    open: async (offset) => (path === current.path ? plain.open(offset) : ownContent(plain, offset)),
    relayed: queued.relayed,
    security: queued.security,
    originalSize: queued.originalSize ?? plain.size,
  };
  if (!isFree || !core.queue.mayBeThere(queued)) return { queued, file };
  return { queued, file: { ...file, open: (offset) => file.open(offset), sentBefore: file.totals } };
}

/** A file that is to be secured is not sent as it is, whatever the partner can do. */
function requireLevel({ datasetName, security }: QueuedFile, level: ProtocolLevel): void {
  if (level >= levelWithSecurity || (!security.enveloped && !security.signedReceipt)) return;
  throw new TransferError(
    "ERR_OFTP_SECURITY_LEVEL",
    `${datasetName} is to be secured, which needs ODETTE-FTP 2.0: this session is of level ${level}`,
    { details: { level } },
  );
}

/** Where the octets are that are sent for an entry. */
async function transmittedPath(queued: QueuedFile): Promise<string> {
  if (!needsPreparation(queued)) return queued.path;
  const { transmitted, path, datasetName } = queued;
  const isMade =
    transmitted !== undefined &&
    transmitted.fingerprint === (await fileSource(path)).fingerprint &&
    (await isWhole(transmitted));
  if (isMade) return transmitted.path ?? path;
  throw new TransferError(
    "ERR_OFTP_NOT_PREPARED",
    `${datasetName} changed just now, and waits to be secured`,
  );
}

/** What was sealed is ours: when it is not what it was, the file itself is none the worse, and is sealed anew. */
async function* ownContent({ open, datasetName }: OutgoingFile, offset: number): AsyncGenerator<Uint8Array> {
  try {
    yield* await open(offset);
  } catch (error) {
    const problem = `what was sealed of ${datasetName} has changed: it waits to be sealed anew`;
    throw new TransferError("ERR_OFTP_NOT_PREPARED", problem, { cause: error });
  }
}

/**
 * Gives an entry a time stamp of its own: its content has changed, or another file has the same name and time. Below level
 * 4 that is so when two files of one name were queued in one second (the counter is lost).
 */
async function dateAnew(
  core: StationCore,
  queued: QueuedFile,
  fingerprint: string | undefined,
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
