import type { Stats } from "node:fs";
import type { FileAttributes } from "../codec/attributes.js";
import type { FileSystemStatistics } from "../codec/extensions.js";
import type { FileHandle } from "../file-system.js";
import { FileSystemError } from "../file-system-error.js";
import { attributesOf, MODE_BITS, statisticsOf } from "./local-attributes.js";
import { applyAttributes } from "./set-attributes.js";
import type { NativePath, SystemCalls } from "./system-calls.js";

/** So much is read or written without the thread pool: it takes less time than the way there. */
const QUICK_BYTES = 64 * 1024;
/** Closing a file after more than this was written may take a while. */
const QUICK_CLOSE_BYTES = 1024 * 1024;

/** What an open file is made of. */
export interface LocalFileParts {
  readonly fd: number;
  readonly stats: Stats;
  readonly calls: SystemCalls;
  /** A path to the open file for the statistics of its file system. */
  readonly statfsPath: NativePath;
  /** The mode of a file can be set through a handle that is open for reading. */
  readonly readOnly: boolean;
}

/** A regular file of this machine that is open. */
export class LocalFile implements FileHandle {
  readonly identity: string;
  readonly #fd: number;
  readonly #calls: SystemCalls;
  readonly #statfsPath: NativePath;
  readonly #readOnly: boolean;
  readonly #device: number;
  /** As far as known here; only a hint. */
  #size: number;
  #written = 0;

  constructor({ fd, stats, calls, statfsPath, readOnly }: LocalFileParts) {
    this.#fd = fd;
    this.#calls = calls;
    this.#statfsPath = statfsPath;
    this.#readOnly = readOnly;
    this.#device = stats.dev;
    this.#size = stats.size;
    this.identity = `local:${stats.dev}:${stats.ino}`;
  }

  async read(buffers: readonly Buffer[], position: number): Promise<number> {
    const wanted = totalBytes(buffers);
    const quick = Math.min(wanted, this.#size - position) <= QUICK_BYTES;
    return quick
      ? this.#calls.readvQuick(this.#fd, buffers, position)
      : this.#calls.readv(this.#fd, buffers, position);
  }

  async write(buffers: readonly Buffer[], position: number): Promise<void> {
    const wanted = totalBytes(buffers);
    let left = buffers;
    let done = 0;
    while (done < wanted) {
      const count = await (wanted <= QUICK_BYTES
        ? this.#calls.writevQuick(this.#fd, left, position + done)
        : this.#calls.writev(this.#fd, left, position + done));
      if (count === 0) throw new FileSystemError("ERR_INPUT_OUTPUT", "Nothing could be written");
      done += count;
      if (done < wanted) left = withoutFirst(left, count);
    }
    this.#written += wanted;
    this.#size = Math.max(this.#size, position + wanted);
  }

  async stat(): Promise<FileAttributes> {
    const stats = await this.#calls.fstat(this.#fd);
    this.#size = stats.size;
    return attributesOf(stats);
  }

  async setstat(attributes: FileAttributes): Promise<void> {
    if (this.#readOnly) throw new FileSystemError("ERR_READ_ONLY");
    const fd = this.#fd;
    await applyAttributes(attributes, {
      size: (size) => this.#calls.ftruncate(fd, size),
      mode: (mode) => this.#calls.fchmod(fd, mode & MODE_BITS),
      owner: (uid, gid) => this.#calls.fchown(fd, uid, gid),
      times: (accessed, modified) => this.#calls.futimes(fd, accessed, modified),
    });
    if (attributes.size !== undefined) this.#size = attributes.size;
  }

  async sync(): Promise<void> {
    await this.#calls.fsync(this.#fd);
  }

  async statvfs(): Promise<FileSystemStatistics> {
    return statisticsOf(await this.#calls.statfs(this.#statfsPath), this.#device);
  }

  async close(): Promise<void> {
    if (this.#written > QUICK_CLOSE_BYTES) await this.#calls.closeSlow(this.#fd);
    else await this.#calls.closeQuick(this.#fd);
  }
}

function totalBytes(buffers: readonly Buffer[]): number {
  let total = 0;
  for (const buffer of buffers) total += buffer.length;
  return total;
}

function withoutFirst(buffers: readonly Buffer[], count: number): readonly Buffer[] {
  let skip = count;
  let index = 0;
  while (skip >= buffers[index]!.length) {
    skip -= buffers[index]!.length;
    index += 1;
  }
  return [buffers[index]!.subarray(skip), ...buffers.slice(index + 1)];
}
