import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type RateLimiter, TransferError } from "@waybill/net-core";
import type { WireTime, WireTimes } from "./control-line.js";
import { localError } from "./scp-errors.js";

/** How much of a file is read, and written to the channel, at once. Measured: half of it costs twice the time. */
export const BLOCK_BYTES = 256 * 1024;
const MIN_PIECE_BYTES = 1024;

/** How much to move at once under a limit: not more than what may pass at once. */
export function pieceBytes(limiter: RateLimiter | undefined): number {
  if (limiter === undefined) return BLOCK_BYTES;
  return Math.max(MIN_PIECE_BYTES, Math.min(BLOCK_BYTES, limiter.burstBytes));
}

/** The content of one file on its way out. */
export interface Body {
  readonly size: number;
  /** The next piece, of at most `most` bytes; undefined at the end. The caller may keep it. */
  read(most: number): Promise<Buffer | undefined>;
  /** Called when `size` bytes were read: an error when that was not all, or not the same throughout. */
  check(): Promise<TransferError | undefined>;
  /** Always called at the end. */
  close(): Promise<void>;
}

/** A file on the disk, opened to be sent. */
export interface OpenFile extends Body {
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly times: WireTimes;
}

/** Opens a file to send it. Errors: `ERR_SCP_NO_SUCH_FILE`, `ERR_SCP_LOCAL_FILE`, `ERR_SCP_NOT_REGULAR`. */
export async function openFile(path: string): Promise<OpenFile> {
  let handle: FileHandle | undefined;
  try {
    // Without NONBLOCK the process would wait for someone to write into a named pipe.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) throw notRegularError(path);
    return fileBody(handle, path, stats);
  } catch (error) {
    await handle?.close();
    // Sockets, and devices without a driver.
    if (error instanceof Error && "code" in error && error.code === "ENXIO") throw notRegularError(path);
    throw error instanceof TransferError ? error : localError("read", path, error);
  }
}

export function notRegularError(path: string): TransferError {
  return new TransferError("ERR_SCP_NOT_REGULAR", `${path} is neither a file nor a folder`, {
    details: { path },
  });
}

export function changedError(path: string, how: string): TransferError {
  return new TransferError("ERR_SCP_FILE_CHANGED", `${path} ${how} while it was sent: send it again`, {
    details: { path },
  });
}

interface FileStats {
  readonly size: bigint;
  readonly mode: bigint;
  readonly mtimeNs: bigint;
  readonly atimeNs: bigint;
}

function fileBody(handle: FileHandle, path: string, stats: FileStats): OpenFile {
  const size = Number(stats.size);
  let position = 0;
  return {
    size,
    mode: Number(stats.mode & 0o7777n),
    times: wireTimes(stats),
    async read(most) {
      const wanted = Math.min(most, size - position);
      if (wanted <= 0) return undefined;
      // A new buffer each time: a channel may keep what it was given after its callback.
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, position);
      position += bytesRead;
      return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
    },
    async check() {
      const now = await handle.stat({ bigint: true });
      if (now.size !== stats.size) return changedError(path, now.size > stats.size ? "grew" : "shrank");
      return now.mtimeNs === stats.mtimeNs ? undefined : changedError(path, "changed");
    },
    close: () => handle.close(),
  };
}

/** The times of a file as `T` lines carry them. */
export function wireTimes(stats: Pick<FileStats, "mtimeNs" | "atimeNs">): WireTimes {
  return { modified: wireTime(stats.mtimeNs), accessed: wireTime(stats.atimeNs) };
}

function wireTime(nanoseconds: bigint): WireTime {
  const microseconds = nanoseconds / 1000n;
  return { seconds: Number(microseconds / 1_000_000n), microseconds: Number(microseconds % 1_000_000n) };
}
