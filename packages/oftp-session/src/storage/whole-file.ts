import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { errorCode } from "@waybill/net-core";
import type { FileTotals } from "../user-monitor.js";
import { claimFreeName, type OverwriteRule } from "./final-name.js";
import type { StorageEnvironment } from "./storage-environment.js";
import { linkOrRename, unlinkIfThere } from "./storage-file-system.js";

/** A received file at the moment when it becomes the station's. */
export interface StoredFile {
  /** See `receivedFileKey`. */
  readonly key: string;
  /** Tells this reception from earlier and later ones of the same file. */
  readonly receptionId: string;
  /** Where it is going to be. */
  readonly finalPath: string;
  /** Of what was transmitted: what EFID said. A partner that restarts counts in these. */
  readonly totals: FileTotals;
  /** Of what is stored: other than `totals` only when something was opened. */
  readonly contentTotals: FileTotals;
}

/**
 * What the station remembers of received files, on disk, for example in a `StateStore` under `key`. What it says decides
 * after a crash whether a file was received.
 */
export interface ReceptionLedger {
  /**
   * The file is whole and on disk, and is going to be at `finalPath`. Resolves when that, and the end response that is owed for
   * it, are recorded on disk. It replaces an earlier record of the same key.
   */
  stored(file: StoredFile): Promise<void>;
  /** A recorded file goes to another path, as somebody took the first one at the last moment. */
  moved(key: string, receptionId: string, finalPath: string): Promise<void>;
  /** `finalPath` of a recorded reception; undefined when it is not recorded. */
  lookUp(key: string, receptionId: string): Promise<string | undefined>;
  /** The file could not be stored after all, and the partner is told so: the record goes, if there is one. */
  revoke(file: StoredFile): Promise<void>;
}

/**
 * What a whole file in the partial folder is:
 * - `whole`: what was transmitted, laid out as it is going to be; it gets the final name.
 * - `sealed`: what was transmitted, as it was; another file is made of it.
 * - `opened`: what was made of a sealed one, by the same reception; it gets the final name.
 */
export type WholeKind = "whole" | "sealed" | "opened";

/** A whole file in the partial folder: `KEY.RECEPTION.KIND`. */
export interface WholeFile {
  readonly kind: WholeKind;
  readonly folder: string;
  readonly name: string;
  readonly key: string;
  readonly receptionId: string;
}

const WHOLE_NAME = /^([0-9a-f]{40})\.([0-9a-f]{16})\.(whole|sealed|opened)$/;

export const partName = (key: string) => `${key}.part`;
export const checkpointName = (key: string) => `${key}.position`;

export function newReceptionId(): string {
  return randomBytes(8).toString("hex");
}

export function wholeFile(folder: string, key: string, receptionId: string, kind: WholeKind): WholeFile {
  return { kind, folder, name: `${key}.${receptionId}.${kind}`, key, receptionId };
}

export function wholePath({ folder, name }: WholeFile): string {
  return join(folder, name);
}

/** The whole file that a name in the partial folder is of. */
export function parseWholeName(folder: string, name: string): WholeFile | undefined {
  const [, key, receptionId, kind] = WHOLE_NAME.exec(name) ?? [];
  if (key === undefined || receptionId === undefined || kind === undefined) return undefined;
  return { kind: kind as WholeKind, folder, name, key, receptionId };
}

/**
 * Gives a recorded file its final name, and takes that in the partial folder away. Can be done again at any time.
 * `overwrite` other than `replace` never takes a name that somebody has: the ledger is told another path first.
 */
export async function deliver(
  whole: WholeFile,
  finalPath: string,
  overwrite: OverwriteRule,
  ledger: Pick<ReceptionLedger, "moved">,
  environment: StorageEnvironment,
): Promise<string> {
  const { fileSystem } = environment;
  const source = wholePath(whole);
  const delivered =
    overwrite === "replace"
      ? await replace(whole, finalPath, environment)
      : await take(whole, finalPath, ledger, environment);
  try {
    await fileSystem.syncFolder(dirname(delivered));
  } catch (error) {
    await unlinkIfThere(fileSystem, delivered).catch(() => {});
    throw error;
  }
  // What stays is removed by recovery.
  await unlinkIfThere(fileSystem, source).catch(() => {});
  return delivered;
}

async function take(
  whole: WholeFile,
  finalPath: string,
  ledger: Pick<ReceptionLedger, "moved">,
  environment: StorageEnvironment,
): Promise<string> {
  const { fileSystem } = environment;
  const source = wholePath(whole);
  const folder = dirname(finalPath);
  let path = finalPath;
  for (;;) {
    try {
      await linkOrRename(fileSystem, source, path);
      return path;
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    }
    if (await isDelivered(whole, path, environment)) return path;
    const claimed = await claimFreeName(folder, basename(finalPath), whole.folder, environment);
    if (claimed === undefined) continue;
    try {
      await ledger.moved(whole.key, whole.receptionId, claimed.path);
      path = claimed.path;
      await linkOrRename(fileSystem, source, path);
      return path;
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    } finally {
      await claimed.release();
    }
  }
}

/** By a second name beside the final one, so that the file has a name on disk at every moment. */
async function replace(whole: WholeFile, path: string, environment: StorageEnvironment): Promise<string> {
  const { fileSystem } = environment;
  const beside = join(dirname(path), besideName(whole));
  await unlinkIfThere(fileSystem, beside);
  if (await isDelivered(whole, path, environment)) return path;
  await linkOrRename(fileSystem, wholePath(whole), beside);
  await fileSystem.rename(beside, path);
  return path;
}

/** The hidden name of a file in the inbox that is about to replace another one. */
export function besideName({ receptionId }: WholeFile): string {
  return `.waybill-${receptionId}.part`;
}

/** Whether the final name, or one that somebody moved it to, is the whole file's already. */
export async function isDelivered(
  whole: WholeFile,
  finalPath: string,
  { fileSystem }: StorageEnvironment,
): Promise<boolean> {
  const own = await fileSystem.inspect(wholePath(whole));
  if (own === undefined) return true;
  const other = await fileSystem.inspect(finalPath);
  return other?.identity === own.identity || own.names > 1;
}
