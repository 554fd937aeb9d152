import { isTransferError } from "@waybill/net-core";
import { type ErrorSource, errorSource } from "./error-source.js";
import { MAX_KEY_LIST_LINE } from "./limits.js";

/** Options of `parseAuthorizedKeys` and `parseKnownHosts`. */
export interface KeyListOptions {
  /** Stands in the messages of problems. */
  readonly fileName?: string;
}

/** A line that was left out. */
export interface KeyListProblem {
  /** From 1. */
  readonly line: number;
  /** One sentence with the file's name, the line's number and the reason. */
  readonly message: string;
}

/**
 * Calls `read` for every line that is not empty and not a comment. A line for which it throws a TransferError is a
 * problem.
 */
export function readKeyList(
  data: string | Uint8Array,
  options: KeyListOptions,
  read: (content: string, line: number, source: ErrorSource) => void,
): KeyListProblem[] {
  const problems: KeyListProblem[] = [];
  const text = typeof data === "string" ? data : Buffer.from(data).toString("utf8");
  for (const [index, raw] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    const name = options.fileName === undefined ? `line ${line}` : `${options.fileName}, line ${line}`;
    const source = errorSource(name);
    try {
      if (content.length > MAX_KEY_LIST_LINE) throw source.unsupported("the line is too long");
      read(content, line, source);
    } catch (error) {
      if (!isTransferError(error)) throw error;
      problems.push({ line, message: error.message });
    }
  }
  return problems;
}
