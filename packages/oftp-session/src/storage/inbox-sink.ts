import { join } from "node:path";
import { optionError } from "@waybill/net-core";
import { answerReasons, type Sfid } from "@waybill/oftp-codec";
import { FileRefusedError, refusalOf } from "../file-refused-error.js";
import type { FileSink } from "../user-monitor.js";
import { CheckpointFile } from "./checkpoint-file.js";
import type { OverwriteRule } from "./final-name.js";
import { InboxReception } from "./inbox-reception.js";
import { acquireProcessLock, type ProcessLock } from "./process-lock.js";
import { receivedFileKey } from "./received-file-key.js";
import { receptionPlan } from "./reception-plan.js";
import type { LineEnd, RecordMapping } from "./record-mapping.js";
import { isSafeFileName } from "./safe-file-name.js";
import { settleWholeFiles } from "./settle-whole-files.js";
import { ensureFolder, realEnvironment, type StorageEnvironment } from "./storage-environment.js";
import { checkpointName, type ReceptionLedger } from "./whole-file.js";

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
  /**
   * For enveloped files: what is inside. Gets all that was transmitted, in chunks that it may keep, and gives the content, in
   * chunks of any size that hold until the next one is asked for, in format V each record preceded by its length (RFC 5024
   * section 6.5). The file counts as received only when the iteration has ended without an error. A `FileRefusedError` refuses
   * it with its reason, a full disk with 12 and retry, anything else with 12. Content whose last record of format V is cut off
   * is refused with 10, a record that is longer than SFID announces with 5.
   *
   * A refusal with retry keeps what was transmitted, so that the partner need not send it again; any other removes it.
   * How much comes out of an envelope is not limited here. Default: what was transmitted is kept as it is.
   */
  readonly open?: ((sealed: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>) | undefined;
  /**
   * Sees all that was transmitted once it is on disk, before the ledger records the file: for hashes. Gets every octet that the
   * unit count of EFID counts, in order, those before a restart position among them: for V the records without their
   * lengths, without line ends, whatever `recordMapping` is. It need not read all. A rejection refuses the file, as those of
   * `open` do. Not called when the file is opened: `open` sees the same.
   *
   * With it, records that become lines are kept as they are transmitted first, and written as lines afterwards. Default: nobody
   * looks.
   */
  readonly inspect?: ((transmitted: AsyncIterable<Uint8Array>) => Promise<void>) | undefined;
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
 * A file that is opened (or inspected and then written as lines) becomes another one between 3 and 4:
 * - In 2 it is renamed to `KEY.RECEPTION.sealed` instead.
 * - 3a. `KEY.RECEPTION.opened` is written and synced, and the partial folder with it. Until 4, a crash leaves a sealed file that the
 *   ledger does not know, and something that was opened or not: the latter is removed, the former restartable at its end.
 * - 4 to 6 are those of `.opened`.
 * - 7. `.sealed` is removed. A crash before leaves it with a record: recovery removes it.
 *
 * When it is refused meanwhile, `.opened` goes and `.sealed` too, unless the refusal allows the partner to try again: it is
 * left as a crash would leave it then, also by `discard`.
 *
 * Errors: `ERR_OPTION_INVALID`; `ERR_OFTP_FILE_REFUSED` with reason 13 (it exists, or was received), 99 with retry (another
 * session is receiving it), 12 (with retry when the disk is full), 5 (an enveloped file with records whose size is not said).
 */
export async function inboxSink(
  options: InboxSinkOptions,
  environment: StorageEnvironment = realEnvironment,
): Promise<FileSink> {
  const { sfid, inboxFolder, partialFolder, fileName } = options;
  const { fileSystem, authority } = environment;
  if (!isSafeFileName(fileName)) throw optionError("fileName", "must be a safe name of one file");
  const plan = receptionPlan(options);
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
    const checkpoint = new CheckpointFile(
      fileSystem,
      join(partialFolder, checkpointName(key)),
      plan.arriving,
    );
    const reception = new InboxReception(options, key, plan, checkpoint, lock, environment);
    const { ledger, overwrite = "rename" } = options;
    const left = await settleWholeFiles(key, lock.entries, partialFolder, overwrite, ledger, environment);
    if (left.received) {
      throw new FileRefusedError(answerReasons.duplicateFile.code, "this file was received before");
    }
    for (const whole of left.unknown) await reception.goOnWith(whole);
    if (options.overwrite === "never") await requireFree(inboxFolder, fileName, environment);
    await reception.findKept();
    return reception;
  } catch (error) {
    await lock?.release();
    throw refusalOf(error);
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
