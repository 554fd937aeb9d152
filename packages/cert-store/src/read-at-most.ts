import { type FileHandle, open } from "node:fs/promises";

const CHUNK_BYTES = 64 * 1024;

/** The bytes of a file, or undefined when there are more than `limit`: never more are read, whatever kind of file it is. */
export async function readAtMost(path: string, limit: number): Promise<Buffer | undefined> {
  const file = await open(path, "r");
  try {
    return await readOpenAtMost(file, limit);
  } finally {
    await file.close();
  }
}

/** As {@link readAtMost}, of a file that is open. */
export async function readOpenAtMost(file: FileHandle, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES);
    total += bytesRead;
    if (total > limit) return undefined;
    if (bytesRead === 0) return Buffer.concat(chunks);
    chunks.push(buffer.subarray(0, bytesRead));
  }
}
