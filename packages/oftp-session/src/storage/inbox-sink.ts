import { join } from "node:path";
import { optionError } from "@waybill/net-core";
import { answerReasons, type Sfid } from "@waybill/oftp-codec";
import { FileRefusedError, refusalOf } from "../file-refused-error.js";
import type { FileSink } from "../user-monitor.js";
import { CheckpointFile } from "./checkpoint-file.js";
import type { OverwriteRule } from "./final-name.js";
import { InboxReception } from "./inbox-reception.js";
import type { LayoutOptions } from "./local-layout.js";
import { acquireProcessLock, type ProcessLock } from "./process-lock.js";
import { receivedFileKey, wireFormat } from "./received-file-key.js";
import { type LineEnd, mappingFor, type RecordMapping } from "./record-mapping.js";
import { isSafeFileName } from "./safe-file-name.js";
import { ensureFolder, realEnvironment, type StorageEnvironment } from "./storage-environment.js";
import { checkpointName, deliver, parseWholeName, type ReceptionLedger } from "./whole-file.js";

/** Options of {@link inboxSink}. */
export interface InboxSinkOptions {
  readonly inboxFolder: string;
  /**
   * Where files are until they are whole; on the same file system as the inbox and shared by all who write into it. It gets
   * the mode 0700 when it is made.
   */
  readonly partialFolder: string;
  readonly sfid: Sfid;
  /** Name in the inbox, see `receivedFileName`. */
  readonly fileName: string;
  /** Default `rename`. */
  readonly overwrite?: OverwriteRule | undefined;
  /** How records are kept: default `lines` for V, `fixed` for F. */
  readonly recordMapping?: RecordMapping | undefined;
  /** Default `lf`. */
  readonly lineEnd?: LineEnd | undefined;
  /** Mode of the file, less the umask. Default 0o660. */
  readonly fileMode?: number | undefined;
  readonly ledger: ReceptionLedger;
}

/**
 * Where a received file is written: a {@link FileSink} that survives crashes.
 *
 * The steps of `finish`, and what a crash before the next one leaves:
 * 1. The content is synced. Before and after: a partial file, from which a later session goes on at the last checkpoint.
 * 2. It is renamed to `KEY.RECEPTION.whole`, which says that every octet is on disk, and the checkpoint is removed.
 * 3. The partial folder is synced. Until 4: a whole file that the ledger does not know. The next session that is offered the
 *    file makes it a partial file again and goes on at its end.
 * 4. A free name is chosen and kept from other sessions, and the ledger records the file. **This is the moment at which the file
 *    is received.** From here on recovery ends what was begun, and never goes back.
 * 5. It gets its final name in the inbox, as a second one beside `.whole`, so that at no moment does it have none.
 * 6. The inbox is synced, then `.whole` is removed. A crash before leaves both names of one file, which recovery sees by its
 *    inode: it removes the one that is left.
 *
 * Only somebody who deletes (not: moves) the file from the inbox after 5, while a crash prevents 6 and before the station
 * starts again, gets it a second time: given the choice, a file is delivered twice rather than never.
 *
 * When 5 or 6 fails without a crash, the ledger's record is revoked and the file is refused.
 *
 * Errors: `ERR_OPTION_INVALID`; `ERR_OFTP_FILE_REFUSED` with reason 13 (it exists, or was received), 99 with retry (another
 * session is receiving it), 12 (with retry when the disk is full).
 */
export async function inboxSink(
  options: InboxSinkOptions,
  environment: StorageEnvironment = realEnvironment,
): Promise<FileSink> {
  const { sfid, inboxFolder, partialFolder, fileName } = options;
  const { fileSystem, authority } = environment;
  if (!isSafeFileName(fileName)) throw optionError("fileName", "must be a safe name of one file");
  const layout = layoutOf(options);
  const key = receivedFileKey(sfid);
  let lock: ProcessLock | undefined;
  try {
    await ensureFolder(fileSystem, inboxFolder, 0o770);
    await ensureFolder(fileSystem, partialFolder, 0o700);
    lock = await acquireProcessLock(partialFolder, key, fileSystem, authority);
    if (lock === undefined) {
      const { code } = answerReasons.unspecified;
      throw new FileRefusedError(code, "another session is receiving this file", { retry: true });
    }
    const checkpoint = new CheckpointFile(fileSystem, join(partialFolder, checkpointName(key)), layout);
    const reception = new InboxReception(options, key, layout, checkpoint, lock, environment);
    await settleWholeFiles(options, key, lock, reception, environment);
    if (options.overwrite === "never") await requireFree(inboxFolder, fileName, environment);
    await reception.findKept();
    return reception;
  } catch (error) {
    await lock?.release();
    throw refusalOf(error);
  }
}

function layoutOf({ sfid, recordMapping, lineEnd }: InboxSinkOptions): LayoutOptions {
  const format = wireFormat(sfid);
  return {
    format,
    maxRecordSize: sfid.maxRecordSize,
    mapping: mappingFor(format, recordMapping),
    lineEnd: lineEnd ?? "lf",
  };
}

/** Whole files that a crash left. */
async function settleWholeFiles(
  { partialFolder, ledger, overwrite }: InboxSinkOptions,
  key: string,
  lock: ProcessLock,
  reception: InboxReception,
  environment: StorageEnvironment,
): Promise<void> {
  for (const name of lock.entries) {
    const whole = name.startsWith(key) ? parseWholeName(partialFolder, name) : undefined;
    if (whole === undefined) continue;
    const finalPath = await ledger.lookUp(key, whole.receptionId);
    if (finalPath === undefined) {
      await reception.goOnWith(whole);
      continue;
    }
    await deliver(whole, finalPath, overwrite ?? "rename", ledger, environment);
    throw new FileRefusedError(answerReasons.duplicateFile.code, "this file was received before");
  }
}

async function requireFree(
  inboxFolder: string,
  fileName: string,
  { fileSystem }: StorageEnvironment,
): Promise<void> {
  if ((await fileSystem.inspect(join(inboxFolder, fileName))) === undefined) return;
  throw new FileRefusedError(answerReasons.duplicateFile.code, `there is a file ${fileName} already`);
}
