/** The longest that `setTimeout` can wait. */
const LONGEST_MS = 2 ** 31 - 1;

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
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer that waits is going to look. */
  #looksAt = Number.POSITIVE_INFINITY;

  constructor(limitMs: () => number, onTimeout: () => void) {
    this.#limitMs = limitMs;
    this.#onTimeout = onTimeout;
  }

  start(): void {
    if (this.#closed) return;
    this.#startedAt = performance.now();
    this.#running = true;
    this.limitChanged();
  }

  /** Something moved: the silence starts now, if anybody waits for its end. */
  touch(): void {
    if (this.#running) this.#startedAt = performance.now();
  }

  stop(): void {
    this.#running = false;
  }

  /** Looks earlier when the limit has become a shorter one. */
  limitChanged(): void {
    if (!this.#running) return;
    const deadline = this.#startedAt + this.#limitMs();
    if (deadline < this.#looksAt) this.#wait(deadline);
  }

  /** For good. */
  close(): void {
    this.#closed = true;
    this.#running = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(deadline: number): void {
    clearTimeout(this.#timer);
    const ms = Math.min(LONGEST_MS, Math.max(0, Math.ceil(deadline - performance.now())));
    this.#looksAt = deadline;
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  #look(): void {
    this.#timer = undefined;
    this.#looksAt = Number.POSITIVE_INFINITY;
    if (!this.#running) return;
    const deadline = this.#startedAt + this.#limitMs();
    if (deadline > performance.now()) {
      this.#wait(deadline);
      return;
    }
    this.#running = false;
    this.#onTimeout();
  }
}
