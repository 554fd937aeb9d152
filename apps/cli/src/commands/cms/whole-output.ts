import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { chmod, lstat, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { publishFile, syncFolder } from "@waybill/cert-store";
import { errorCode, errorMessage, isTransferError, TransferError } from "@waybill/net-core";
import { requireWritable, STANDARD_OUTPUT } from "../../output-file.js";

const WRITE_BYTES = 1024 * 1024;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "its folder does not exist",
  ENOTDIR: "its folder does not exist",
  EACCES: "access to its folder is denied",
  ENOSPC: "the disk is full",
  EROFS: "the disk is read-only",
};

/** How an output is written. */
export interface OutputOptions {
  /** Whether a file of that name is replaced. */
  readonly force: boolean;
}

/** How it is written, and until when it may be broken off. */
export interface WholeOutputOptions extends OutputOptions {
  readonly signal: AbortSignal;
  /** Whether a piece must be written before the next one is asked for. Default: no. */
  readonly lent?: boolean;
}

/** Before any work is done. Errors: `ERR_FILE_EXISTS`, `ERR_FILE_UNWRITABLE`. */
export async function requireOutput(path: string, { force }: OutputOptions): Promise<void> {
  await requireWritable([path], force);
  if (path === STANDARD_OUTPUT) return;
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined || stats.isFile() || stats.isSymbolicLink()) return;
  throw new TransferError("ERR_FILE_UNWRITABLE", `${path} is no regular file and is not replaced`);
}

/**
 * Writes a file that appears under its name only when `content` has come to its end without an error, `confirm` has
 * resolved and all of it is on the disk. Until then it has another name in the same folder, for its owner only; when
 * something fails, that goes away.
 *
 * Errors: `ERR_FILE_EXISTS`, `ERR_FILE_UNWRITABLE`, those of `content` and `confirm`, and what the signal gives.
 */
export async function writeWhole<T>(
  path: string,
  content: AsyncIterable<Uint8Array>,
  { force, signal, lent = false }: WholeOutputOptions,
  confirm: () => Promise<T>,
): Promise<T> {
  const temporary = join(dirname(path), `.waybill-${randomBytes(8).toString("hex")}.tmp`);
  try {
    // It closes the file, and before that it brings it to the disk.
    const file = createWriteStream(temporary, {
      flags: "wx",
      mode: 0o600,
      flush: true,
      highWaterMark: lent ? 1 : WRITE_BYTES,
    });
    await pipeline(content, file);
    const confirmed = await confirm();
    await chmod(temporary, 0o666 & ~process.umask());
    await requireOutput(path, { force });
    signal.throwIfAborted();
    await (force ? rename(temporary, path) : publishFile(temporary, path));
    await syncFolder(dirname(path));
    return confirmed;
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw isSystemError(error) ? unwritable(path, error) : error;
  }
}

/** Writes to the standard output. Errors: `ERR_FILE_UNWRITABLE`, and those of `content`. */
export async function writeToStandardOutput(content: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await pipeline(content, process.stdout, { end: false });
  } catch (error) {
    throw isSystemError(error) ? unwritable("the standard output", error) : error;
  }
}

function isSystemError(error: unknown): boolean {
  return !isTransferError(error) && typeof error === "object" && error !== null && "syscall" in error;
}

function unwritable(name: string, error: unknown): TransferError {
  const code = errorCode(error) ?? "";
  if (code === "EEXIST") {
    return new TransferError(
      "ERR_FILE_EXISTS",
      `${name} was made by somebody else meanwhile and is not overwritten`,
      {
        cause: error,
      },
    );
  }
  const reason = REASONS[code] ?? errorMessage(error);
  return new TransferError("ERR_FILE_UNWRITABLE", `cannot write ${name}: ${reason}`, { cause: error });
}
