import { errorCode, optionError, TransferError, throwIfAborted } from "@waybill/net-core";
import type { SshExecutor } from "@waybill/ssh-core";
import { EntrySender } from "./entry-sender.js";
import type { ScpSource, ScpUploadOptions } from "./options.js";
import { remoteJoin } from "./remote-path.js";
import type { ScpResult } from "./result.js";
import { sinkCommand } from "./scp-command.js";
import { SourceSession } from "./source-session.js";
import { createContext, type TransferContext } from "./transfer-context.js";
import { planUpload, type UploadEntry, type UploadPlan } from "./upload-plan.js";

/** A session, and where its sink is: in a folder, at the path itself, or (undefined) whichever of them it found. */
interface Target {
  readonly session: SourceSession;
  readonly inFolder: boolean | undefined;
}

/**
 * Sends files, streams and folders to a server with `scp -t`.
 *
 * `remotePath` is a folder that is there, or else the new name of the one source. A relative path starts in the user's
 * home, `~/x` and `~user/x` are understood, everything else is taken literally. With several sources, or a mask, it must
 * be a folder. A folder whose path ends in `.` or `..` gives its contents. Links are followed as `scp` does it.
 *
 * One file that fails is a failed entry of the result, and the rest goes on. The promise rejects when nothing more can be
 * done, or when the only source (a file, a stream, a path that is not there) fails: `ERR_SCP_NO_SUCH_FILE`,
 * `ERR_SCP_NO_MATCH`, `ERR_SCP_IS_FOLDER`, `ERR_SCP_NOT_REGULAR`, `ERR_SCP_LOCAL_FILE`, `ERR_SCP_SOURCE_FAILED`,
 * `ERR_SCP_FILE_CHANGED`, `ERR_SCP_EXISTS`, `ERR_SCP_REMOTE_WARNING`, `ERR_SCP_REMOTE_FATAL`, `ERR_SCP_REMOTE_FAILED`,
 * `ERR_SCP_NOT_AVAILABLE`, `ERR_SCP_PROTOCOL`, `ERR_SCP_ENDED`, `ERR_SCP_TIMEOUT`, `ERR_ABORTED`, `ERR_OPTION_INVALID` and
 * those of the executor. What was done until then is in `details.result`.
 */
export async function upload(
  executor: SshExecutor,
  sources: ScpSource | readonly ScpSource[],
  remotePath: string,
  options: ScpUploadOptions = {},
): Promise<ScpResult> {
  const context = createContext("upload", executor, options);
  const list = isList(sources) ? sources : [sources];
  if (list.length === 0) throw optionError("sources", "must not be empty");
  throwIfAborted(context.signal);
  try {
    const plan = await planUpload(list, context);
    try {
      if (plan.entries.length > 0) await send(context, plan, remotePath);
    } finally {
      // Streams, too, that were skipped or not reached.
      for (const entry of plan.entries) if (entry.kind === "stream") await entry.stream.close();
    }
  } catch (error) {
    throw context.results.partial(error);
  }
  return context.results.result();
}

function isList(sources: ScpSource | readonly ScpSource[]): sources is readonly ScpSource[] {
  return Array.isArray(sources);
}

async function send(context: TransferContext, plan: UploadPlan, remotePath: string): Promise<void> {
  const [first] = plan.entries;
  const onlyFile = !plan.several && first?.kind !== "directory";
  const sender = new EntrySender(context, onlyFile);
  const { session, inFolder } = await openTarget(context, plan, remotePath);
  try {
    for (const entry of plan.entries) {
      const path = inFolder && entry.name !== undefined ? remoteJoin(remotePath, entry.name) : remotePath;
      if (inFolder && entry.kind === "directory" && entry.name === undefined)
        await sender.sendContents(session, entry, path);
      else if (inFolder && entry.name?.includes("\n")) await sender.sendApart(entry, path);
      else await sender.send(session, entry, path);
    }
    const failure = await session.finish();
    // The exit code tells of failures that are known already too.
    if (failure !== undefined && context.results.failed === 0) throw failure;
  } finally {
    session.close();
  }
  if (onlyFile) throwFailure(context);
}

function throwFailure({ results }: TransferContext): void {
  for (const { error } of results.result().files) if (error instanceof TransferError) throw error;
}

/**
 * The sink itself finds out whether its target is a folder, and does not say. Where it matters it is asked with `-d` first,
 * which a target that is no folder fails.
 */
async function openTarget(context: TransferContext, plan: UploadPlan, remotePath: string): Promise<Target> {
  const open = (folder: boolean) =>
    SourceSession.open(context, sinkCommand(context.options, remotePath, folder));
  if (plan.several) return { session: await open(true), inFolder: true };
  if (!placeMatters(context, plan.entries[0])) return { session: await open(false), inFolder: undefined };
  try {
    return { session: await open(true), inFolder: true };
  } catch (error) {
    if (errorCode(error) !== "ERR_SCP_REMOTE_FATAL") throw error;
    return { session: await open(false), inFolder: false };
  }
}

/** For folders, as there may be names with line breaks in them; for such a name itself; and to ask what is there. */
function placeMatters({ options }: TransferContext, entry: UploadEntry | undefined): boolean {
  return entry?.kind === "directory" || entry?.name.includes("\n") === true || options.overwrite !== "always";
}
