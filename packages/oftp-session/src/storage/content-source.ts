import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { asFileUnreadable, fileChanged, fileUnreadable } from "./storage-errors.js";

/** Octets that are read at a time. */
export const READ_OCTETS = 512 * 1024;

/** Content that can be read again and again and is always the same. */
export interface ContentSource {
  readonly name: string;
  readonly size: number;
  /** Changes when the content does. */
  readonly fingerprint: string;
  /** All from `offset` on, in new chunks. Errors: `ERR_OFTP_FILE_CHANGED`, `ERR_OFTP_FILE_UNREADABLE`. */
  read(offset: number): AsyncIterable<Uint8Array>;
  /** The same, before anything is read. */
  check(): Promise<void>;
}

/** Content in memory. It must not be changed. */
export function memorySource(content: Uint8Array): ContentSource {
  return {
    name: "(memory)",
    size: content.length,
    fingerprint: createHash("sha256").update(content).digest("hex"),
    async *read(offset) {
      for (let at = offset; at < content.length; at += READ_OCTETS)
        yield content.subarray(at, at + READ_OCTETS);
    },
    async check() {},
  };
}

/** A file, as it is now. Errors: `ERR_OFTP_FILE_UNREADABLE`. */
export async function fileSource(path: string): Promise<ContentSource> {
  let stats: BigIntStats;
  try {
    stats = await stat(path, { bigint: true });
    if (!stats.isFile()) throw fileUnreadable(path, "it is no regular file");
    await (await open(path, "r")).close();
  } catch (error) {
    throw asFileUnreadable(path, error);
  }
  const size = Number(stats.size);
  const fingerprint = fingerprintOf(stats);
  const requireSame = (now: BigIntStats) => {
    if (now.size > stats.size) throw fileChanged(path, "it grew");
    if (now.size < stats.size) throw fileChanged(path, "it shrank");
    if (fingerprintOf(now) !== fingerprint)
      throw fileChanged(path, "somebody wrote it or put another in its place");
  };
  return {
    name: path,
    size,
    fingerprint,
    read: (offset) => readFileFrom(path, offset, size, requireSame),
    async check() {
      try {
        requireSame(await stat(path, { bigint: true }));
      } catch (error) {
        throw asFileUnreadable(path, error);
      }
    },
  };
}

function fingerprintOf({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev}-${ino}-${size}-${mtimeNs}`;
}

/** Reads exactly to `size`, one chunk ahead of who takes them. */
async function* readFileFrom(
  path: string,
  offset: number,
  size: number,
  requireSame: (stats: BigIntStats) => void,
): AsyncGenerator<Uint8Array> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    throw asFileUnreadable(path, error);
  }
  let next: Promise<Uint8Array> | undefined;
  try {
    requireSame(await handle.stat({ bigint: true }));
    let at = offset;
    while (at < size) {
      const chunk = await (next ?? readChunk(handle, path, at, size));
      at += chunk.length;
      next = at < size ? readChunk(handle, path, at, size) : undefined;
      // Whoever stops here never sees it fail.
      next?.catch(() => {});
      if (at === size) requireSame(await handle.stat({ bigint: true }));
      yield chunk;
    }
  } finally {
    await next?.catch(() => {});
    await handle.close();
  }
}

async function readChunk(handle: FileHandle, path: string, at: number, size: number): Promise<Uint8Array> {
  const wanted = Math.min(READ_OCTETS, size - at);
  const chunk = Buffer.allocUnsafeSlow(wanted);
  let filled = 0;
  while (filled < wanted) {
    let bytesRead: number;
    try {
      ({ bytesRead } = await handle.read(chunk, filled, wanted - filled, at + filled));
    } catch (error) {
      throw asFileUnreadable(path, error);
    }
    if (bytesRead === 0) throw fileChanged(path, "it shrank");
    filled += bytesRead;
  }
  return chunk;
}
