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
  const read = async (buffer: Buffer) => {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    return buffer.subarray(0, bytesRead);
  };
  let buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let other = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let reading = read(buffer);
  try {
    for (;;) {
      const chunk = await reading;
      if (chunk.length === 0) return;
      [buffer, other] = [other, buffer];
      reading = read(buffer);
      // Whoever stops here never sees it fail.
      reading.catch(() => {});
      yield chunk;
    }
  } finally {
    // Nobody may close the file before.
    await reading.catch(() => {});
  }
}
