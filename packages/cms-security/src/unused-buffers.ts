/**
 * V8 looks for young buffers that nobody uses any more when there are 32 MiB of them. One of that size which nobody ever touches
 * takes no memory, and makes it look earlier.
 */
const LOOK_BYTES = 32 * 1024 * 1024;
/** Of content. More often costs more time than memory is saved. */
const LOOK_AFTER_BYTES = 8 * 1024 * 1024;

/** Keeps buffers that nobody uses any more from gathering: it makes V8 look for them after some content each time. */
export class UnusedBuffers {
  #passedBytes = 0;

  /** So much content was passed on, and the buffers that it came from and was in are of no use any more. */
  passed(bytes: number): void {
    this.#passedBytes += bytes;
    if (this.#passedBytes < LOOK_AFTER_BYTES) return;
    this.#passedBytes = 0;
    void new ArrayBuffer(LOOK_BYTES);
  }
}
