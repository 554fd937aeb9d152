import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { abortError, TransferError } from "@waybill/net-core";

/** Whether there is someone to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

export interface AskOptions {
  /** Whether what is typed stays off the screen. Default false. */
  readonly hidden?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Asks on the terminal. Errors: `ERR_ABORTED` when Ctrl-C, Ctrl-D or the signal ends it. */
export function ask(question: string, options: AskOptions = {}): Promise<string> {
  const { hidden = false, signal } = options;
  return new Promise((resolve, reject) => {
    const output = new Writable({
      write(chunk, _encoding, callback) {
        if (!hidden) process.stderr.write(chunk);
        callback();
      },
    });
    // The terminal stops showing what is typed here; only then may anything be typed.
    const lines = createInterface({
      input: process.stdin,
      output,
      terminal: true,
      historySize: 0,
      ...(signal && { signal }),
    });
    process.stderr.write(question);
    let answered = false;
    lines.once("line", (line) => {
      answered = true;
      lines.close();
      resolve(line);
    });
    lines.once("close", () => {
      if (hidden || !answered) process.stderr.write("\n");
      if (answered) return;
      reject(signal?.aborted ? abortError(signal) : new TransferError("ERR_ABORTED", "nothing was entered"));
    });
  });
}
