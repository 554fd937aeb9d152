/** One step of one file. */
export interface ScpProgress {
  readonly direction: "upload" | "download";
  readonly state: "start" | "progress" | "end";
  /** The path of the file on the side that it comes from; the name of a stream. */
  readonly path: string;
  readonly localPath: string | undefined;
  readonly remotePath: string;
  /** Bytes of content so far. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** 0 to 100; for an empty file 100. */
  readonly percent: number;
  /** The average since the start. */
  readonly bytesPerSecond: number;
  readonly elapsedMs: number;
}

/** What a meter says about its file. */
export type ProgressSubject = Pick<
  ScpProgress,
  "direction" | "path" | "localPath" | "remotePath" | "totalBytes"
>;

/** Measures one file. Start and end are always told, what is between them only every `intervalMs`. */
export class ProgressMeter {
  readonly #subject: ProgressSubject;
  readonly #intervalMs: number;
  readonly #tell: ((progress: ScpProgress) => void) | undefined;
  readonly #startedAt = performance.now();
  #toldAt = this.#startedAt;
  #bytes = 0;

  constructor(
    subject: ProgressSubject,
    intervalMs: number,
    tell: ((progress: ScpProgress) => void) | undefined,
  ) {
    this.#subject = subject;
    this.#intervalMs = intervalMs;
    this.#tell = tell;
    this.#emit("start");
  }

  get bytes(): number {
    return this.#bytes;
  }

  advance(bytes: number): void {
    this.#bytes += bytes;
    if (this.#tell === undefined) return;
    const now = performance.now();
    if (now - this.#toldAt < this.#intervalMs) return;
    this.#toldAt = now;
    this.#emit("progress");
  }

  end(): void {
    this.#emit("end");
  }

  #emit(state: ScpProgress["state"]): void {
    if (this.#tell === undefined) return;
    const { totalBytes } = this.#subject;
    const elapsedMs = performance.now() - this.#startedAt;
    this.#tell({
      ...this.#subject,
      state,
      bytes: this.#bytes,
      percent: totalBytes === 0 ? 100 : (this.#bytes / totalBytes) * 100,
      bytesPerSecond: elapsedMs === 0 ? 0 : (this.#bytes / elapsedMs) * 1000,
      elapsedMs,
    });
  }
}
