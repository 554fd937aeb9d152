import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { UsageError } from "./usage-error.js";

/** Whether there is someone to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Asks on the terminal. With `hidden`, what is typed does not show. Errors: {@link UsageError} when Ctrl-C or Ctrl-D ends it. */
export function ask(
  question: string,
  { hidden = false }: { readonly hidden?: boolean } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    process.stderr.write(question);
    const output = new Writable({
      write(chunk, _encoding, callback) {
        if (!hidden) process.stderr.write(chunk);
        callback();
      },
    });
    const lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
    let answered = false;
    lines.once("line", (line) => {
      answered = true;
      lines.close();
      resolve(line);
    });
    lines.once("close", () => {
      if (hidden || !answered) process.stderr.write("\n");
      if (!answered) reject(new UsageError("nothing was entered"));
    });
  });
}
