import { realpath, stat } from "node:fs/promises";
import { errorCode, TransferError } from "@waybill/net-core";

/** The real path of a root folder. Errors: `ERR_ROOT_MISSING`, `ERR_ROOT_NOT_A_DIRECTORY`. */
export async function findRoot(root: string): Promise<string> {
  let realRoot: string;
  let isFolder: boolean;
  try {
    realRoot = await realpath(root);
    isFolder = (await stat(realRoot)).isDirectory();
  } catch (error) {
    const missing = errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR";
    const why = missing ? "does not exist: make the folder first" : "cannot be read: check its permissions";
    throw new TransferError("ERR_ROOT_MISSING", `The root folder ${root} ${why}.`, { cause: error });
  }
  if (!isFolder) throw new TransferError("ERR_ROOT_NOT_A_DIRECTORY", `The root ${root} is not a folder.`);
  return realRoot;
}
