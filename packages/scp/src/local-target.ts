import type { Stats } from "node:fs";
import { lstat, mkdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, sep } from "node:path";
import { errorCode, optionError, TransferError } from "@waybill/net-core";
import { localError } from "./scp-errors.js";

/** Where what a server sends goes. */
export interface Placement {
  /** The folder that the entry goes into: a real path, without links. */
  readonly folder: string;
  /** The entry's name there. Undefined: the one that it has on the server. */
  readonly name: string | undefined;
  /** Nothing outside of this is written, whatever the server sends. */
  readonly root: string;
  /** A device or pipe that takes the place of the one file. */
  readonly specialFile: string | undefined;
}

/**
 * Finds out what a download's target is: a folder that is there, or the new name of the one entry. Links in it are followed:
 * they are the caller's own. Errors: `ERR_SCP_TARGET_NOT_FOLDER`, `ERR_SCP_LOCAL_FILE`, `ERR_OPTION_INVALID`.
 */
export async function resolveTarget(target: string, several: boolean): Promise<Placement> {
  if (target === "" || target.includes("\0")) throw optionError("target", "must be a path");
  const stats = await look(target, stat);
  if (stats?.isDirectory()) {
    const folder = await realpath(target);
    return { folder, name: undefined, root: folder, specialFile: undefined };
  }
  if (several) throw notFolderError(target);
  const path = stats === undefined ? target : await realpath(target);
  const parent = await realpath(dirname(path)).catch(() => undefined);
  if (parent === undefined) throw notFolderError(dirname(path));
  const root = `${parent.endsWith(sep) ? parent : parent + sep}${basename(path)}`;
  const special = stats !== undefined && !stats.isFile();
  return { folder: parent, name: basename(path), root, specialFile: special ? path : undefined };
}

function notFolderError(path: string): TransferError {
  return new TransferError("ERR_SCP_TARGET_NOT_FOLDER", `there is no folder ${path}: make it first`, {
    details: { path },
  });
}

/** A folder that the contents of a server's folder go into. */
export interface LocalDestination {
  readonly path: string;
  /** Its mode, when it was made for this. */
  readonly createdMode: number | undefined;
}

/**
 * Makes sure that there is a folder under `path`, which is below `root`. A link to a folder is followed only inside of
 * `root`: a server cannot make links, but it could find one that leads out. Errors: `ERR_SCP_UNSAFE_TARGET`,
 * `ERR_SCP_LOCAL_FILE`.
 */
export async function provideFolder(path: string, root: string, mode: number): Promise<LocalDestination> {
  const there = await look(path, lstat);
  if (there === undefined) {
    try {
      // Whatever the mode will be, we have to write into it first.
      await mkdir(path, mode | 0o700);
      return { path, createdMode: (await stat(path)).mode & 0o777 };
    } catch (error) {
      throw localError("make the folder", path, error);
    }
  }
  if (there.isDirectory()) return { path, createdMode: undefined };
  if (!there.isSymbolicLink())
    throw new TransferError("ERR_SCP_LOCAL_FILE", `cannot make the folder ${path}: a file is in its place`, {
      details: { path },
    });
  const real = await realpath(path).catch(() => undefined);
  if (real !== undefined && isInside(root, real) && (await stat(real)).isDirectory())
    return { path: real, createdMode: undefined };
  throw new TransferError(
    "ERR_SCP_UNSAFE_TARGET",
    `${path} is a link that leads out of ${root}, or nowhere: it is not followed`,
    { details: { path } },
  );
}

/** What a file would replace: undefined for nothing. Errors: `ERR_SCP_LOCAL_FILE` for what no file can replace. */
export async function lookAtDestination(path: string): Promise<Stats | undefined> {
  const there = await look(path, lstat);
  if (there === undefined || there.isFile() || there.isSymbolicLink()) return there;
  const what = there.isDirectory() ? "a folder" : "no regular file";
  throw new TransferError("ERR_SCP_LOCAL_FILE", `cannot write ${path}: there is ${what} in its place`, {
    details: { path },
  });
}

async function look(path: string, how: (path: string) => Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await how(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw localError("look at", path, error);
  }
}

function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}
