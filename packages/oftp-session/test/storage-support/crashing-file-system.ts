import { posix } from "node:path";
import type { StorageEntry, StorageFile, StorageFileSystem } from "../../src/storage/storage-file-system.js";

/** A file: what a program sees of it, and what would be left of it. */
interface Inode {
  readonly id: number;
  content: Buffer;
  durable: Buffer;
  modifiedMs: number;
}

type NameChange = readonly [name: string, inode: Inode | undefined];

interface Folder {
  names: Map<string, Inode>;
  durable: Map<string, Inode>;
  /** Changes of names since the last sync, in order; each happens whole or not at all. */
  pending: NameChange[][];
}

/** Power is off: nothing answers any more. */
export class CrashError extends Error {
  readonly code = "ECRASHED";
}

/**
 * A file system in memory that crashes at a chosen call, and forgets then what no sync covers: content that was not synced is
 * gone, or replaced by garbage in part, and of each folder's changes since its sync only a first part stays, of each
 * folder another one.
 */
export class CrashingFileSystem implements StorageFileSystem {
  calls: string[] = [];
  crashAt = Number.POSITIVE_INFINITY;
  /** Matching syncs do nothing: what a disk would be that lies, or a program that forgets them. */
  withoutSync: RegExp | undefined;
  /** Makes the next matching call fail. */
  failing: ((call: string) => Error | undefined) | undefined;
  readonly #random: () => number;
  #folders = new Map<string, Folder>();
  #ids = 0;
  #crashed = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** The machine starts again with what the disk has. `power`: false when only the process died, so that nothing is lost. */
  restart(power: boolean): void {
    if (power) {
      for (const folder of this.#folders.values()) {
        const names = new Map(folder.durable);
        const kept = Math.floor(this.#random() * (folder.pending.length + 1));
        for (const [name, inode] of folder.pending.slice(0, kept).flat()) {
          if (inode === undefined) names.delete(name);
          else names.set(name, inode);
        }
        for (const inode of names.values()) inode.content = this.#afterPowerFailure(inode);
        folder.names = names;
      }
    }
    for (const folder of this.#folders.values()) {
      folder.durable = new Map(folder.names);
      folder.pending = [];
      for (const inode of folder.names.values()) inode.durable = Buffer.from(inode.content);
    }
    this.calls = [];
    this.crashAt = Number.POSITIVE_INFINITY;
    this.#crashed = false;
  }

  contents(folder: string): Map<string, Buffer> {
    const names = this.#folders.get(folder)?.names ?? new Map<string, Inode>();
    return new Map([...names].map(([name, { content }]) => [name, content]));
  }

  async open(path: string, how: "create" | "update" | "read"): Promise<StorageFile> {
    this.#step(`open ${how} ${path}`);
    const existing = this.#find(path);
    if (how !== "create") return this.#file(path, existing ?? fail("ENOENT", path));
    if (existing !== undefined) fail("EEXIST", path);
    const inode = {
      id: ++this.#ids,
      content: Buffer.alloc(0),
      durable: Buffer.alloc(0),
      modifiedMs: Date.now(),
    };
    this.#change(path, inode);
    return this.#file(path, inode);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step(`rename ${from} ${to}`);
    const inode = this.#find(from) ?? fail("ENOENT", from);
    if (this.#find(to) === inode) return;
    if (posix.dirname(from) === posix.dirname(to)) {
      const folder = this.#folder(from);
      const changes: NameChange[] = [
        [posix.basename(to), inode],
        [posix.basename(from), undefined],
      ];
      folder.names.set(posix.basename(to), inode);
      folder.names.delete(posix.basename(from));
      folder.pending.push(changes);
      return;
    }
    // Two folders are two changes.
    this.#change(to, inode);
    this.#change(from, undefined);
  }

  async link(from: string, to: string): Promise<void> {
    this.#step(`link ${from} ${to}`);
    const inode = this.#find(from) ?? fail("ENOENT", from);
    if (this.#find(to) !== undefined) fail("EEXIST", to);
    this.#change(to, inode);
  }

  async unlink(path: string): Promise<void> {
    this.#step(`unlink ${path}`);
    if (this.#find(path) === undefined) fail("ENOENT", path);
    this.#change(path, undefined);
  }

  async inspect(path: string): Promise<StorageEntry | undefined> {
    this.#step(`inspect ${path}`);
    if (this.#folders.has(path)) {
      return { isFile: false, size: 0, identity: path, names: 1, modifiedMs: 0 };
    }
    const inode = this.#find(path);
    if (inode === undefined) return undefined;
    const names = [...this.#folders.values()]
      .flatMap((folder) => [...folder.names.values()])
      .filter((each) => each === inode).length;
    const { content, id, modifiedMs } = inode;
    return { isFile: true, size: content.length, identity: String(id), names, modifiedMs };
  }

  async list(path: string): Promise<string[]> {
    this.#step(`list ${path}`);
    return [...(this.#folders.get(path) ?? fail("ENOENT", path)).names.keys()];
  }

  async makeFolder(path: string): Promise<void> {
    this.#step(`folder ${path}`);
    if (!this.#folders.has(path)) {
      this.#folders.set(path, { names: new Map(), durable: new Map(), pending: [] });
    }
  }

  async syncFolder(path: string): Promise<void> {
    this.#step(`sync folder ${path}`);
    if (this.withoutSync?.test(`sync folder ${path}`) === true) return;
    const folder = this.#folders.get(path);
    if (folder === undefined) return;
    folder.durable = new Map(folder.names);
    folder.pending = [];
  }

  async touch(): Promise<void> {}

  #file(path: string, inode: Inode): StorageFile {
    return {
      read: async (target, position) => {
        this.#step(`read ${path}`);
        return inode.content.copy(target, 0, position);
      },
      write: async (octets, position) => {
        this.#step(`write ${path}`);
        const length = Math.max(inode.content.length, position + octets.length);
        const content = Buffer.alloc(length);
        inode.content.copy(content);
        content.set(octets, position);
        inode.content = content;
        inode.modifiedMs = Date.now();
      },
      truncate: async (length) => {
        this.#step(`truncate ${path}`);
        inode.content = Buffer.from(inode.content.subarray(0, length));
      },
      sync: async () => {
        this.#step(`sync ${path}`);
        if (this.withoutSync?.test(`sync ${path}`) === true) return;
        inode.durable = Buffer.from(inode.content);
      },
      size: async () => inode.content.length,
      close: async () => {},
    };
  }

  #step(call: string): void {
    if (this.#crashed) throw new CrashError("crashed");
    const failure = this.failing?.(call);
    if (failure !== undefined) throw failure;
    if (this.calls.length >= this.crashAt) {
      this.#crashed = true;
      throw new CrashError("crashed");
    }
    this.calls.push(call);
  }

  #find(path: string): Inode | undefined {
    return this.#folders.get(posix.dirname(path))?.names.get(posix.basename(path));
  }

  #folder(path: string): Folder {
    return this.#folders.get(posix.dirname(path)) ?? fail("ENOENT", path);
  }

  #change(path: string, inode: Inode | undefined): void {
    const folder = this.#folder(path);
    const name = posix.basename(path);
    if (inode === undefined) folder.names.delete(name);
    else folder.names.set(name, inode);
    folder.pending.push([[name, inode]]);
  }

  /** What was synced is there; of the rest a part may be, with zeros where it is not. */
  #afterPowerFailure({ content, durable }: Inode): Buffer {
    if (content.equals(durable)) return content;
    if (this.#random() < 0.5) return Buffer.from(durable);
    const length = Math.floor(this.#random() * (content.length + 1));
    const common = Math.min(durable.length, content.length);
    const left = Buffer.alloc(Math.max(length, common));
    // Where both are the same, it is what it was; elsewhere the old, the new or nothing.
    durable.copy(left, 0, 0, common);
    if (this.#random() < 0.5) content.copy(left, 0, 0, Math.floor(this.#random() * (left.length + 1)));
    return left;
  }
}

function fail(code: string, path: string): never {
  throw Object.assign(new Error(`${code}: ${path}`), { code });
}
