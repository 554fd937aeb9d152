import { randomBytes } from "node:crypto";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { writeWholeFile } from "./content-file.js";
import { type LocalOutgoingFile, localOutgoingFile, type OutgoingFileOptions } from "./outgoing-file.js";

/** A file that was made from a stream. */
export interface SpooledOutgoingFile extends LocalOutgoingFile {
  /** Where its content is. `localOutgoingFile` makes the same file of it after a restart. */
  readonly path: string;
  /** Removes the content: once it is sent and nobody needs it. */
  remove(): Promise<void>;
}

/**
 * Writes a stream to a file in `folder` (made with the mode 0700 when it is missing) and makes that an outgoing file: the size
 * of a file must be known before it is sent, and a restart reads it again. The content is on disk when this resolves; when
 * it rejects, nothing is left.
 * Errors: those of the stream and of `localOutgoingFile`.
 */
export async function spoolOutgoingFile(
  stream: AsyncIterable<Uint8Array | string>,
  folder: string,
  options: OutgoingFileOptions,
): Promise<SpooledOutgoingFile> {
  const path = await spoolContent(stream, folder);
  try {
    const file = await localOutgoingFile({ ...options, path });
    return { ...file, path, remove: () => unlink(path) };
  } catch (error) {
    await unlink(path).catch(() => {});
    throw error;
  }
}

/** Only the file: resolves to its path once the content is on disk. */
export async function spoolContent(
  stream: AsyncIterable<Uint8Array | string>,
  folder: string,
): Promise<string> {
  const path = join(folder, `spool-${randomBytes(8).toString("hex")}`);
  await writeWholeFile(path, async (handle) => {
    for await (const chunk of stream) await handle.appendFile(chunk);
  });
  return path;
}
