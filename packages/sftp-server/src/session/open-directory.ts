import type { NameEntry } from "../codec/replies.js";
import type { DirectoryEntry, DirectoryHandle } from "../file-system.js";
import { formatLongName } from "../long-name.js";
import { type Access, idleFile } from "./request-order.js";

/** Clients need not take packets above 34,000 bytes (draft-ietf-secsh-filexfer-02, section 3). */
const MAX_NAMES_BYTES = 32 * 1024;
/** What an entry takes beside its name, twice: the columns of its long name, its attributes, lengths. */
const ENTRY_BYTES = 160;

/** A folder that a client is listing. */
export class OpenDirectory {
  readonly kind = "directory";
  readonly path: string;
  readonly access: Access = { on: "file", mode: "exclusive", changes: false, files: [idleFile()] };
  readonly #handle: DirectoryHandle;
  #entries: readonly DirectoryEntry[] = [];
  #at = 0;

  constructor(path: string, handle: DirectoryHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** As many of the next names as go into one packet; none at the end. */
  async next(): Promise<NameEntry[]> {
    if (this.#at === this.#entries.length) {
      this.#entries = await this.#handle.read();
      this.#at = 0;
    }
    const nowSeconds = Date.now() / 1000;
    const names: NameEntry[] = [];
    let bytes = 0;
    while (this.#at < this.#entries.length) {
      const entry = this.#entries[this.#at]!;
      bytes += 2 * Buffer.byteLength(entry.name) + ENTRY_BYTES;
      if (names.length > 0 && bytes > MAX_NAMES_BYTES) break;
      const { name, attributes } = entry;
      names.push({ name, longName: formatLongName(entry, nowSeconds), attributes });
      this.#at += 1;
    }
    return names;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
