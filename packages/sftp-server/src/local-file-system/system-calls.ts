import * as fs from "node:fs";
import { promisify } from "node:util";
import type { CallScheduler } from "./call-scheduler.js";

/** A path as the system gets it: bytes when it is not UTF-8. */
export type NativePath = string | Buffer;

/** Linux's O_PATH: names a file without opening its content. Node does not export it. */
export const O_PATH = 0o10000000;

const pooled = {
  open: promisify(fs.open),
  close: promisify(fs.close),
  fstat: promisify(fs.fstat),
  fchmod: promisify(fs.fchmod),
  fchown: promisify(fs.fchown),
  futimes: promisify(fs.futimes),
  ftruncate: promisify(fs.ftruncate),
  fsync: promisify(fs.fsync),
  readv: promisify(fs.readv),
  writev: promisify(fs.writev),
  opendir: promisify(fs.opendir),
};

/**
 * The system calls that the local file system makes, made directly or in the thread pool as the scheduler says: always
 * await them. Those that can take long whatever the disk (truncating, removing, syncing) always go to the pool.
 */
export function systemCalls(scheduler: CallScheduler) {
  const call = <T>(direct: () => T, inPool: () => Promise<T>) => scheduler.call(direct, inPool);
  return {
    open: (path: NativePath, flags: number, mode?: number) =>
      call(
        () => fs.openSync(path, flags, mode),
        () => pooled.open(path, flags, mode),
      ),
    fstat: (fd: number) =>
      call(
        () => fs.fstatSync(fd),
        () => pooled.fstat(fd),
      ),
    lstat: (path: NativePath) =>
      call(
        () => fs.lstatSync(path),
        () => fs.promises.lstat(path),
      ),
    /** Undefined when there is nothing of that name. */
    lstatIfThere: (path: NativePath) =>
      call(
        () => fs.lstatSync(path, { throwIfNoEntry: false }),
        () => fs.promises.lstat(path).catch(undefinedIfMissing),
      ),
    readlink: (path: NativePath): Buffer | Promise<Buffer> =>
      call(
        () => fs.readlinkSync(path, { encoding: "buffer" }),
        () => fs.promises.readlink(path, { encoding: "buffer" }),
      ),
    mkdir: (path: NativePath, mode: number) =>
      call<unknown>(
        () => fs.mkdirSync(path, { mode }),
        () => fs.promises.mkdir(path, { mode }),
      ),
    rename: (from: NativePath, to: NativePath) =>
      call(
        () => fs.renameSync(from, to),
        () => fs.promises.rename(from, to),
      ),
    link: (existing: NativePath, path: NativePath) =>
      call(
        () => fs.linkSync(existing, path),
        () => fs.promises.link(existing, path),
      ),
    symlink: (target: NativePath, path: NativePath) =>
      call(
        () => fs.symlinkSync(target, path),
        () => fs.promises.symlink(target, path),
      ),
    chmod: (path: NativePath, mode: number) =>
      call(
        () => fs.chmodSync(path, mode),
        () => fs.promises.chmod(path, mode),
      ),
    chown: (path: NativePath, uid: number, gid: number) =>
      call(
        () => fs.chownSync(path, uid, gid),
        () => fs.promises.chown(path, uid, gid),
      ),
    lchown: (path: NativePath, uid: number, gid: number) =>
      call(
        () => fs.lchownSync(path, uid, gid),
        () => fs.promises.lchown(path, uid, gid),
      ),
    utimes: (path: NativePath, accessed: number, modified: number) =>
      call(
        () => fs.utimesSync(path, accessed, modified),
        () => fs.promises.utimes(path, accessed, modified),
      ),
    lutimes: (path: NativePath, accessed: number, modified: number) =>
      call(
        () => fs.lutimesSync(path, accessed, modified),
        () => fs.promises.lutimes(path, accessed, modified),
      ),
    fchmod: (fd: number, mode: number) =>
      call(
        () => fs.fchmodSync(fd, mode),
        () => pooled.fchmod(fd, mode),
      ),
    fchown: (fd: number, uid: number, gid: number) =>
      call(
        () => fs.fchownSync(fd, uid, gid),
        () => pooled.fchown(fd, uid, gid),
      ),
    futimes: (fd: number, accessed: number, modified: number) =>
      call(
        () => fs.futimesSync(fd, accessed, modified),
        () => pooled.futimes(fd, accessed, modified),
      ),
    statfs: (path: NativePath) =>
      call(
        () => fs.statfsSync(path, { bigint: true }),
        () => fs.promises.statfs(path, { bigint: true }),
      ),
    closeQuick: (fd: number) =>
      call(
        () => fs.closeSync(fd),
        () => pooled.close(fd),
      ),
    closeSlow: pooled.close,
    ftruncate: pooled.ftruncate,
    fsync: pooled.fsync,
    unlink: (path: NativePath) => fs.promises.unlink(path),
    /** For a file that has another name too: nothing of its content has to be freed. */
    unlinkQuick: (path: NativePath) =>
      call(
        () => fs.unlinkSync(path),
        () => fs.promises.unlink(path),
      ),
    rmdir: (path: NativePath) => fs.promises.rmdir(path),
    opendir: (path: NativePath, options: fs.OpenDirOptions) => pooled.opendir(path, options),
    async readv(fd: number, buffers: readonly Buffer[], position: number): Promise<number> {
      return (await pooled.readv(fd, buffers, position)).bytesRead;
    },
    async writev(fd: number, buffers: readonly Buffer[], position: number): Promise<number> {
      return (await pooled.writev(fd, buffers, position)).bytesWritten;
    },
    /** For small parts that are probably in memory. */
    readvQuick: (fd: number, buffers: readonly Buffer[], position: number): number | Promise<number> =>
      call(
        () => fs.readvSync(fd, buffers, position),
        async () => (await pooled.readv(fd, buffers, position)).bytesRead,
      ),
    writevQuick: (fd: number, buffers: readonly Buffer[], position: number): number | Promise<number> =>
      call(
        () => fs.writevSync(fd, buffers, position),
        async () => (await pooled.writev(fd, buffers, position)).bytesWritten,
      ),
  };
}

export type SystemCalls = ReturnType<typeof systemCalls>;

function undefinedIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
  throw error;
}
