import type { FileHandle, OpenFlags } from "../file-system.js";
import { acquireContentVersion, type ContentVersion } from "./content-version.js";
import type { ReadAheadBudget } from "./read-ahead-budget.js";
import { type Access, type FileActivity, idleFile } from "./request-order.js";
import { SequentialReader } from "./sequential-reader.js";
import { WriteJoiner } from "./write-joiner.js";

/** What a session shares between its open files. */
export class OpenFiles {
  readonly budget: ReadAheadBudget;
  readonly mayReadAhead: () => boolean;
  readonly #activities = new Map<string, { readonly activity: FileActivity; users: number }>();

  constructor(budget: ReadAheadBudget, mayReadAhead: () => boolean) {
    this.budget = budget;
    this.mayReadAhead = mayReadAhead;
  }

  /** Handles on the same file get the same activity. */
  acquireActivity(identity: string | undefined): FileActivity {
    if (identity === undefined) return idleFile();
    const shared = this.#activities.get(identity) ?? { activity: idleFile(), users: 0 };
    shared.users += 1;
    this.#activities.set(identity, shared);
    return shared.activity;
  }

  releaseActivity(identity: string | undefined): void {
    const shared = identity === undefined ? undefined : this.#activities.get(identity);
    if (identity === undefined || shared === undefined) return;
    shared.users -= 1;
    if (shared.users === 0) this.#activities.delete(identity);
  }
}

/** A file that a client has open. */
export class OpenFile {
  readonly kind = "file";
  readonly path: string;
  readonly flags: OpenFlags;
  readonly handle: FileHandle;
  readonly version: ContentVersion;
  readonly reader: SequentialReader;
  readonly writer: WriteJoiner;
  readonly activity: FileActivity;
  /** What each kind of request on this handle touches. */
  readonly access: Readonly<Record<"read" | "write" | "sync" | "change" | "close", Access>>;
  bytesRead = 0;
  bytesWritten = 0;
  readonly #shared: OpenFiles;

  constructor(path: string, flags: OpenFlags, handle: FileHandle, shared: OpenFiles) {
    this.path = path;
    this.flags = flags;
    this.handle = handle;
    this.#shared = shared;
    this.version = acquireContentVersion(handle.identity);
    if (flags.truncate) this.version.bump();
    this.activity = shared.acquireActivity(handle.identity);
    this.reader = new SequentialReader(handle, this.version, shared.budget, shared.mayReadAhead);
    this.writer = new WriteJoiner(handle, this.version, flags.append);
    const files = [this.activity];
    this.access = {
      read: { on: "file", mode: "shared", changes: false, files },
      write: { on: "file", mode: "joined", changes: true, files },
      sync: { on: "file", mode: "exclusive", changes: false, files },
      change: { on: "file", mode: "exclusive", changes: true, files },
      close: { on: "file", mode: "exclusive", changes: flags.write || flags.append, files },
    };
  }

  async close(): Promise<void> {
    await this.reader.close();
    this.#shared.releaseActivity(this.handle.identity);
    this.version.release();
    await this.handle.close();
  }
}
