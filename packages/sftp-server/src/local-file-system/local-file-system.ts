import { closeSync, constants, type Stats } from "node:fs";
import { statfs } from "node:fs/promises";
import type { FileAttributes } from "../codec/attributes.js";
import type { AccountNames, FileSystemStatistics } from "../codec/extensions.js";
import { decodeName, encodeName } from "../codec/names.js";
import type { DirectoryHandle, FileHandle, FileSystem, OpenFlags } from "../file-system.js";
import { FileSystemError } from "../file-system-error.js";
import { systemGroups, systemUsers } from "./account-names.js";
import { CallScheduler } from "./call-scheduler.js";
import { findRoot } from "./find-root.js";
import { attributesOf, MODE_BITS, statisticsOf } from "./local-attributes.js";
import { DIRECTORY_BUFFER_ENTRIES, LocalDirectory } from "./local-directory.js";
import { isLocalDisk } from "./local-disk.js";
import { LocalFile } from "./local-file.js";
import { openMode } from "./open-mode.js";
import { PathResolver, type Place } from "./path-resolver.js";
import { renameWithoutReplacing } from "./rename.js";
import { applyAttributes } from "./set-attributes.js";
import { type NativePath, O_PATH, type SystemCalls, systemCalls } from "./system-calls.js";

/** Options of {@link localFileSystem}. */
export interface LocalFileSystemOptions {
  /** Refuse whatever would change something. Default false. */
  readonly readOnly?: boolean;
  /** Tell clients the names of users and groups of this machine, not only their numbers. Default true. */
  readonly showAccountNames?: boolean;
  /**
   * How the short system calls are made: `direct`, on the event loop, is many times faster when the disk is local and
   * still leaves slow calls to the thread pool; `pooled` never waits on the event loop. Default: `direct` when the root is
   * on a local disk, `pooled` on network file systems.
   */
  readonly calls?: "direct" | "pooled";
  /**
   * How paths are held inside the root: `pin` through `/proc/self/fd`, or `check` before and after, which is all that other
   * systems than Linux can do. Default: `pin` where it works.
   */
  readonly containment?: "pin" | "check";
}

/**
 * The folder `root` and what is in it, as the whole world of an SFTP client: its `/` is `root`.
 *
 * Nothing outside is ever reached: `..` stops at the root, and symbolic links are followed as in a chroot, with `/` in a
 * target meaning the root (a target that begins with the root's real path works too). That holds also when folders
 * and links are swapped while a request is under way. What the process may not do, the client may not do.
 *
 * Errors: `ERR_ROOT_MISSING`, `ERR_ROOT_NOT_A_DIRECTORY`.
 */
export async function localFileSystem(
  root: string,
  options: LocalFileSystemOptions = {},
): Promise<FileSystem> {
  const realRoot = await findRoot(root);
  const direct =
    options.calls === undefined ? isLocalDisk(await statfs(realRoot)) : options.calls === "direct";
  const calls = systemCalls(new CallScheduler(direct));
  const pin = options.containment === undefined ? undefined : options.containment === "pin";
  return new LocalFileSystem(new PathResolver(realRoot, calls, pin), calls, options);
}

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
const DEFAULT_FILE_MODE = 0o666;
const DEFAULT_FOLDER_MODE = 0o777;

class LocalFileSystem implements FileSystem {
  readonly readOnly: boolean;
  readonly #resolver: PathResolver;
  readonly #calls: SystemCalls;
  readonly #showAccountNames: boolean;

  constructor(resolver: PathResolver, calls: SystemCalls, options: LocalFileSystemOptions) {
    this.readOnly = options.readOnly ?? false;
    this.#resolver = resolver;
    this.#calls = calls;
    this.#showAccountNames = options.showAccountNames ?? true;
  }

