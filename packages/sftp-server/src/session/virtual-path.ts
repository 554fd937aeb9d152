import { FileSystemError } from "../file-system-error.js";

/** Longest path that is let in, in bytes (Linux's PATH_MAX). */
const MAX_PATH_BYTES = 4096;

/**
 * The normal form of a client's path: absolute, without `.`, `..` and empty names. `..` goes up in the path as it is
 * written and stops at `/`, as in a chroot. A relative path starts at `/`, and the empty path is `/`
 * (draft-ietf-secsh-filexfer-02, section 6.2).
 *
 * Errors: `ERR_INVALID_NAME`, `ERR_NAME_TOO_LONG`.
 */
export function normalizePath(path: string): string {
  checkText(path);
  if (isNormal(path)) return path;
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name === "..") names.pop();
    else names.push(name);
  }
  return `/${names.join("/")}`;
}

/** What no path and no target of a link may be. Errors as {@link normalizePath}. */
export function checkText(path: string): void {
  if (path.includes("\0")) {
    throw new FileSystemError("ERR_INVALID_NAME", "File names cannot contain a zero byte");
  }
  if (path.length > MAX_PATH_BYTES || Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new FileSystemError("ERR_NAME_TOO_LONG");
  }
}

const NOT_NORMAL = /\/\/|\/\.{1,2}(?:\/|$)|.\/$/s;

function isNormal(path: string): boolean {
  return path.startsWith("/") && !NOT_NORMAL.test(path);
}
