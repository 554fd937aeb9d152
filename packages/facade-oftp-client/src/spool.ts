import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type FileToSend, type QueuedFile, spoolContent } from "@waybill/oftp-session";

/** A file to send: on disk, in memory, or from a stream, which is written to disk first. */
export type ClientFile = Omit<FileToSend, "path" | "datasetName"> &
  (
    | { readonly path: string; readonly datasetName?: string | undefined }
    | { readonly data: string | Uint8Array | Readable; readonly datasetName: string }
  );

/** Content that came from memory or a stream: its size must be known before it is sent, and a restart reads it again. */
export class Spool {
  readonly #folder: string;

  constructor(work: string) {
    this.#folder = join(work, "spool");
  }

  /** The file as the station takes it. Errors: those of the stream and of the file system. */
  async take(file: ClientFile): Promise<FileToSend> {
    if ("path" in file) return file;
    const { data, ...rest } = file;
    const whole = typeof data === "string" || data instanceof Uint8Array;
    const path = await spoolContent(whole ? once(data) : data, this.#folder);
    return { ...rest, path, afterSending: "remove" };
  }

  /** What was refused, or never queued, is not needed again. */
  async drop({ path }: Pick<QueuedFile, "path">): Promise<void> {
    if (path.startsWith(join(this.#folder, "/"))) await unlink(path).catch(() => {});
  }
}

async function* once<T>(chunk: T): AsyncIterable<T> {
  yield chunk;
}