  async open(path: string, flags: OpenFlags, attributes: FileAttributes): Promise<FileHandle> {
    if (flags.write || flags.create || flags.truncate) this.#checkWritable();
    const exclusive = flags.create && flags.exclusive;
    return this.#at(path, !exclusive, async (place) => {
      // Before opening, because opening a FIFO or a device can do something already.
      if (place.stats !== undefined) checkRegular(place.stats);
      const mode =
        attributes.permissions === undefined ? DEFAULT_FILE_MODE : attributes.permissions & MODE_BITS;
      const fd = await this.#calls.open(place.path, openMode(flags), mode);
      try {
        const stats = await this.#calls.fstat(fd);
        checkRegular(stats);
        if (!this.#resolver.pins && !(await this.#resolver.isInside(place, stats))) {
          throw new FileSystemError("ERR_NO_SUCH_FILE");
        }
        if (flags.truncate && stats.size > 0) {
          await this.#calls.ftruncate(fd, 0);
          stats.size = 0;
        }
        const statfsPath = this.#resolver.pathOfOpen(fd) ?? place.path;
        return new LocalFile({ fd, stats, calls: this.#calls, statfsPath, readOnly: this.readOnly });
      } catch (error) {
        closeSync(fd);
        throw error;
      }
    });
  }

  async opendir(path: string): Promise<DirectoryHandle> {
    return this.#at(path, true, async (place) => {
      const options = { encoding: "buffer" as BufferEncoding, bufferSize: DIRECTORY_BUFFER_ENTRIES };
      const parts = { calls: this.#calls, showAccountNames: this.#showAccountNames };
      if (!this.#resolver.pins) {
        const base = place.path;
        return new LocalDirectory({
          ...parts,
          dir: await this.#calls.opendir(base, options),
          pin: undefined,
          base,
        });
      }
      const pin = await this.#calls.open(place.path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      try {
        const base = this.#resolver.pathOfOpen(pin)!;
        return new LocalDirectory({ ...parts, dir: await this.#calls.opendir(base, options), pin, base });
      } catch (error) {
        closeSync(pin);
        throw error;
      }
    });
  }

