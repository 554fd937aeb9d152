import { join } from "node:path";
import { answerReasons } from "@waybill/oftp-codec";
import { FileRefusedError, refusalOf } from "../file-refused-error.js";
import type { FileSink, FileTotals } from "../user-monitor.js";
import type { CheckpointFile } from "./checkpoint-file.js";
import type { InboxSinkOptions } from "./inbox-sink.js";
import { type KeptPart, lastPosition, locate, restartUnits } from "./kept-position.js";
import {
  type FilePosition,
  type LayoutOptions,
  type LocalLayout,
  localLayout,
  START,
} from "./local-layout.js";
import type { ProcessLock } from "./process-lock.js";
import { ReceptionDelivery } from "./reception-delivery.js";
import type { ReceptionPlan } from "./reception-plan.js";
import { hasRecords } from "./record-mapping.js";
import type { StorageEnvironment } from "./storage-environment.js";
import { type StorageFile, unlinkIfThere } from "./storage-file-system.js";
import { checkpointName, partName, type WholeFile, wholePath } from "./whole-file.js";

/** Local octets between checkpoints: what a crash can cost. */
export const CHECKPOINT_OCTETS = 8 * 1024 * 1024;

/** The reception of one file; `inboxSink` makes it and says what it does. */
export class InboxReception implements FileSink {
  readonly #options: InboxSinkOptions;
  readonly #plan: ReceptionPlan;
  readonly #layoutOptions: LayoutOptions;
  readonly #checkpoint: CheckpointFile;
  readonly #lock: ProcessLock;
  readonly #environment: StorageEnvironment;
  readonly #partPath: string;
  readonly #delivery: ReceptionDelivery;
  #somethingKept: boolean;
  #kept: KeptPart = { position: START, plain: true };
  #file: StorageFile | undefined;
  #layout: LocalLayout | undefined;
  /** Local octets that are written. */
  #written = 0;
  #checkpointAt = 0;
  #folderSynced = false;
  #checkpointing: Promise<void> | undefined;
  #failure: unknown;
  #ended = false;

  constructor(
    options: InboxSinkOptions,
    key: string,
    plan: ReceptionPlan,
    checkpoint: CheckpointFile,
    lock: ProcessLock,
    environment: StorageEnvironment,
  ) {
    this.#options = options;
    this.#plan = plan;
    this.#layoutOptions = plan.arriving;
    this.#checkpoint = checkpoint;
    this.#lock = lock;
    this.#environment = environment;
    this.#partPath = join(options.partialFolder, partName(key));
    this.#delivery = new ReceptionDelivery(options, key, plan, checkpoint, environment);
    this.#somethingKept = lock.entries.includes(partName(key)) || lock.entries.includes(checkpointName(key));
  }

  get restartPosition(): number {
    const kept = this.#keptUnits;
    return this.#options.sfid.restartPosition >= kept || this.#searchable ? kept : 0;
  }

  get #keptUnits(): number {
    return restartUnits(this.#layoutOptions, this.#kept.position);
  }

