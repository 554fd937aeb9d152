/** Bytes that one session may have read ahead, and all sessions of the process together. */
const MAX_SESSION_BYTES = 2 * 1024 * 1024;
const MAX_PROCESS_BYTES = 64 * 1024 * 1024;

let processBytes = 0;

/** Counts what a session has read ahead of its client. */
export class ReadAheadBudget {
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a share, or says that there is none left. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > MAX_SESSION_BYTES || processBytes + bytes > MAX_PROCESS_BYTES) return false;
    this.#bytes += bytes;
    processBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
    processBytes -= bytes;
  }
}
