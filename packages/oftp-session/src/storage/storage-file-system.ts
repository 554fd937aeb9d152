import { constants, type Stats } from "node:fs";
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, unlink, utimes } from "node:fs/promises";
import { errorCode } from "@waybill/net-core";

/** One open file. */
export interface StorageFile {
  /** Fills as much of `target` as there is from `position` on. Resolves to how much that was. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Writes all of `octets`. */
  write(octets: Uint8Array, position: number): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Content and length are on disk; times may not be. */
  sync(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** What is under a name, links not followed. */
export interface StorageEntry {
  readonly isFile: boolean;
  readonly size: number;
  /** Tells apart files of one file system: device and inode. */
  readonly identity: string;
  /** How many names it has. */
  readonly names: number;
  readonly modifiedMs: number;
}

/**
 * The calls by which files are stored. What a crash leaves depends on their order and on nothing else, so tests put a file
 * system in their place that crashes between any two.
 */
export interface StorageFileSystem {
  /** `create` fails when the name is taken; `update` reads and writes what is there; links are not followed. */
  open(path: string, how: "create" | "update" | "read", mode?: number): Promise<StorageFile>;
  /** Replaces what has the name. */
  rename(from: string, to: string): Promise<void>;
  /** A second name. Rejects with EEXIST when it is taken. */
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Undefined when there is nothing. */
  inspect(path: string): Promise<StorageEntry | undefined>;
  list(folder: string): Promise<string[]>;
  /** With those above it; nothing happens when it is there. */
  makeFolder(path: string, mode?: number): Promise<void>;
  /** The names in a folder are on disk. */
  syncFolder(path: string): Promise<void>;
  /** Makes the file as old as the moment. */
  touch(path: string): Promise<void>;
}

/** What systems say that cannot sync a folder. */
const NO_FOLDER_SYNC = new Set(["EPERM", "EACCES", "EISDIR", "EINVAL", "ENOTSUP", "EBADF"]);
/** What file systems without hard links say. */
const NO_HARD_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"]);

const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
const FLAGS = {
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | NO_FOLLOW,
  update: constants.O_RDWR | NO_FOLLOW,
  read: constants.O_RDONLY | NO_FOLLOW,
};

/** The one that Node has. */
export const nodeFileSystem: StorageFileSystem = {
  async open(path, how, mode = 0o600) {
    return storageFile(await open(path, FLAGS[how], mode));
  },
  rename,
  link,
  unlink,
  async inspect(path) {
    try {
      return entryOf(await lstat(path));
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  },
  list: (folder) => readdir(folder),
  async makeFolder(path, mode = 0o700) {
    await mkdir(path, { recursive: true, mode });
  },
  syncFolder: (path) => sharedSync(path),
  touch: (path) => utimes(path, new Date(), new Date()),
};

/** Removes a name that may be gone. */
export async function unlinkIfThere(fileSystem: StorageFileSystem, path: string): Promise<boolean> {
  try {
    await fileSystem.unlink(path);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/**
 * Gives a file a second name that must be free. Where there are no hard links it loses the first: the name is looked up
 * and then taken by a rename. Rejects with EEXIST.
 */
export async function linkOrRename(fileSystem: StorageFileSystem, from: string, to: string): Promise<void> {
  try {
    await fileSystem.link(from, to);
  } catch (error) {
    if (!NO_HARD_LINKS.has(errorCode(error) ?? "")) throw error;
    if ((await fileSystem.inspect(to)) !== undefined) {
      throw Object.assign(new Error(`${to} exists`), { code: "EEXIST" });
    }
    await fileSystem.rename(from, to);
  }
}

function storageFile(handle: FileHandle): StorageFile {
  return {
    async read(target, position) {
      let filled = 0;
      while (filled < target.length) {
        const { bytesRead } = await handle.read(target, filled, target.length - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    },
    async write(octets, position) {
      let written = 0;
      while (written < octets.length) {
        const { bytesWritten } = await handle.write(
          octets,
          written,
          octets.length - written,
          position + written,
        );
        written += bytesWritten;
      }
    },
    truncate: (length) => handle.truncate(length),
    sync: () => handle.datasync(),
    size: async () => (await handle.stat()).size,
    close: () => handle.close(),
  };
}

function entryOf(stats: Stats): StorageEntry {
  return {
    isFile: stats.isFile(),
    size: stats.size,
    identity: `${stats.dev}:${stats.ino}`,
    names: stats.nlink,
    modifiedMs: stats.mtimeMs,
  };
}

interface FolderSync {
  running: Promise<void>;
  next: Promise<void> | undefined;
}

const folderSyncs = new Map<string, FolderSync>();

/**
 * Group commit: a sync covers the names that were made before it began, so all who ask while one runs share the one that
 * follows it.
 */
function sharedSync(path: string): Promise<void> {
  const current = folderSyncs.get(path);
  if (current !== undefined) {
    current.next ??= current.running.then(
      () => startSync(path),
      () => startSync(path),
    );
    return current.next;
  }
  return startSync(path);
}

function startSync(path: string): Promise<void> {
  const entry: FolderSync = { running: syncNow(path), next: undefined };
  folderSyncs.set(path, entry);
  const forget = () => {
    if (entry.next === undefined && folderSyncs.get(path) === entry) folderSyncs.delete(path);
  };
  entry.running.then(forget, forget);
  return entry.running;
}

async function syncNow(path: string): Promise<void> {
  try {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    if (!NO_FOLDER_SYNC.has(errorCode(error) ?? "")) throw error;
  }
}
