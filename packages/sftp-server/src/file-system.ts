import type { FileAttributes } from "./codec/attributes.js";
import type { AccountNames, FileSystemStatistics } from "./codec/extensions.js";

/** How a file is opened (draft-ietf-secsh-filexfer-02, section 6.3). */
export interface OpenFlags {
  readonly read: boolean;
  readonly write: boolean;
  /** Every write goes to the end of the file, whatever its position. */
  readonly append: boolean;
  /** Make the file when it is not there. */
  readonly create: boolean;
  /** Empty the file when it is there. */
  readonly truncate: boolean;
  /** With `create`: fail with `ERR_FILE_EXISTS` when the file is there. */
  readonly exclusive: boolean;
}

/**
 * Where the files of an SFTP session are. Implement it to serve something else than a folder of this machine.
 *
 * - Paths are absolute and in normal form: `/`, `/a`, `/a/b`; never `.`, `..`, an empty name or a zero byte. Bytes that
 *   are not UTF-8 appear as lone surrogates, see `decodeName`.
 * - The session keeps the order that clients may rely on: no method is called while an earlier request that it could
 *   disturb is under way (draft, section 6.1). Requests that only read do run side by side.
 * - Failures are {@link FileSystemError}s or Node's system errors; anything else is logged and told as a plain failure.
 * - A method that is missing is an operation that is not supported (and an extension that is not announced).
 */
export interface FileSystem {
  /** When true, sessions refuse every request that changes something. */
  readonly readOnly?: boolean;

  /** Opens a regular file. `attributes.permissions` are for a file that this makes. */
  open(path: string, flags: OpenFlags, attributes: FileAttributes): Promise<FileHandle>;
  opendir(path: string): Promise<DirectoryHandle>;
  /** Follows symbolic links. */
  stat(path: string): Promise<FileAttributes>;
  lstat(path: string): Promise<FileAttributes>;
  /** Sets what is present. Follows symbolic links. */
  setstat(path: string, attributes: FileAttributes): Promise<void>;
  mkdir(path: string, attributes: FileAttributes): Promise<void>;
  rmdir(path: string): Promise<void>;
  /** Removes a file or a symbolic link, not a folder. */
  remove(path: string): Promise<void>;
  /** Must fail with `ERR_FILE_EXISTS` when `to` exists (draft, section 6.5). */
  rename(from: string, to: string): Promise<void>;
  /** The path without symbolic links in it. Its last name need not exist. */
  realpath(path: string): Promise<string>;

  /** Like `setstat` but on a symbolic link itself: `lsetstat@openssh.com`. */
  lsetstat?(path: string, attributes: FileAttributes): Promise<void>;
  /** Replaces `to` in one step when it exists: `posix-rename@openssh.com`. */
  posixRename?(from: string, to: string): Promise<void>;
  readlink?(path: string): Promise<string>;
  /** `target` is what the client wrote: relative or absolute, not in normal form. */
  symlink?(target: string, path: string): Promise<void>;
  /** `hardlink@openssh.com` */
  hardlink?(existing: string, path: string): Promise<void>;
  /** `statvfs@openssh.com` */
  statvfs?(path: string): Promise<FileSystemStatistics>;
  /** Names of user and group ids, in order, empty where unknown: `users-groups-by-id@openssh.com`. */
  accountNames?(users: readonly number[], groups: readonly number[]): Promise<AccountNames>;
  /** The home of a user, empty for the session's own: `home-directory`, `expand-path@openssh.com`. Default `/`. */
  homeDirectory?(user: string): Promise<string>;
}

/** An open file. */
export interface FileHandle {
  /**
   * A name for the file behind the handle, the same for every handle on that file and for no other file in this
   * process. With it the session keeps handles on one file coherent, and reads ahead. Without it nothing is read ahead.
   */
  readonly identity?: string;

  /** Fills the buffers in order with the bytes from `position` on. Resolves to the count, less only at the end of the file. */
  read(buffers: readonly Buffer[], position: number): Promise<number>;
  /** Writes all of the buffers in order at `position`. The buffers may not be used after it resolves. */
  write(buffers: readonly Buffer[], position: number): Promise<void>;
  stat(): Promise<FileAttributes>;
  setstat(attributes: FileAttributes): Promise<void>;
  /** Called once, last, when nothing else is under way. */
  close(): Promise<void>;
  /** Returns when the content is on the disk: `fsync@openssh.com`. */
  sync?(): Promise<void>;
  /** `fstatvfs@openssh.com` */
  statvfs?(): Promise<FileSystemStatistics>;
}

/** An open folder. */
export interface DirectoryHandle {
  /** The next entries, as many as come easily (a hundred, say); none when there are no more. Without `.` and `..`. */
  read(): Promise<readonly DirectoryEntry[]>;
  close(): Promise<void>;
}

export interface DirectoryEntry {
  /** One name, no path. */
  readonly name: string;
  /** Of the entry itself: symbolic links are not followed. */
  readonly attributes: FileAttributes;
  /** For the line like `ls -l` that the client may show. Defaults: the ids, and one link. */
  readonly userName?: string;
  readonly groupName?: string;
  readonly linkCount?: number;
}
