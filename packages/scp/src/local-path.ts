import { sep } from "node:path";

/**
 * The path of `name` in `folder`. Not `join` of node:path, which resolves `..` without regard to symbolic links and so may
 * name another file than the system does.
 */
export function childPath(folder: string, name: string): string {
  return folder === "" || folder.endsWith(sep) ? `${folder}${name}` : `${folder}${sep}${name}`;
}
