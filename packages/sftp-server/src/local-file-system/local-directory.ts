import { closeSync, type Dir, type Dirent, type Stats } from "node:fs";
import { decodeName } from "../codec/names.js";
import type { DirectoryEntry, DirectoryHandle } from "../file-system.js";
import { systemGroups, systemUsers } from "./account-names.js";
import { attributesOf } from "./local-attributes.js";
import type { NativePath, SystemCalls } from "./system-calls.js";

const BATCH_ENTRIES = 100;
export const DIRECTORY_BUFFER_ENTRIES = BATCH_ENTRIES;

/** What an open folder is made of. */
export interface LocalDirectoryParts {
  readonly dir: Dir;
  /** The folder itself, pinned; undefined where that is not possible. */
  readonly pin: number | undefined;
  /** To be followed by a slash and a name. */
  readonly base: NativePath;
  readonly calls: SystemCalls;
  readonly showAccountNames: boolean;
}

/** A folder of this machine that is being listed. */
export class LocalDirectory implements DirectoryHandle {
  readonly #parts: LocalDirectoryParts;

  constructor(parts: LocalDirectoryParts) {
    this.#parts = parts;
  }

  async read(): Promise<readonly DirectoryEntry[]> {
    for (;;) {
      const names = await this.#readNames();
      if (names.length === 0) return [];
      const entries = await this.#describe(names);
      // All of a batch may be gone by now; an empty one would mean the end.
      if (entries.length > 0) return entries;
    }
  }

  async close(): Promise<void> {
    const { dir, pin } = this.#parts;
    if (pin !== undefined) closeSync(pin);
    await dir.close();
  }

  async #readNames(): Promise<Buffer[]> {
    const names: Buffer[] = [];
    while (names.length < BATCH_ENTRIES) {
      const entry: Dirent | null = await this.#parts.dir.read();
      if (entry === null) break;
      names.push(nameBytes(entry));
    }
    return names;
  }

  async #describe(names: readonly Buffer[]): Promise<DirectoryEntry[]> {
    const { base, calls, showAccountNames } = this.#parts;
    const prefix = Buffer.concat([Buffer.from(base), Buffer.from("/")]);
    const users = showAccountNames ? await systemUsers.names() : undefined;
    const groups = showAccountNames ? await systemGroups.names() : undefined;
    const stats = await Promise.all(
      names.map(async (name) => calls.lstatIfThere(Buffer.concat([prefix, name]))),
    );
    return names.flatMap((name, index) => {
      const entry = stats[index];
      return entry === undefined ? [] : [describeEntry(name, entry, users, groups)];
    });
  }
}

type Names = ReadonlyMap<number, string> | undefined;

function describeEntry(name: Buffer, stats: Stats, users: Names, groups: Names): DirectoryEntry {
  return {
    name: decodeName(name),
    attributes: attributesOf(stats),
    linkCount: stats.nlink,
    userName: users?.get(stats.uid) ?? "",
    groupName: groups?.get(stats.gid) ?? "",
  };
}

/** Node's types do not know that a folder opened with the encoding "buffer" has names of bytes. */
function nameBytes(entry: Dirent): Buffer {
  const name: unknown = entry.name;
  return name instanceof Buffer ? name : Buffer.from(String(name));
}
