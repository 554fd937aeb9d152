import { chmod, utimes } from "node:fs/promises";
import type { EntryHeader, WireTimes } from "./control-line.js";
import { type LocalDestination, provideFolder } from "./local-target.js";
import type { OddNames } from "./odd-names.js";
import { toSeconds } from "./part-file.js";
import { localError } from "./scp-errors.js";
import type { TransferContext } from "./transfer-context.js";

const PERMISSION_BITS = 0o777;
const OWNER_BITS = 0o700;

/** A folder that the server is in, or the place of what was asked for. */
export interface Frame {
  readonly localPath: string;
  /** Of the folder on the server. */
  readonly remotePath: string;
  /** The same, relative to where {@link Frame.oddNames} start: `.`, `./a`. */
  readonly relativePath: string;
  /** Undefined at the top of what is asked for without a mask: its name is known. */
  readonly oddNames: OddNames | undefined;
  /** Messages that may be about such a name. */
  readonly heldWarnings: string[];
  /** Names, as they were sent, of entries that were refused because of them, to be fetched by their own paths. */
  readonly deferred: string[];
  /** Sets mode and times. */
  readonly finish: () => Promise<void>;
}

/** What {@link Frame.finish} needs. */
export interface IncomingFolder {
  readonly header: EntryHeader;
  readonly times: WireTimes | undefined;
  readonly localPath: string;
  /** Nothing outside of it is written. */
  readonly root: string;
  /** Whether a folder that is there already keeps its mode and times, as the caller's own. */
  readonly keepExisting: boolean;
}

/** Makes the folder, and gives back where it is and how it is finished. Errors: those of {@link provideFolder}. */
export async function receiveFolder(
  context: TransferContext,
  { header, times, localPath, root, keepExisting }: IncomingFolder,
): Promise<Pick<Frame, "localPath" | "finish">> {
  const mode = header.mode & PERMISSION_BITS;
  const destination = await provideFolder(localPath, root, context.options.directoryMode ?? mode);
  const keep = keepExisting && destination.createdMode === undefined;
  const finish = keep ? async () => {} : () => setAttributes(context, destination, mode, times);
  return { localPath: destination.path, finish };
}

async function setAttributes(
  { options }: TransferContext,
  { path, createdMode }: LocalDestination,
  mode: number,
  times: WireTimes | undefined,
): Promise<void> {
  const { preserve, directoryMode } = options;
  // Without `preserve` a new folder has its mode less the umask; what the owner got to write into it goes again.
  const reduced = createdMode === undefined ? undefined : createdMode & (mode | ~OWNER_BITS);
  const finalMode = directoryMode ?? (preserve ? mode : reduced);
  try {
    if (finalMode !== undefined && finalMode !== createdMode) await chmod(path, finalMode);
    if (preserve && times !== undefined)
      await utimes(path, toSeconds(times.accessed), toSeconds(times.modified));
  } catch (error) {
    throw localError("set mode and times of", path, error);
  }
}
