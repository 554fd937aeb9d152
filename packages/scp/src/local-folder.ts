import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { TransferError } from "@waybill/net-core";
import type { WireTimes } from "./control-line.js";
import { decodeName } from "./entry-name.js";
import { notRegularError, wireTimes } from "./file-body.js";
import { childPath } from "./local-path.js";
import { localError, printable } from "./scp-errors.js";
import type { FolderEntry, LocalFileEntry } from "./upload-plan.js";

/** A folder to send, read. */
export interface LocalFolder {
  readonly mode: number;
  readonly times: WireTimes;
  /** Tells a folder from every other, whatever path leads to it. */
  readonly identity: string;
  /** What is in it, in the order of the names' bytes. */
  readonly children: readonly Dirent<Buffer>[];
}

/** A name in a folder that is not sent, and why; without `error` because a link is not followed. */
export interface LeftOut {
  readonly kind: "leftOut";
  readonly path: string;
  readonly name: string;
  readonly error: TransferError | undefined;
}

/** A file or folder to send that was found in a folder. */
export type NamedEntry = LocalFileEntry | (FolderEntry & { readonly name: string });

/** Errors: `ERR_SCP_NO_SUCH_FILE`, `ERR_SCP_LOCAL_FILE`, `ERR_SCP_LINK_LOOP` when it is one of `ancestors`. */
export async function readLocalFolder(path: string, ancestors: readonly string[]): Promise<LocalFolder> {
  try {
    const stats = await stat(path, { bigint: true });
    const identity = `${stats.dev}:${stats.ino}`;
    if (ancestors.includes(identity))
      throw new TransferError("ERR_SCP_LINK_LOOP", `${path} is a link to a folder that it is in`, {
        details: { path },
      });
    const children = await readdir(path, { withFileTypes: true, encoding: "buffer" });
    children.sort((a, b) => Buffer.compare(a.name, b.name));
    return { mode: Number(stats.mode & 0o7777n), times: wireTimes(stats), identity, children };
  } catch (error) {
    throw error instanceof TransferError ? error : localError("read", path, error);
  }
}

/** What a name in a folder is. */
export async function classifyChild(
  folder: string,
  child: Dirent<Buffer>,
  followSymbolicLinks: boolean,
): Promise<NamedEntry | LeftOut> {
  const name = decodeName(child.name);
  if (name === undefined) {
    const lossy = child.name.toString("utf8");
    return { kind: "leftOut", path: childPath(folder, lossy), name: lossy, error: nameEncodingError(lossy) };
  }
  const path = childPath(folder, name);
  if (child.isFile()) return { kind: "file", path, name };
  if (child.isDirectory()) return { kind: "directory", path, name };
  if (child.isSymbolicLink() && !followSymbolicLinks)
    return { kind: "leftOut", path, name, error: undefined };
  if (child.isFIFO() || child.isSocket() || child.isBlockDevice() || child.isCharacterDevice())
    return { kind: "leftOut", path, name, error: notRegularError(path) };
  try {
    // A link, or a file system that does not say what its entries are.
    const stats = await stat(path);
    if (stats.isDirectory()) return { kind: "directory", path, name };
    return stats.isFile()
      ? { kind: "file", path, name }
      : { kind: "leftOut", path, name, error: notRegularError(path) };
  } catch (error) {
    return { kind: "leftOut", path, name, error: localError("read", path, error) };
  }
}

export function nameEncodingError(name: string): TransferError {
  return new TransferError("ERR_SCP_NAME_ENCODING", `the name "${printable(name)}" is not UTF-8: rename it`);
}
