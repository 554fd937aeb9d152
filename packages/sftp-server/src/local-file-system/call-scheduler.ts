// A call on a warm local file takes 2 microseconds; through libuv's thread pool it takes 20 to 30 and a turn of the
// event loop, which makes small files several times slower. But a call that waits for a disk or for a network holds up
// every session of the process. So calls are made directly as long as they come back at once, and only for half of the
// time; otherwise, and on network file systems always, the thread pool gets them.

/** A direct call that takes longer than this has waited for something. */
const SLOW_CALL_MS = 10;
/** For so long after a slow call the thread pool is used. */
const POOL_AFTER_SLOW_MS = 1000;
/** In each period of this length … */
const PERIOD_MS = 8;
/** … direct calls take at most about this long. */
const MAX_DIRECT_MS = 4;

/** Decides for each call whether it is made directly or in the thread pool. */
export class CallScheduler {
  readonly #direct: boolean;
  readonly #now: () => number;
  #poolUntil = 0;
  #periodEnds = 0;
  #spentMs = 0;

  /** `direct`: whether direct calls are an option at all. `now`: the clock, in milliseconds. */
  constructor(direct: boolean, now: () => number = () => performance.now()) {
    this.#direct = direct;
    this.#now = now;
  }

  /** Makes a call one way or the other. */
  call<T>(direct: () => T, pooled: () => Promise<T>): T | Promise<T> {
    const startedAt = this.#now();
    if (!this.#mayCallDirectly(startedAt)) return pooled();
    try {
      return direct();
    } finally {
      const now = this.#now();
      const took = now - startedAt;
      this.#spentMs += took;
      if (took > SLOW_CALL_MS) this.#poolUntil = now + POOL_AFTER_SLOW_MS;
    }
  }

  #mayCallDirectly(now: number): boolean {
    if (!this.#direct || now < this.#poolUntil) return false;
    if (now >= this.#periodEnds) {
      this.#periodEnds = now + PERIOD_MS;
      this.#spentMs = 0;
    }
    return this.#spentMs < MAX_DIRECT_MS;
  }
}
