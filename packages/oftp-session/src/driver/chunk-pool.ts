/** Octets that are gathered before a sink gets them. */
export const CHUNK_OCTETS = 512 * 1024;
/** Chunks that are kept for later. */
const KEPT_CHUNKS = 2;

/** Memory for what arrives, used for one file of a session after the other. */
export class ChunkPool {
  readonly #free: Buffer[] = [];

  /** Memory for `octets` at least: a chunk, or less for a file that is known to be small, or more where that is needed. */
  take(octets: number): Buffer {
    if (octets <= CHUNK_OCTETS / 4 || octets > CHUNK_OCTETS) return Buffer.allocUnsafeSlow(octets);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_OCTETS);
  }

  give(chunk: Buffer): void {
    if (chunk.length === CHUNK_OCTETS && this.#free.length < KEPT_CHUNKS) this.#free.push(chunk);
  }
}
