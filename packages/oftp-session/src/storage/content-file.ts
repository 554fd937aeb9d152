import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { ensureFolder } from "./storage-environment.js";
import { nodeFileSystem } from "./storage-file-system.js";

/** Chunks below this are gathered. */
const SMALL_OCTETS = 64 * 1024;
const GATHERED_OCTETS = 256 * 1024;

/**
 * Writes a file of a certain name: it is whole and on disk when this resolves, and not there when it rejects, unless another one was
 * there before. A chunk is not looked at any more when the next one is asked for.
 */
export function writeContentFile(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  return writeWholeFile(path, (handle) => writeAll(handle, content));
}

/** The same for whoever writes it himself. */
export async function writeWholeFile(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const folder = dirname(path);
  await ensureFolder(nodeFileSystem, folder, 0o700);
  let written = `${path}.part`;
  const handle = await open(written, "w", 0o600);
  try {
    try {
      await write(handle);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(written, path);
    written = path;
    await nodeFileSystem.syncFolder(folder);
  } catch (error) {
    await unlink(written).catch(() => {});
    throw error;
  }
}

async function writeAll(handle: FileHandle, content: AsyncIterable<Uint8Array>): Promise<void> {
  const gathered = Buffer.allocUnsafeSlow(GATHERED_OCTETS);
  let octets = 0;
  const writeGathered = async () => {
    if (octets > 0) await handle.appendFile(gathered.subarray(0, octets));
    octets = 0;
  };
  for await (const chunk of content) {
    const isSmall = chunk.length < SMALL_OCTETS;
    if (!isSmall || octets + chunk.length > GATHERED_OCTETS) await writeGathered();
    if (isSmall) {
      gathered.set(chunk, octets);
      octets += chunk.length;
    } else {
      await handle.appendFile(chunk);
    }
  }
  await writeGathered();
}
