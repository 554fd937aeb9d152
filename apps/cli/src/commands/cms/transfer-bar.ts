import { ProgressDisplay, type ProgressOutput } from "../../progress-display.js";

/** Files that are done sooner get no bar. */
const QUIET_MS = 500;
/** Between two drawings. */
const REDRAW_MS = 100;
const CLEAR_LINE = "\r\u001b[K";

/** What a bar shows. */
export interface BarOptions {
  readonly name: string;
  readonly totalBytes: number;
  readonly isShown: boolean;
}

/** How far a long file is, on a terminal only; it goes away at the end. */
export class TransferBar {
  readonly #output: ProgressOutput;
  readonly #display: ProgressDisplay;
  readonly #options: BarOptions;
  readonly #startedAt = performance.now();
  #bytes = 0;
  #drawnAt: number | undefined;

  constructor(output: ProgressOutput, options: BarOptions) {
    this.#output = output;
    this.#display = new ProgressDisplay(output);
    this.#options = options;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    const { name, totalBytes, isShown } = this.#options;
    const now = performance.now();
    const isDue = now - (this.#drawnAt ?? this.#startedAt + QUIET_MS - REDRAW_MS) >= REDRAW_MS;
    if (!isShown || this.#output.isTTY !== true || !isDue) return;
    this.#drawnAt = now;
    const elapsedMs = now - this.#startedAt;
    const bytesPerSecond = (this.#bytes * 1000) / elapsedMs;
    this.#display.show({ name, bytes: this.#bytes, totalBytes, bytesPerSecond, elapsedMs, ended: false });
  }

  remove(): void {
    if (this.#drawnAt !== undefined) this.#output.write(CLEAR_LINE);
    this.#drawnAt = undefined;
  }
}
