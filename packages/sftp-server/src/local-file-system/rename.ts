import { errorCode } from "@waybill/net-core";
import { FileSystemError } from "../file-system-error.js";
import type { NativePath, SystemCalls } from "./system-calls.js";

/** What link(2) says where there are no hard links, or none to this file: then renaming may still work. */
const NO_LINKS = new Set(["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EXDEV", "EMLINK"]);

/**
 * Renames, but never over something that is there. A regular file is linked under its new name and unlinked under its old
 * one, so that nothing made meanwhile is lost; for the rest, looking first is the best there is.
 *
 * Error: `ERR_FILE_EXISTS`, and those of the system.
 */
export async function renameWithoutReplacing(
  from: NativePath,
  to: NativePath,
  calls: SystemCalls,
): Promise<void> {
  const stats = await calls.lstat(from);
  if (stats.isFile() && (await linkedAs(from, to, calls))) {
    try {
      await calls.unlinkQuick(from);
    } catch (error) {
      await calls.unlinkQuick(to);
      throw error;
    }
    return;
  }
  if ((await calls.lstatIfThere(to)) !== undefined) throw new FileSystemError("ERR_FILE_EXISTS");
  await calls.rename(from, to);
}

async function linkedAs(from: NativePath, to: NativePath, calls: SystemCalls): Promise<boolean> {
  try {
    await calls.link(from, to);
    return true;
  } catch (error) {
    if (NO_LINKS.has(errorCode(error) ?? "")) return false;
    throw error;
  }
}
