import { randomUUID } from "node:crypto";
import { FileSystemError } from "../file-system-error.js";
import type { OpenDirectory } from "./open-directory.js";
import type { OpenFile } from "./open-file.js";

/** The open files and folders of one session, by their handles. */
export class HandleTable {
  readonly #max: number;
  readonly #entries = new Map<string, OpenFile | OpenDirectory>();
  #reserved = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Opens something and gives it a handle, one of the limited number of handles kept free for it meanwhile.
   * Errors: `ERR_TOO_MANY_HANDLES`, and those of `open`.
   */
  async open(open: () => Promise<OpenFile | OpenDirectory>): Promise<string> {
    if (this.#entries.size + this.#reserved >= this.#max) {
      throw new FileSystemError(
        "ERR_TOO_MANY_HANDLES",
        `This session may have ${this.#max} files open at once`,
      );
    }
    this.#reserved += 1;
    try {
      const entry = await open();
      // 122 random bits, so that a handle of another session cannot be guessed; Node draws them in batches.
      const handle = randomUUID();
      this.#entries.set(handle, entry);
      return handle;
    } finally {
      this.#reserved -= 1;
    }
  }

  find(handle: string): OpenFile | OpenDirectory | undefined {
    return this.#entries.get(handle);
  }

  /** Error: `ERR_INVALID_HANDLE`, also for a folder's handle. */
  file(handle: string): OpenFile {
    const entry = this.#entries.get(handle);
    if (entry?.kind !== "file") throw new FileSystemError("ERR_INVALID_HANDLE");
    return entry;
  }

  /** Error: `ERR_INVALID_HANDLE`, also for a file's handle. */
  directory(handle: string): OpenDirectory {
    const entry = this.#entries.get(handle);
    if (entry?.kind !== "directory") throw new FileSystemError("ERR_INVALID_HANDLE");
    return entry;
  }

  /** Makes the handle invalid, and gives what it stood for. Error: `ERR_INVALID_HANDLE`. */
  remove(handle: string): OpenFile | OpenDirectory {
    const entry = this.#entries.get(handle);
    if (entry === undefined) throw new FileSystemError("ERR_INVALID_HANDLE");
    this.#entries.delete(handle);
    return entry;
  }

  *files(): IterableIterator<OpenFile> {
    for (const entry of this.#entries.values()) if (entry.kind === "file") yield entry;
  }

  /** Makes all handles invalid, and gives what they stood for. */
  removeAll(): (OpenFile | OpenDirectory)[] {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    return entries;
  }
}
