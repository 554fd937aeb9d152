import { errorCode, optionError, TransferError, throwIfAborted } from "@waybill/net-core";
import type { SshExecutor } from "@waybill/ssh-core";
import { type Placement, resolveTarget } from "./local-target.js";
import type { ScpDownloadOptions } from "./options.js";
import { RemoteCommand } from "./remote-command.js";
import { parseRemotePath, type RemoteRequest } from "./remote-path.js";
import type { ScpResult } from "./result.js";
import { sourceCommand } from "./scp-command.js";
import { aboutEntry, endedError, noMatchError } from "./scp-errors.js";
import { receive } from "./sink-session.js";
import { createContext, type TransferContext } from "./transfer-context.js";
import { TreeReceiver } from "./tree-receiver.js";

/** What is kept in memory of all names, paths and messages. */
const MAX_CHARACTERS = 256 * 1024 * 1024;
/** What concerns one of several paths: the others are still asked for. */
const CONCERNS_ONE_PATH = new Set([
  "ERR_SCP_REMOTE_WARNING",
  "ERR_SCP_REMOTE_FATAL",
  "ERR_SCP_REMOTE_FAILED",
  "ERR_SCP_NO_MATCH",
  "ERR_SCP_ENDED",
  "ERR_SCP_LOCAL_FILE",
  "ERR_SSH_CHANNEL_REFUSED",
]);

/**
 * Receives files and folders from a server with `scp -f`.
 *
 * Remote paths may have masks in them, which the server expands; what it sends then is checked against them. A relative
 * path starts in the user's home, `~/x` and `~user/x` are understood. A folder whose path ends in `.` or `..` gives its
 * contents. `target` is a folder that is there, or else the new name of the one file or folder. With several paths, or a
 * mask, it must be a folder.
 *
 * A file appears under its name when it is whole; until then it is a hidden file beside it, which a failure removes.
 * Nothing outside of the target is written: links in it are replaced by files, and followed to folders only inside of it.
 *
 * One file that fails is a failed entry of the result, and the rest goes on. The promise rejects when nothing more can be
 * done, when the server cannot be trusted, or when the only path fails as a whole: `ERR_SCP_REMOTE_WARNING`,
 * `ERR_SCP_REMOTE_FATAL`, `ERR_SCP_REMOTE_FAILED`, `ERR_SCP_NO_MATCH`, `ERR_SCP_NOT_AVAILABLE`, `ERR_SCP_UNASKED`,
 * `ERR_SCP_UNSAFE_NAME`, `ERR_SCP_UNSAFE_TARGET`, `ERR_SCP_TARGET_NOT_FOLDER`, `ERR_SCP_LOCAL_FILE`, `ERR_SCP_EXISTS`,
 * `ERR_SCP_LIMIT`, `ERR_SCP_PROTOCOL`, `ERR_SCP_ENDED`, `ERR_SCP_TIMEOUT`, `ERR_ABORTED`, `ERR_OPTION_INVALID` and those of
 * the executor. What was done until then is in `details.result`.
 */
export async function download(
  executor: SshExecutor,
  remotePaths: string | readonly string[],
  target: string,
  options: ScpDownloadOptions = {},
): Promise<ScpResult> {
  const context = createContext("download", executor, options);
  const paths = typeof remotePaths === "string" ? [remotePaths] : remotePaths;
  if (paths.length === 0) throw optionError("remotePaths", "must not be empty");
  const requests = paths.map((path) => parseRemotePath(path, context.options.masks));
  throwIfAborted(context.signal);
  const several = requests.length > 1 || requests.some((request) => request.masked);
  const placement = await resolveTarget(target, several);
  const downloader = new Downloader(context, requests.length === 1);
  try {
    for (const request of requests) await downloader.download(request, placement);
  } catch (error) {
    throw context.results.partial(error);
  }
  return context.results.result();
}

class Downloader {
  readonly #context: TransferContext;
  readonly #only: boolean;
  #entriesLeft: number;
  #charactersLeft = MAX_CHARACTERS;

  constructor(context: TransferContext, only: boolean) {
    this.#context = context;
    this.#only = only;
    this.#entriesLeft = context.options.maxEntries;
  }

  /** Downloads one path; its failure is a result, unless it is the only one or ends everything. */
  async download(request: RemoteRequest, placement: Placement): Promise<void> {
    try {
      await this.#run(request, placement, this.#only);
    } catch (error) {
      if (this.#only || !concernsOnePath(error)) throw error;
      this.#context.results.fail(aboutEntry(error, "receive", request.path), request.path);
    }
  }

  async #run(request: RemoteRequest, placement: Placement, only: boolean): Promise<void> {
    const { options, results } = this.#context;
    const failedBefore = results.failed;
    const times = options.preserve || options.overwrite === "newer";
    const command = await RemoteCommand.start(this.#context, sourceCommand(options, request, times));
    const receiver = new TreeReceiver(this.#context, {
      request,
      placement,
      only: only && !request.masked,
      count: (characters) => this.#count(characters),
      fetchApart: (odd, where) => this.#fetchApart(odd.remotePath, where),
    });
    try {
      await receive(this.#context, command, receiver);
      const failure = command.failure(await command.finish());
      command.close();
      await receiver.finish();
      const explained = results.failed > failedBefore || receiver.hasRefused;
      if (!explained && !receiver.hasTopEntry && request.masked) throw noMatchError(request.path);
      if (!explained && failure !== undefined) throw failure;
      if (!explained && !receiver.hasTopEntry) throw endedError("it sent nothing");
    } catch (error) {
      if (!only && concernsOnePath(error)) await command.end();
      await receiver.abandon();
      throw error;
    } finally {
      command.close();
    }
    const partial = receiver.hasEntered || (request.masked && receiver.hasTopEntry);
    if (only && !partial) this.#throwFailure();
  }

  /** Fetches an entry as a path of its own. */
  async #fetchApart(remotePath: string, placement: Placement): Promise<void> {
    const request = parseRemotePath(remotePath, false);
    try {
      await this.#run(request, placement, false);
    } catch (error) {
      if (!concernsOnePath(error)) throw error;
      this.#context.results.fail(aboutEntry(error, "receive", remotePath), remotePath);
    }
  }

  #count(characters: number): void {
    const { maxEntries } = this.#context.options;
    this.#charactersLeft -= characters;
    if (this.#entriesLeft-- > 0 && this.#charactersLeft >= 0) return;
    const reason =
      this.#charactersLeft < 0
        ? `names and messages of more than ${MAX_CHARACTERS} characters`
        : `more than ${maxEntries} entries: raise maxEntries if they are meant`;
    throw new TransferError("ERR_SCP_LIMIT", `the server sent ${reason}`);
  }

  #throwFailure(): void {
    for (const { error } of this.#context.results.result().files) if (error !== undefined) throw error;
  }
}

function concernsOnePath(error: unknown): boolean {
  return CONCERNS_ONE_PATH.has(errorCode(error) ?? "");
}
