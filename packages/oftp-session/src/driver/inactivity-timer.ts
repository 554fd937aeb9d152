/**
 * One timer that is started anew with every buffer of a transfer: it only notes the time then, and looks when it runs out
 * whether that is true.
 */
export class InactivityTimer {
  readonly #onTimeout: () => void;
  /** Asked when it matters: how long the silence may be in the present state. */
  readonly #limitMs: () => number;
  #startedAt = 0;
  #running = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: () => number, onTimeout: () => void) {
    this.#limitMs = limitMs;
    this.#onTimeout = onTimeout;
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#running = true;
    if (this.#timer === undefined) this.#wait(this.#limitMs());
  }

  stop(): void {
    this.#running = false;
  }

  /** Looks again: the limit has become another one. */
  limitChanged(): void {
    if (!this.#running) return;
    clearTimeout(this.#timer);
    this.#wait(this.#startedAt + this.#limitMs() - performance.now());
  }

  /** For good. */
  close(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), Math.max(0, Math.ceil(ms)));
  }

  #look(): void {
    this.#timer = undefined;
    if (!this.#running) return;
    const left = this.#startedAt + this.#limitMs() - performance.now();
    if (left > 0) {
      this.#wait(left);
      return;
    }
    this.#running = false;
    this.#onTimeout();
  }
}
