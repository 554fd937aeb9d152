import { join } from "node:path";
import { answerReasons } from "@waybill/oftp-codec";
import { FileRefusedError } from "../file-refused-error.js";
import type { FileTotals } from "../user-monitor.js";
import type { CheckpointFile } from "./checkpoint-file.js";
import { writeContent } from "./content-writer.js";
import { type ClaimedName, claimFreeName } from "./final-name.js";
import type { InboxSinkOptions } from "./inbox-sink.js";
import type { LayoutOptions } from "./local-layout.js";
import type { ReceptionPlan } from "./reception-plan.js";
import type { StorageEnvironment } from "./storage-environment.js";
import { unlinkIfThere } from "./storage-file-system.js";
import { countedOctets, readAll } from "./transmitted-octets.js";
import {
  besideName,
  deliver,
  newReceptionId,
  partName,
  type WholeFile,
  wholeFile,
  wholePath,
} from "./whole-file.js";

/** From a partial file of which every octet is on disk to the file in the inbox; `inboxSink` says what the steps are. */
export class ReceptionDelivery {
  readonly #options: InboxSinkOptions;
  readonly #key: string;
  readonly #plan: ReceptionPlan;
  readonly #checkpoint: CheckpointFile;
  readonly #environment: StorageEnvironment;
  /** What was transmitted. */
  #whole: WholeFile | undefined;
  /** What was made of it. */
  #opened: WholeFile | undefined;
  /** It is recorded, and the record cannot be revoked: a later start delivers it. */
  #bound = false;

  constructor(
    options: InboxSinkOptions,
    key: string,
    plan: ReceptionPlan,
    checkpoint: CheckpointFile,
    environment: StorageEnvironment,
  ) {
    this.#options = options;
    this.#key = key;
    this.#plan = plan;
    this.#checkpoint = checkpoint;
    this.#environment = environment;
  }

  /** Call it when the partial file is synced. A rejection must be followed by {@link discard}. */
  async run(totals: FileTotals): Promise<void> {
    const { fileSystem } = this.#environment;
    const whole = await this.#becomeWhole();
    if (this.#options.inspect !== undefined && !this.#opens) await this.#inspect(whole);
    const { content } = this.#plan;
    if (content === undefined) {
      await this.#store(whole, totals, totals);
      return;
    }
    const opened = wholeFile(whole.folder, this.#key, whole.receptionId, "opened");
    const contentTotals = await this.#open(whole, opened, content);
    await this.#store(opened, totals, contentTotals);
    // What stays is removed by recovery.
    await unlinkIfThere(fileSystem, wholePath(whole)).catch(() => {});
  }

  /**
   * Removes what `run` has made before it failed. `keepSealed`: what was transmitted stays for a restart at its end, when
   * something was to be made of it.
   */
  async discard(keepSealed: boolean): Promise<void> {
    if (this.#bound) return;
    if (this.#opened !== undefined) await this.#remove(this.#opened);
    if (this.#whole === undefined || (keepSealed && this.#whole.kind === "sealed")) return;
    await this.#remove(this.#whole);
  }

  get #opens(): boolean {
    return this.#options.open !== undefined && this.#options.sfid.envelope !== 0;
  }

  async #becomeWhole(): Promise<WholeFile> {
    const { fileSystem } = this.#environment;
    const { partialFolder } = this.#options;
    const kind = this.#plan.content === undefined ? "whole" : "sealed";
    const whole = wholeFile(partialFolder, this.#key, newReceptionId(), kind);
    await fileSystem.rename(join(partialFolder, partName(this.#key)), wholePath(whole));
    this.#whole = whole;
    await this.#checkpoint.remove();
    await fileSystem.syncFolder(partialFolder);
    return whole;
  }

  async #inspect(whole: WholeFile): Promise<void> {
    const file = await this.#environment.fileSystem.open(wholePath(whole), "read");
    try {
      await this.#options.inspect?.(countedOctets(readAll(file), this.#plan.arriving.format));
    } finally {
      await file.close();
    }
  }

  async #open(sealed: WholeFile, opened: WholeFile, layout: LayoutOptions): Promise<FileTotals> {
    const { fileSystem } = this.#environment;
    const { open, fileMode = 0o660 } = this.#options;
    const source = await fileSystem.open(wholePath(sealed), "read");
    try {
      const target = await fileSystem.open(wholePath(opened), "create", fileMode);
      this.#opened = opened;
      let contentTotals: FileTotals;
      try {
        const transmitted = readAll(source);
        const content = this.#opens && open !== undefined ? open(transmitted) : transmitted;
        contentTotals = await writeContent(target, content, layout);
        await target.sync();
      } finally {
        await target.close();
      }
      await fileSystem.syncFolder(opened.folder);
      return contentTotals;
    } finally {
      await source.close();
    }
  }

  async #store(file: WholeFile, totals: FileTotals, contentTotals: FileTotals): Promise<void> {
    const { ledger, inboxFolder, fileName, overwrite = "rename" } = this.#options;
    const claimed = await this.#claimName();
    const finalPath = claimed?.path ?? join(inboxFolder, fileName);
    const { receptionId } = file;
    const stored = { key: this.#key, receptionId, finalPath, totals, contentTotals };
    try {
      await ledger.stored(stored);
      await deliver(file, finalPath, overwrite, ledger, this.#environment);
    } catch (error) {
      // Without the revocation a later start delivers it, so it must stay.
      await ledger.revoke(stored).catch(() => {
        this.#bound = true;
      });
      throw error;
    } finally {
      await claimed?.release();
    }
  }

  async #claimName(): Promise<ClaimedName | undefined> {
    const { inboxFolder, fileName, partialFolder, overwrite = "rename" } = this.#options;
    if (overwrite === "replace") return undefined;
    const onlyFirst = overwrite === "never";
    const claimed = await claimFreeName(inboxFolder, fileName, partialFolder, this.#environment, onlyFirst);
    if (claimed !== undefined) return claimed;
    throw new FileRefusedError(answerReasons.duplicateFile.code, `there is a file ${fileName} already`);
  }

  /** With the names in the inbox that a failed delivery may have given it. */
  async #remove(file: WholeFile): Promise<void> {
    const { fileSystem } = this.#environment;
    if (file.kind !== "sealed") {
      await unlinkIfThere(fileSystem, join(this.#options.inboxFolder, besideName(file)));
    }
    await unlinkIfThere(fileSystem, wholePath(file));
  }
}
