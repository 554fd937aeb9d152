import type { FileHandle } from "node:fs/promises";

/** Enough for a call to the system, and little enough to stay in a processor's cache. */
const CHUNK_BYTES = 256 * 1024;

/**
 * The content of a file from its current position on, lent: two buffers take turns, and a chunk is good until the next one is
 * asked for. It goes with `reuseBuffers` of {@link seal}; whoever keeps chunks needs other ones. One chunk is read ahead.
 * The file stays open.
 *
 * Errors: those of `read`.
 */
export async function* lentChunks(file: FileHandle): AsyncGenerator<Buffer, void, undefined> {
  const buffers = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)] as const;
  let reading: Promise<Buffer> | undefined;
  const read = async (buffer: Buffer) => {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    return buffer.subarray(0, bytesRead);
  };
  try {
    for (let turn = 0; ; turn += 1) {
      const chunk = await (reading ?? read(buffers[0]));
      if (chunk.length === 0) return;
      reading = read(buffers[turn % 2 === 0 ? 1 : 0]);
      // Whoever stops here never sees it fail.
      reading.catch(() => {});
      yield chunk;
    }
  } finally {
    // Nobody may close the file before.
    await reading?.catch(() => {});
  }
}
