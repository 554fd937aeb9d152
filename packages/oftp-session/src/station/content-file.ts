import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "@waybill/cert-store";
import { ensureFolder } from "../storage/storage-environment.js";
import { nodeFileSystem } from "../storage/storage-file-system.js";

/** Octets that are written at a time. */
const WRITE_OCTETS = 1024 * 1024;

/** Writes a file of a certain name: it is whole and on disk when this resolves, and not there when it rejects. */
export async function writeContentFile(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  await ensureFolder(nodeFileSystem, dirname(path), 0o700);
  const partPath = `${path}.part`;
  const handle = await open(partPath, "w", 0o600);
  try {
    try {
      await writeAll(handle, content);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(partPath, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await unlink(partPath).catch(() => {});
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
