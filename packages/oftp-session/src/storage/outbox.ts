import { basename, dirname, join } from "node:path";
import { errorCode } from "@waybill/net-core";
import { claimFreeName } from "./final-name.js";
import { ensureFolder, realEnvironment } from "./storage-environment.js";
import { linkOrRename, nodeFileSystem, unlinkIfThere } from "./storage-file-system.js";

/** A file that waits to be sent. */
export interface OutboxFile {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** Names that programs give to files which they have not finished. */
const UNFINISHED = /^[.~#]|[~#]$|\.(tmp|temp|part|partial|filepart|crdownload|download|swp|lock)$/i;

/**
 * The files in an outbox that are complete, the oldest first. **Complete is a matter of names**: whoever puts a file there
 * writes it under a name that begins with `.`, `~` or `#`, or ends in `.tmp`, `.temp`, `.part`, `.partial`, `.filepart`,
 * `.crdownload`, `.download`, `.swp`, `.lock`, `~` or `#`, or in another folder of the same file system, and renames it when it is
 * whole. Nothing is concluded from sizes and times that do not change: a program can pause. Folders (`sent`), links and
 * devices are left out. A folder that is not there is empty.
 */
export async function scanOutbox(folder: string): Promise<OutboxFile[]> {
  const names = (await namesIn(folder)).filter((name) => !UNFINISHED.test(name));
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const entry = await nodeFileSystem.inspect(path);
      if (entry?.isFile !== true) return undefined;
      return { path, name, size: entry.size, modifiedMs: entry.modifiedMs };
    }),
  );
  const files = found.filter((file) => file !== undefined);
  return files.sort((a, b) => a.modifiedMs - b.modifiedMs || (a.name < b.name ? -1 : 1));
}

/** What becomes of a file that was sent. */
export interface SettleOptions {
  /** `move`: to `sentFolder`, with a number when its name is taken there. Default `move`. */
  readonly action?: "move" | "delete";
  /** Default: `sent` in the file's folder. Must be on the same file system. */
  readonly sentFolder?: string;
}

/**
 * Takes a file that was sent out of its outbox. Resolves, when that is on disk, to its new path; to undefined when it was
 * deleted or somebody else took it away.
 */
export async function settleSentFile(path: string, options: SettleOptions = {}): Promise<string | undefined> {
  const folder = dirname(path);
  const { action = "move", sentFolder = join(folder, "sent") } = options;
  if (action === "delete") {
    if (await unlinkIfThere(nodeFileSystem, path)) await nodeFileSystem.syncFolder(folder);
    return undefined;
  }
  await ensureFolder(nodeFileSystem, sentFolder, 0o770);
  const moved = await moveToFreeName(path, sentFolder);
  if (moved === undefined) return undefined;
  await nodeFileSystem.syncFolder(sentFolder);
  await unlinkIfThere(nodeFileSystem, path);
  await nodeFileSystem.syncFolder(folder);
  return moved;
}

async function moveToFreeName(path: string, folder: string): Promise<string | undefined> {
  for (;;) {
    const claimed = await claimFreeName(folder, basename(path), folder, realEnvironment);
    if (claimed === undefined) continue;
    try {
      await linkOrRename(nodeFileSystem, path, claimed.path);
      return claimed.path;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      if (errorCode(error) !== "EEXIST") throw error;
    } finally {
      await claimed.release();
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await nodeFileSystem.list(folder);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