  /** Whether a position before the end of what is kept can be found. */
  get #searchable(): boolean {
    const { format, mapping } = this.#layoutOptions;
    return format !== "V" || mapping !== "lines" || this.#kept.plain;
  }

  /** Looks for what an earlier session left. */
  async findKept(): Promise<void> {
    const { fileSystem } = this.#environment;
    if (!this.#somethingKept) return;
    const kept = await this.#checkpoint.read();
    const part = await fileSystem.inspect(this.#partPath);
    // A file that is shorter than what was synced is not the one of the checkpoint.
    if (kept !== undefined && part?.isFile === true && part.size >= kept.position.local) this.#kept = kept;
  }

  /** Goes on with a file that was whole and synced, and not recorded. */
  async goOnWith(whole: WholeFile): Promise<void> {
    const { fileSystem } = this.#environment;
    const path = wholePath(whole);
    const { format } = this.#layoutOptions;
    // What is kept otherwise now than when it arrived is of no use.
    const sealed = this.#plan.content !== undefined;
    if (hasRecords(format) && (whole.kind === "sealed") !== sealed) {
      await unlinkIfThere(fileSystem, path);
      return;
    }
    const position = await this.#lastPosition(path);
    if (position !== undefined) {
      await this.#checkpoint.read();
      // It is only asked of what lines are, where they are not searched for.
      await this.#checkpoint.write({ position, plain: true });
      await this.#checkpoint.close();
    }
    await fileSystem.rename(path, this.#partPath);
    await fileSystem.syncFolder(whole.folder);
    this.#somethingKept = true;
  }

  async #lastPosition(path: string): Promise<FilePosition | undefined> {
    const file = await this.#environment.fileSystem.open(path, "read");
    try {
      return await lastPosition(file, this.#layoutOptions, await file.size());
    } finally {
      await file.close();
    }
  }

  async begin(restartPosition: number): Promise<FileTotals> {
    try {
      const { position, plain } = await this.#open(restartPosition);
      this.#layout = localLayout(this.#layoutOptions, position, plain);
      this.#written = position.local;
      this.#checkpointAt = position.local;
      return { records: position.records, octets: position.octets };
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async write(chunk: Uint8Array): Promise<void> {
    const { file, layout } = this.#begun();
    if (this.#failure !== undefined) throw this.#fail(this.#failure);
    try {
      const local = layout.place(chunk);
      await file.write(local, this.#written);
      this.#written += local.length;
    } catch (error) {
      throw this.#fail(error);
    }
    if (this.#written - this.#checkpointAt >= CHECKPOINT_OCTETS && this.#checkpointing === undefined) {
      this.#startCheckpoint(file, layout);
    }
  }

  async finish(totals: FileTotals): Promise<void> {
    const { file, layout } = this.#begun();
    try {
      await this.#checkpointing;
      if (this.#failure !== undefined) throw this.#failure;
      checkTotals(layout, totals);
      const end = layout.end();
      if (end.length > 0) await file.write(end, this.#written);
      await file.sync();
      await this.#closeFile();
      await this.#delivery.run(totals);
    } catch (error) {
      throw this.#fail(error);
    }
    await this.#end();
  }

  async discard(): Promise<void> {
    if (this.#ended) return;
    const { fileSystem } = this.#environment;
    const { partialFolder } = this.#options;
    await this.#checkpointing;
    await this.#closeFile().catch(() => {});
    await this.#checkpoint.remove().catch(() => {});
    await unlinkIfThere(fileSystem, this.#partPath).catch(() => {});
    const failure = this.#failure;
    const again = failure instanceof FileRefusedError && failure.retry;
    await this.#delivery.discard(again).catch(() => {});
    await fileSystem.syncFolder(partialFolder).catch(() => {});
    await this.#end();
  }

  async interrupt(): Promise<void> {
    if (this.#ended) return;
    await this.#checkpointing;
    const file = this.#file;
    const layout = this.#layout;
    if (file !== undefined && layout !== undefined) {
      if (this.#failure !== undefined || layout.restart.local === 0) return this.discard();
      await this.#writeCheckpoint(file, { position: layout.restart, plain: layout.plain }).catch(() => {});
    }
    await this.#end();
  }

  async #open(units: number): Promise<KeptPart> {
    const { fileSystem } = this.#environment;
    if (units > 0) {
      this.#file = await fileSystem.open(this.#partPath, "update");
      const kept = this.#kept;
      const exact = units === this.#keptUnits;
      const possible = exact || (units < this.#keptUnits && this.#searchable);
      const position = possible ? await locate(this.#file, this.#layoutOptions, kept, units) : START;
      if (position === START) {
        const { code } = answerReasons.accessMethodFailure;
        throw new FileRefusedError(code, "it cannot go on at this restart position", { retry: true });
      }
      // Before anything else comes to where the checkpoint says that all is synced.
      if (!exact) await this.#writeCheckpoint(this.#file, { position, plain: kept.plain });
      await this.#file.truncate(position.local);
      return { position, plain: kept.plain };
    }
    if (this.#somethingKept) {
      await this.#checkpoint.remove();
      await unlinkIfThere(fileSystem, this.#partPath);
      // An old checkpoint must not come back beside a new file.
      await fileSystem.syncFolder(this.#options.partialFolder);
    }
    this.#file = await fileSystem.open(this.#partPath, "create", this.#options.fileMode ?? 0o660);
    return { position: START, plain: true };
  }

  #startCheckpoint(file: StorageFile, layout: LocalLayout): void {
    this.#checkpointAt = this.#written;
    const running = this.#writeCheckpoint(file, { position: layout.restart, plain: layout.plain });
    this.#checkpointing = running.then(
      () => {
        this.#checkpointing = undefined;
      },
      (error) => {
        this.#failure = error;
        this.#checkpointing = undefined;
      },
    );
  }

  async #writeCheckpoint(file: StorageFile, part: KeptPart): Promise<void> {
    await file.sync();
    await this.#checkpoint.write(part);
    if (this.#folderSynced) return;
    await this.#environment.fileSystem.syncFolder(this.#options.partialFolder);
    this.#folderSynced = true;
  }

  #begun(): { file: StorageFile; layout: LocalLayout } {
    if (this.#file === undefined || this.#layout === undefined) throw new Error("begin() was not called");
    return { file: this.#file, layout: this.#layout };
  }

  #fail(error: unknown): FileRefusedError {
    const refusal = refusalOf(error);
    this.#failure ??= refusal;
    return refusal;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#closeFile().catch(() => {});
    await this.#checkpoint.close().catch(() => {});
    await this.#lock.release();
  }
}

/** The session has compared its own counts; these are the sink's. */
function checkTotals(layout: LocalLayout, totals: FileTotals): void {
  const { records, octets }: FilePosition = layout.position;
  if (layout.open || records !== totals.records) {
    throw new FileRefusedError(answerReasons.invalidRecordCount.code, "records are missing or too many");
  }
  if (octets !== totals.octets) {
    throw new FileRefusedError(answerReasons.invalidByteCount.code, "octets are missing or too many");
  }
}
