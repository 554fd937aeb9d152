import { dirname } from "node:path";
import { type LockAuthority, processAuthority } from "./process-lock.js";
import { nodeFileSystem, type StorageFileSystem } from "./storage-file-system.js";

/** What stands under the inbox; tests put something else in its place. */
export interface StorageEnvironment {
  readonly fileSystem: StorageFileSystem;
  readonly authority: LockAuthority;
}

export const realEnvironment: StorageEnvironment = {
  fileSystem: nodeFileSystem,
  authority: processAuthority,
};

/** A folder is there, and will be after a crash. */
export async function ensureFolder(fileSystem: StorageFileSystem, path: string, mode: number): Promise<void> {
  if ((await fileSystem.inspect(path)) !== undefined) return;
  await fileSystem.makeFolder(path, mode);
  await fileSystem.syncFolder(dirname(path));
}
