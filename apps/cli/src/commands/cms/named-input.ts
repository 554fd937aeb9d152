import { createReadStream, type Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { addAbortSignal, Readable } from "node:stream";
import { lentChunks } from "@waybill/cms-security";
import { errorCode, errorMessage, TransferError } from "@waybill/net-core";
import { TransferBar } from "./transfer-bar.js";

/** The name that stands for the standard input. */
export const STANDARD_INPUT = "-";

/** Octets that are read at once. */
const READ_BYTES = 1024 * 1024;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  EACCES: "access is denied",
};

/** How an input is read. */
export interface InputOptions {
  readonly quiet: boolean;
  readonly signal: AbortSignal;
  /** Whether a piece is not needed any more when the next one is asked for. Default: no. */
  readonly lent?: boolean;
}

/** What to call an input in messages. */
export function inputName(path: string): string {
  return path === STANDARD_INPUT ? "the standard input" : path;
}

/** Before any work is done: the file is there, and is one. Errors: `ERR_FILE_UNREADABLE`. */
export async function requireReadable(path: string): Promise<void> {
  if (path === STANDARD_INPUT) return;
  let stats: Stats;
  try {
    stats = await stat(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  if (stats.isDirectory())
    throw unreadable(path, Object.assign(new Error("it is a folder"), { code: "EISDIR" }));
}

/**
 * Hands the content of a file or of the standard input over in pieces, and shows on a terminal how far it is. Errors, of the
 * pieces: `ERR_FILE_UNREADABLE`, and what the signal gives.
 */
export async function withInput<T>(
  path: string,
  { quiet, signal, lent = false }: InputOptions,
  use: (pieces: AsyncIterable<Buffer>) => Promise<T>,
): Promise<T> {
  const isFile = path !== STANDARD_INPUT;
  const stats = isFile ? await stat(path) : undefined;
  const bar = new TransferBar(process.stderr, {
    name: isFile ? basename(path) : inputName(path),
    totalBytes: stats?.size ?? 0,
    isShown: !quiet && isFile,
  });
  const source = lent && stats?.isFile() ? lentFile(path, signal) : streamOf(path, signal);
  async function* pieces(): AsyncGenerator<Buffer> {
    try {
      for await (const piece of source) {
        bar.add(piece.length);
        yield piece;
      }
    } catch (error) {
      throw signal.aborted ? signal.reason : unreadable(inputName(path), error);
    }
  }
  try {
    return await use(pieces());
  } finally {
    bar.remove();
    if (source instanceof Readable) source.destroy();
  }
}

function streamOf(path: string, signal: AbortSignal): Readable {
  const isFile = path !== STANDARD_INPUT;
  const stream = isFile ? createReadStream(path, { highWaterMark: READ_BYTES }) : process.stdin;
  return addAbortSignal(signal, stream);
}

async function* lentFile(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const file = await open(path);
  try {
    for await (const chunk of lentChunks(file)) {
      signal.throwIfAborted();
      yield chunk;
    }
  } finally {
    await file.close();
  }
}

function unreadable(name: string, error: unknown): TransferError {
  const reason = REASONS[errorCode(error) ?? ""] ?? errorMessage(error);
  return new TransferError("ERR_FILE_UNREADABLE", `cannot read ${name}: ${reason}`, { cause: error });
}
