import { randomBytes } from "node:crypto";
import { link, lstat, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode, errorMessage, isTransferError, type TransferError } from "@waybill/net-core";
import { errorSource } from "./error-source.js";

/** What file systems without hard links say. */
const NO_HARD_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"]);
/** What systems say that cannot sync a folder. */
const NO_FOLDER_SYNC = new Set(["EPERM", "EACCES", "EISDIR", "EINVAL", "ENOTSUP"]);

/** Options of {@link writeNewFile}. */
export interface WriteNewFileOptions {
  /** Whether a file of that name is replaced. Default false. */
  readonly replace?: boolean | undefined;
}

/**
 * Writes a file that must not be there yet: it appears under its name whole and on the disk, or not at all. `mode` is its
 * mode, whatever the umask says. Errors: `ERR_KEY_EXISTS`, `ERR_KEY_NOT_WRITTEN`.
 */
export async function writeNewFile(
  path: string,
  data: string | Uint8Array,
  mode: number,
  options: WriteNewFileOptions = {},
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.chmod(mode);
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await (options.replace === true ? rename(temporary, path) : publish(temporary, path));
    await syncFolder(dirname(path));
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw asKeyError(path, error);
  }
}

/** Errors: `ERR_KEY_EXISTS` when there is something at `path`, be it a broken link. */
export async function requireAbsent(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw asKeyError(path, error);
  }
  throw keyExists(path);
}

/**
 * Gives a file its final name, which nobody may have: a link fails when it is taken, where a rename replaces.
 * `linkFile` is there for tests.
 */
export async function publish(temporary: string, path: string, linkFile: typeof link = link): Promise<void> {
  try {
    await linkFile(temporary, path);
  } catch (error) {
    if (!NO_HARD_LINKS.has(errorCode(error) ?? "")) throw error;
    // The name is claimed with an empty file, which is replaced at once.
    await (await open(path, "wx")).close();
    return rename(temporary, path);
  }
  await unlink(temporary);
}

/** Puts the names in a folder on the disk, where the system can. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    if (!NO_FOLDER_SYNC.has(errorCode(error) ?? "")) throw error;
  }
}

function keyExists(path: string, cause?: unknown): TransferError {
  return errorSource(path).error("ERR_KEY_EXISTS", "the file exists already and is not overwritten", cause);
}

function asKeyError(path: string, error: unknown): TransferError {
  if (isTransferError(error)) return error;
  const code = errorCode(error);
  if (code === "EEXIST") return keyExists(path, error);
  const reason = code === "ENOENT" ? "its folder does not exist" : (code ?? errorMessage(error));
  return errorSource(path).error("ERR_KEY_NOT_WRITTEN", `the file cannot be written (${reason})`, error);
}
