/** How far one file is. Bytes and bytes per second. */
export interface FileProgress {
  readonly name: string;
  readonly bytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
  readonly elapsedMs: number;
  readonly ended: boolean;
}

/** Where progress is shown: a terminal, or any other file. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Shows progress: a line that is drawn again on a terminal, one line a finished file elsewhere. */
export class ProgressDisplay {
  readonly #output: ProgressOutput;

  constructor(output: ProgressOutput) {
    this.#output = output;
  }

  show(progress: FileProgress): void {
    if (this.#output.isTTY) {
      const line = terminalLine(progress, this.#output.columns ?? 80);
      this.#output.write(`\r${line}${progress.ended ? "\n" : ""}`);
    } else if (progress.ended) {
      const seconds = (progress.elapsedMs / 1000).toFixed(1);
      this.#output.write(`${visible(progress.name)} ${progress.bytes} bytes ${seconds} s\n`);
    }
  }
}

const BAR_WIDTH = 20;

/** `name   [#####     ]  50%  1.0 MiB  12.3 MiB/s  00:01` in exactly `columns` - 1 characters, so that nothing wraps. */
export function terminalLine(progress: FileProgress, columns: number): string {
  const share = progress.totalBytes === 0 ? 1 : Math.min(1, progress.bytes / progress.totalBytes);
  const filled = Math.round(share * BAR_WIDTH);
  const left = progress.ended
    ? progress.elapsedMs / 1000
    : (progress.totalBytes - progress.bytes) / Math.max(1, progress.bytesPerSecond);
  const facts = [
    `[${"#".repeat(filled)}${" ".repeat(BAR_WIDTH - filled)}]`,
    `${Math.floor(share * 100)}%`.padStart(4),
    formatBytes(progress.bytes).padStart(10),
    `${formatBytes(progress.bytesPerSecond)}/s`.padStart(12),
    formatDuration(left),
  ].join(" ");
  const room = Math.max(8, columns - 1 - facts.length - 1);
  return `${fit(visible(progress.name), room)} ${facts}`;
}

/** `512 B`, `1.5 KiB`, `20.0 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `01:05`, `2:00:00`, `--:--` when it cannot be told. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds >= 360_000) return "--:--";
  const whole = Math.ceil(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

/** A server chooses names: none of its control characters reaches the terminal. */
function visible(name: string): string {
  return name.replace(/\p{Cc}/gu, "?");
}

function fit(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text + " ".repeat(width - characters.length);
  return `…${characters.slice(characters.length - width + 1).join("")}`;
}
