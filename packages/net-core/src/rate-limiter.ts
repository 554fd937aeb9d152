import { Transform } from "node:stream";
import { abortError, throwIfAborted } from "./abort.js";
import { checkInteger } from "./option-checks.js";

/** Where a {@link RateLimiter} gets its time from. */
export interface Clock {
  /** Milliseconds since whenever; never goes back. */
  now(): number;
  /** Calls `action` after `ms`; the function returned calls it off. */
  schedule(action: () => void, ms: number): () => void;
}

/** Options of {@link RateLimiter}. */
export interface RateLimiterOptions {
  /** How many bytes may pass at once after a pause. Default: what passes in a quarter of a second. */
  readonly burstBytes?: number | undefined;
  /** For tests. Default: the system's monotonic clock and timers. */
  readonly clock?: Clock | undefined;
}

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
}

const systemClock: Clock = {
  now: () => performance.now(),
  schedule: (action, ms) => {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};

/** Streams that share a limiter take turns after this much. */
const TURN_BYTES = 64 * 1024;
const BURSTS_PER_SECOND = 4;

/**
 * A bandwidth limit for any number of streams together: a token bucket that starts full. Requests are served in the
 * order in which they came, in pieces of at most 64 KiB or the burst, so that a large one does not keep the others
 * waiting. What a timer that fires late has cost is made up for, up to the burst.
 */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #burst: number | undefined;
  readonly #queue: Waiter[] = [];
  #rate: number;
  #tokens: number;
  #filledAt: number;
  #callOff: (() => void) | undefined;

  /** Errors: `ERR_OPTION_INVALID`, unless rate and burst are integers of at least 1. */
  constructor(bytesPerSecond: number, options: RateLimiterOptions = {}) {
    this.#rate = checkBytes("bytesPerSecond", bytesPerSecond, 1);
    this.#burst =
      options.burstBytes === undefined ? undefined : checkBytes("burstBytes", options.burstBytes, 1);
    this.#clock = options.clock ?? systemClock;
    this.#tokens = this.burstBytes;
    this.#filledAt = this.#clock.now();
  }

  get bytesPerSecond(): number {
    return this.#rate;
  }

  /** Holds at once, for requests that wait too. Errors: `ERR_OPTION_INVALID`. */
  set bytesPerSecond(rate: number) {
    checkBytes("bytesPerSecond", rate, 1);
    this.#fill();
    this.#rate = rate;
    this.#serve();
  }

  get burstBytes(): number {
    return this.#burst ?? Math.max(1, Math.floor(this.#rate / BURSTS_PER_SECOND));
  }

  /**
   * Resolves when `bytes` may pass; they count as passed. A wait keeps the process alive.
   * Errors: `ERR_ABORTED` (pieces that were granted before are spent), `ERR_OPTION_INVALID`.
   */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    checkBytes("bytes", bytes, 0);
    for (let left = bytes; left > 0; ) {
      const piece = Math.min(left, this.#pieceBytes);
      await this.#takePiece(piece, signal);
      left -= piece;
    }
  }

  /** A stream that passes bytes on at the limiter's rate. Destroying it takes its request back. */
  stream(): Transform {
    const destroyed = new AbortController();
    const pass = async (chunk: Buffer, push: (piece: Buffer) => void): Promise<void> => {
      for (let at = 0; at < chunk.length; ) {
        const piece = chunk.subarray(at, at + this.#pieceBytes);
        await this.#takePiece(piece.length, destroyed.signal);
        push(piece);
        at += piece.length;
      }
    };
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        pass(chunk, (piece) => this.push(piece)).then(() => done(), done);
      },
      destroy(error, done) {
        destroyed.abort();
        done(error);
      },
    });
  }

  get #pieceBytes(): number {
    return Math.min(TURN_BYTES, this.burstBytes);
  }

  #takePiece(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      throwIfAborted(signal);
      const waiter: Waiter = {
        bytes,
        admit: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        this.#queue.splice(this.#queue.indexOf(waiter), 1);
        reject(abortError(signal));
        this.#serve();
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      // Before it counts as waiting: a pause fills the bucket, no more.
      this.#fill();
      this.#queue.push(waiter);
      if (this.#queue.length === 1) this.#serve();
    });
  }

  #fill(): void {
    const now = this.#clock.now();
    // What is there for the first in line counts as taken when it came in, however late the timer was.
    const most = this.burstBytes + (this.#queue[0]?.bytes ?? 0);
    this.#tokens = Math.min(most, this.#tokens + ((now - this.#filledAt) * this.#rate) / 1000);
    this.#filledAt = now;
  }

  /** Admits those whose turn has come and sets the timer for the next. */
  #serve(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#fill();
    for (;;) {
      const first = this.#queue[0];
      if (first === undefined) return;
      if (this.#tokens < first.bytes) {
        const ms = Math.max(1, Math.ceil(((first.bytes - this.#tokens) * 1000) / this.#rate));
        this.#callOff = this.#clock.schedule(() => this.#serve(), ms);
        return;
      }
      this.#tokens -= first.bytes;
      this.#queue.shift();
      first.admit();
    }
  }
}

function checkBytes(option: string, value: number, least: 0 | 1): number {
  return checkInteger(option, value, least, Number.MAX_SAFE_INTEGER);
}
