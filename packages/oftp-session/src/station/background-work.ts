/** Pieces of work that may be under way at once. */
const MOST = 16;

/** Work that nobody waits for at once, and whose failure must not be lost. */
export class BackgroundWork {
  readonly #running = new Set<Promise<void>>();
  #failed = false;
  #error: unknown;

  add(work: () => Promise<void>): void {
    const running = work().then(
      () => {
        this.#running.delete(running);
      },
      (error: unknown) => {
        this.#running.delete(running);
        this.#failed = true;
        this.#error = error;
      },
    );
    this.#running.add(running);
  }

  /** Resolves when there may be more of it. Rejects with the error of what failed. */
  async room(): Promise<void> {
    while (this.#running.size >= MOST) await Promise.race(this.#running);
    this.#throwError();
  }

  /** Resolves when nothing is under way. Rejects with the error of what failed. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#throwError();
  }

  #throwError(): void {
    if (!this.#failed) return;
    this.#failed = false;
    throw this.#error;
  }
}