  async stat(path: string): Promise<FileAttributes> {
    return this.#at(path, true, (place) => {
      if (place.stats === undefined) throw new FileSystemError("ERR_NO_SUCH_FILE");
      return attributesOf(place.stats);
    });
  }

  async lstat(path: string): Promise<FileAttributes> {
    return this.#at(path, false, async (place) =>
      attributesOf(place.stats ?? (await this.#calls.lstat(place.path))),
    );
  }

  async setstat(path: string, attributes: FileAttributes): Promise<void> {
    this.#checkWritable();
    await this.#at(path, true, async (place) => {
      if (!this.#resolver.pins) {
        if (place.stats === undefined) throw new FileSystemError("ERR_NO_SUCH_FILE");
        await this.#setAttributes(place.path, place.stats, attributes);
        return;
      }
      // Only a file that is held can be changed without following a link that somebody put in its place.
      const pin = await this.#calls.open(place.path, O_PATH | O_NOFOLLOW);
      try {
        const stats = await this.#calls.fstat(pin);
        if (stats.isSymbolicLink()) throw new FileSystemError("ERR_TOO_MANY_LINKS");
        await this.#setAttributes(this.#resolver.pathOfOpen(pin)!, stats, attributes);
      } finally {
        closeSync(pin);
      }
    });
  }

  async lsetstat(path: string, attributes: FileAttributes): Promise<void> {
    this.#checkWritable();
    await this.#at(path, false, async (place) => {
      const stats = place.stats ?? (await this.#calls.lstat(place.path));
      if (!stats.isSymbolicLink()) return this.setstat(path, attributes);
      return applyAttributes(attributes, {
        size: () => Promise.reject(new FileSystemError("ERR_INVALID_ARGUMENT")),
        mode: () =>
          Promise.reject(new FileSystemError("ERR_NOT_SUPPORTED", "Links have no permissions here")),
        owner: (uid, gid) => this.#calls.lchown(place.path, uid, gid),
        times: (accessed, modified) => this.#calls.lutimes(place.path, accessed, modified),
      });
    });
  }

  async mkdir(path: string, attributes: FileAttributes): Promise<void> {
    this.#checkWritable();
    const { permissions } = attributes;
    const mode = permissions === undefined ? DEFAULT_FOLDER_MODE : permissions & MODE_BITS;
    await this.#at(path, false, (place) => this.#calls.mkdir(place.path, mode));
  }

  async rmdir(path: string): Promise<void> {
    this.#checkWritable();
    await this.#at(path, false, (place) => {
      checkNotRoot(place);
      return this.#calls.rmdir(place.path);
    });
  }

  async remove(path: string): Promise<void> {
    this.#checkWritable();
    await this.#at(path, false, (place) => {
      checkNotRoot(place);
      return this.#calls.unlink(place.path);
    });
  }

  async rename(from: string, to: string): Promise<void> {
    this.#checkWritable();
    await this.#atBoth(from, to, (source, target) =>
      renameWithoutReplacing(source.path, target.path, this.#calls),
    );
  }

  async posixRename(from: string, to: string): Promise<void> {
    this.#checkWritable();
    await this.#atBoth(from, to, (source, target) => this.#calls.rename(source.path, target.path));
  }

  async hardlink(existing: string, path: string): Promise<void> {
    this.#checkWritable();
    await this.#atBoth(existing, path, (source, target) => this.#calls.link(source.path, target.path));
  }

  async symlink(target: string, path: string): Promise<void> {
    this.#checkWritable();
    await this.#at(path, false, (place) => this.#calls.symlink(encodeName(target), place.path));
  }

  async readlink(path: string): Promise<string> {
    return this.#at(path, false, async (place) =>
      this.#resolver.targetForClient(decodeName(await this.#calls.readlink(place.path))),
    );
  }

  async realpath(path: string): Promise<string> {
    return this.#at(path, true, (place) => `/${place.realNames.join("/")}`);
  }

  async statvfs(path: string): Promise<FileSystemStatistics> {
    return this.#at(path, true, async (place) => {
      if (place.stats === undefined) throw new FileSystemError("ERR_NO_SUCH_FILE");
      return statisticsOf(await this.#calls.statfs(place.path), place.stats.dev);
    });
  }

  async accountNames(users: readonly number[], groups: readonly number[]): Promise<AccountNames> {
    if (!this.#showAccountNames) return { users: users.map(() => ""), groups: groups.map(() => "") };
    const userNames = await systemUsers.names();
    const groupNames = await systemGroups.names();
    return {
      users: users.map((id) => userNames.get(id) ?? ""),
      groups: groups.map((id) => groupNames.get(id) ?? ""),
    };
  }

  #checkWritable(): void {
    if (this.readOnly) throw new FileSystemError("ERR_READ_ONLY");
  }

  async #at<T>(path: string, followLast: boolean, work: (place: Place) => T | Promise<T>): Promise<T> {
    const place = await this.#resolver.locate(path, followLast);
    try {
      return await work(place);
    } finally {
      place.release();
    }
  }

  #atBoth<T>(from: string, to: string, work: (from: Place, to: Place) => T | Promise<T>): Promise<T> {
    return this.#at(from, false, (source) => {
      checkNotRoot(source);
      return this.#at(to, false, (target) => {
        checkNotRoot(target);
        return work(source, target);
      });
    });
  }

  /** `path` leads to a file that is not a link, or to one that is held; `stats` are its. */
  #setAttributes(path: NativePath, stats: Stats, attributes: FileAttributes): Promise<void> {
    return applyAttributes(attributes, {
      size: (size) => this.#truncate(path, stats, size),
      mode: (mode) => this.#calls.chmod(path, mode & MODE_BITS),
      owner: (uid, gid) => this.#calls.chown(path, uid, gid),
      times: (accessed, modified) => this.#calls.utimes(path, accessed, modified),
    });
  }

  async #truncate(path: NativePath, stats: Stats, size: number): Promise<void> {
    checkRegular(stats);
    const fd = await this.#calls.open(path, O_WRONLY | O_NONBLOCK);
    try {
      await this.#calls.ftruncate(fd, size);
    } finally {
      closeSync(fd);
    }
  }
}

function checkRegular(stats: Stats): void {
  if (stats.isDirectory()) throw new FileSystemError("ERR_IS_A_DIRECTORY");
  if (!stats.isFile()) throw new FileSystemError("ERR_NOT_A_REGULAR_FILE");
}

function checkNotRoot(place: Place): void {
  if (place.name === "") throw new FileSystemError("ERR_PERMISSION_DENIED");
}
