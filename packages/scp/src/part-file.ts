import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import type { WireTime, WireTimes } from "./control-line.js";
import { childPath } from "./local-path.js";

/** What a file gets when it is whole. */
export interface FinalAttributes {
  /** Set exactly, whatever the umask is. Undefined: that of {@link createPartFile}, less the umask. */
  readonly mode: number | undefined;
  readonly times: WireTimes | undefined;
}

/** A file that is not there yet. */
export interface PartFile {
  write(chunks: Buffer[]): Promise<void>;
  /** Gives it its name, in place of what had it before. */
  commit(attributes: FinalAttributes): Promise<void>;
  /** Removes it. */
  discard(): Promise<void>;
}

/**
 * Starts a file beside `path`, under a hidden name (`.waybill-<16 hexadecimal digits>.part`) until it is whole. A link under
 * the final name is replaced, not followed.
 */
export async function createPartFile(path: string, mode: number): Promise<PartFile> {
  const partPath = childPath(dirname(path), `.waybill-${randomBytes(8).toString("hex")}.part`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
  const handle = await open(partPath, flags, mode);
  return {
    write: (chunks) => writeAll(handle, chunks),
    async commit({ mode: finalMode, times }) {
      if (times !== undefined) await handle.utimes(toSeconds(times.accessed), toSeconds(times.modified));
      if (finalMode !== undefined) await handle.chmod(finalMode);
      await handle.close();
      await rename(partPath, path);
    },
    async discard() {
      await handle.close().catch(() => {});
      await unlink(partPath).catch(() => {});
    },
  };
}

/** Writes into what is there and is no file: a device, a pipe. */
export async function openSpecialFile(path: string): Promise<PartFile> {
  const handle = await open(path, constants.O_WRONLY);
  return {
    write: (chunks) => writeAll(handle, chunks),
    commit: () => handle.close(),
    discard: () => handle.close().catch(() => {}),
  };
}

export function toSeconds({ seconds, microseconds }: WireTime): number {
  return seconds + microseconds / 1_000_000;
}

async function writeAll(handle: FileHandle, chunks: Buffer[]): Promise<void> {
  let rest = chunks;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest);
    rest = after(rest, bytesWritten);
  }
}

/** What is left of `chunks` after a write that took `bytes` of them. */
function after(chunks: Buffer[], bytes: number): Buffer[] {
  let taken = bytes;
  let index = 0;
  for (; index < chunks.length && taken >= chunks[index]!.length; index++) taken -= chunks[index]!.length;
  if (index === chunks.length) return [];
  return [chunks[index]!.subarray(taken), ...chunks.slice(index + 1)];
}
