import { join } from "node:path";
import { errorCode, errorMessage, TransferError } from "@waybill/net-core";
import type { OverwriteRule } from "./final-name.js";
import { acquireProcessLock, type ProcessLock } from "./process-lock.js";
import { settleWholeFiles } from "./settle-whole-files.js";
import { realEnvironment, type StorageEnvironment } from "./storage-environment.js";
import { unlinkIfThere } from "./storage-file-system.js";
import { checkpointName, parseWholeName, partName, type ReceptionLedger } from "./whole-file.js";

/** Options of {@link recoverInbox}. */
export interface RecoverInboxOptions {
  readonly partialFolder: string;
  readonly ledger: Pick<ReceptionLedger, "lookUp" | "moved">;
  /** As for the sinks. Default `rename`. */
  readonly overwrite?: OverwriteRule;
  /** Partial files that nobody has written for so long are removed. Default: never. */
  readonly partialLifetimeMs?: number;
  /** Hears of files that could not be dealt with (`ERR_OFTP_INBOX_RECOVERY`); the others go on. Default: nobody. */
  readonly onProblem?: (error: TransferError) => void;
}

/** What {@link recoverInbox} did. */
export interface InboxRecovery {
  /** Recorded files that have their final names now, and those. */
  readonly delivered: readonly { readonly key: string; readonly finalPath: string }[];
  /** Files that wait for another session. */
  readonly restartable: number;
  /** Partial files that were too old. */
  readonly removed: number;
}

const OWN_NAME = /^([0-9a-f]{40})\./;
const LOCK_KEY = /^([0-9a-z-]+)\.[^.]+\.[0-9a-f]{16}\.lock$/;

/**
 * Ends what a crash interrupted: call it when a station starts, before its first session. Other processes may be at work in
 * the folder; what they hold is left alone.
 */
export async function recoverInbox(
  options: RecoverInboxOptions,
  environment: StorageEnvironment = realEnvironment,
): Promise<InboxRecovery> {
  const { fileSystem } = environment;
  const names = await fileSystem.list(options.partialFolder).catch((error) => {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  });
  const delivered: { key: string; finalPath: string }[] = [];
  let restartable = 0;
  let removed = 0;
  const keys = new Set(names.flatMap((name) => OWN_NAME.exec(name)?.[1] ?? []));
  for (const key of keys) {
    const lock = await lockFor(key, options, environment);
    if (lock === undefined) continue;
    try {
      const { partialFolder, ledger, overwrite = "rename" } = options;
      const settled = await settleWholeFiles(
        key,
        lock.entries,
        partialFolder,
        overwrite,
        ledger,
        environment,
      );
      delivered.push(...settled.delivered.map((finalPath) => ({ key, finalPath })));
      const left = await tidyPartial(key, options, environment);
      if (left === "kept") restartable += 1;
      if (left === "removed") removed += 1;
    } catch (error) {
      options.onProblem?.(problem(options.partialFolder, error));
    } finally {
      await lock.release();
    }
  }
  await removeDeadLocks(names, options, environment);
  return { delivered, restartable, removed };
}

async function lockFor(
  key: string,
  { partialFolder, onProblem }: RecoverInboxOptions,
  { fileSystem, authority }: StorageEnvironment,
): Promise<ProcessLock | undefined> {
  try {
    return await acquireProcessLock(partialFolder, key, fileSystem, authority);
  } catch (error) {
    onProblem?.(problem(partialFolder, error));
    return undefined;
  }
}

async function tidyPartial(
  key: string,
  { partialFolder, partialLifetimeMs = Number.POSITIVE_INFINITY }: RecoverInboxOptions,
  { fileSystem }: StorageEnvironment,
): Promise<"kept" | "removed" | "nothing"> {
  const names = (await fileSystem.list(partialFolder)).filter((name) => name.startsWith(`${key}.`));
  const whole = names.filter((name) => parseWholeName(partialFolder, name) !== undefined);
  const content = names.includes(partName(key)) ? partName(key) : whole[0];
  const entry = content === undefined ? undefined : await fileSystem.inspect(join(partialFolder, content));
  if (entry !== undefined && Date.now() - entry.modifiedMs < partialLifetimeMs) return "kept";
  for (const name of [checkpointName(key), partName(key), ...whole]) {
    if (names.includes(name)) await unlinkIfThere(fileSystem, join(partialFolder, name));
  }
  return entry === undefined ? "nothing" : "removed";
}

/** Whoever takes a lock removes those of the dead; nobody may ask for these again. */
async function removeDeadLocks(
  names: readonly string[],
  { partialFolder }: RecoverInboxOptions,
  { fileSystem, authority }: StorageEnvironment,
): Promise<void> {
  for (const key of new Set(names.flatMap((name) => LOCK_KEY.exec(name)?.[1] ?? []))) {
    const lock = await acquireProcessLock(partialFolder, key, fileSystem, authority).catch(() => undefined);
    await lock?.release();
  }
}

function problem(folder: string, error: unknown): TransferError {
  const message = `A received file in ${folder} could not be recovered: ${errorMessage(error)}`;
  return new TransferError("ERR_OFTP_INBOX_RECOVERY", message, { cause: error, details: { folder } });
}
