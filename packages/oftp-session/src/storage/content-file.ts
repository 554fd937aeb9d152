import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { ensureFolder } from "./storage-environment.js";
import { nodeFileSystem } from "./storage-file-system.js";

/** Octets that are written at a time. */
const WRITE_OCTETS = 1024 * 1024;

/**
 * Writes a file of a certain name: it is whole and on disk when this resolves, and not there when it rejects, unless another one was
 * there before. Chunks must not be changed once they were handed over.
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
  let chunks: Uint8Array[] = [];
  let octets = 0;
  const write = async () => {
    const { bytesWritten } = await handle.writev(chunks);
    if (bytesWritten !== octets) await handle.appendFile(Buffer.concat(chunks).subarray(bytesWritten));
    chunks = [];
    octets = 0;
  };
  for await (const chunk of content) {
    chunks.push(chunk);
    octets += chunk.length;
    if (octets >= WRITE_OCTETS) await write();
  }
  if (octets > 0) await write();
}
