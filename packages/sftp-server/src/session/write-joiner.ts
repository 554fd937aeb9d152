import type { FileHandle } from "../file-system.js";
import type { ContentVersion } from "./content-version.js";

/** A write that goes to the file in one call is at most about this long. */
const MAX_JOINED_BYTES = 1024 * 1024;
/** ... and has at most this many pieces (Linux's IOV_MAX is 1,024). */
const MAX_JOINED_PIECES = 512;

/** A WRITE request on its way to the file. */
export interface PendingWrite {
  readonly offset: number;
  readonly length: number;
  readonly data: readonly Buffer[];
  /** Called once, when the data are written or cannot be. */
  done(error?: unknown): void;
}

/**
 * Writes to one handle, in order, one call at a time: what came in during a call goes into the next one, adjacent
 * requests joined.
 */
export class WriteJoiner {
  readonly #file: FileHandle;
  readonly #version: ContentVersion;
  readonly #append: boolean;
  #waiting: PendingWrite[] = [];
  #writing = false;

  /** `append`: the positions of requests mean nothing, all are adjacent. */
  constructor(file: FileHandle, version: ContentVersion, append: boolean) {
    this.#file = file;
    this.#version = version;
    this.#append = append;
  }

  write(request: PendingWrite): void {
    this.#waiting.push(request);
    if (!this.#writing) this.#writeNext();
  }

  #writeNext(): void {
    const batch = this.#takeBatch();
    if (batch.length === 0) return;
    this.#writing = true;
    this.#writeBatch(batch).then(
      () => this.#finish(batch),
      (error: unknown) => this.#fail(batch, error),
    );
  }

  #takeBatch(): PendingWrite[] {
    let count = 0;
    let bytes = 0;
    let pieces = 0;
    let end: number | undefined;
    for (const { offset, length, data } of this.#waiting) {
      const fits = bytes + length <= MAX_JOINED_BYTES && pieces + data.length <= MAX_JOINED_PIECES;
      if (count > 0 && (!fits || (offset !== end && !this.#append))) break;
      count += 1;
      bytes += length;
      pieces += data.length;
      end = offset + length;
    }
    return this.#waiting.splice(0, count);
  }

  async #writeBatch(batch: readonly PendingWrite[]): Promise<void> {
    const first = batch[0]!;
    const data = batch.length === 1 ? first.data : batch.flatMap((request) => request.data);
    // Before and after: what others read ahead meanwhile may be half old and half new.
    this.#version.bump();
    try {
      await this.#file.write(data, first.offset);
    } finally {
      this.#version.bump();
    }
  }

  #finish(batch: readonly PendingWrite[]): void {
    this.#writing = false;
    for (const request of batch) request.done();
    if (!this.#writing) this.#writeNext();
  }

  #fail(batch: readonly PendingWrite[], error: unknown): void {
    // Some of the joined requests may have been fine. Written again one by one, each gets its own answer; not so
    // when appending, where it would write twice.
    if (batch.length > 1 && !this.#append) {
      void this.#writeEach(batch);
      return;
    }
    this.#writing = false;
    for (const request of batch) request.done(error);
    if (!this.#writing) this.#writeNext();
  }

  async #writeEach(batch: readonly PendingWrite[]): Promise<void> {
    for (const request of batch) {
      try {
        await this.#writeBatch([request]);
        request.done();
      } catch (error) {
        request.done(error);
      }
    }
    this.#writing = false;
    this.#writeNext();
  }
}
