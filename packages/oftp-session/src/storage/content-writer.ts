import { answerReasons } from "@waybill/oftp-codec";
import { FileRefusedError } from "../file-refused-error.js";
import type { FileTotals } from "../user-monitor.js";
import { type LayoutOptions, type LocalLayout, localLayout, START } from "./local-layout.js";
import type { StorageFile } from "./storage-file-system.js";

/** Octets that are collected before they are written. */
const WRITE_OCTETS = 512 * 1024;

/**
 * Writes content to an empty file in the layout of its format, in large pieces whatever the size of its chunks, the next one being
 * made while one is written. Resolves to how much it was, once all is written (not: synced).
 * Errors: those of the iteration and of the file; `FileRefusedError` with reason 10 (it ends within a record) and 5 (a record is
 * longer than the longest).
 */
export async function writeContent(
  file: StorageFile,
  content: AsyncIterable<Uint8Array>,
  options: LayoutOptions,
): Promise<FileTotals> {
  const layout = localLayout(options, START, true);
  const writer = new ContentWriter(file, layout);
  try {
    for await (const chunk of content) await writer.add(chunk);
    await writer.end();
  } finally {
    await writer.settled();
  }
  if (layout.open) {
    const { code } = answerReasons.invalidRecordCount;
    throw new FileRefusedError(code, "what was inside ends within a record");
  }
  const { records, octets } = layout.position;
  return { records, octets };
}

class ContentWriter {
  readonly #file: StorageFile;
  readonly #layout: LocalLayout;
  #buffer: Buffer = Buffer.allocUnsafeSlow(WRITE_OCTETS);
  #other: Buffer | undefined;
  #filled = 0;
  #at = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: StorageFile, layout: LocalLayout) {
    this.#file = file;
    this.#layout = layout;
  }

  async add(chunk: Uint8Array): Promise<void> {
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + WRITE_OCTETS - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      from += part.length;
      if (this.#filled === WRITE_OCTETS) await this.#flush();
    }
  }

  async end(): Promise<void> {
    if (this.#filled > 0) await this.#flush();
    await this.#writing;
    const end = this.#layout.end();
    if (end.length > 0) await this.#file.write(end, this.#at);
  }

  /** Nothing is being written any more. Never rejects. */
  async settled(): Promise<void> {
    await this.#writing.catch(() => {});
  }

  async #flush(): Promise<void> {
    await this.#writing;
    const local = this.#layout.place(this.#buffer.subarray(0, this.#filled));
    this.#writing = this.#file.write(local, this.#at);
    // It is seen by who waits for it next.
    this.#writing.catch(() => {});
    this.#at += local.length;
    const free = this.#other ?? Buffer.allocUnsafeSlow(WRITE_OCTETS);
    this.#other = this.#buffer;
    this.#buffer = free;
    this.#filled = 0;
  }
}
