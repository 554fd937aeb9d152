import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { errorCode, errorMessage, type TransferError } from "@waybill/net-core";
import type { StateStore, StateValue } from "../state-store.js";
import { recordFileName, tableFolderName } from "./record-file-name.js";
import { stateDamaged } from "./storage-errors.js";
import {
  linkOrRename,
  nodeFileSystem,
  type StorageFileSystem,
  unlinkIfThere,
} from "./storage-file-system.js";

/** Options of {@link fileStateStore}. */
export interface FileStateStoreOptions {
  /** Hears of damaged records that `list` leaves out, code `ERR_OFTP_STATE_DAMAGED`. Default: nobody. */
  readonly onProblem?: (error: TransferError) => void;
}

const SUFFIX = ".json";
const TEMPORARY_SUFFIX = ".tmp";
/** A temporary file that is older belongs to nobody any more. */
const TEMPORARY_LIFETIME_MS = 3_600_000;
/** Files that `list` reads at a time. */
const LIST_WIDTH = 16;

/** What a file holds. */
interface StoredRecord {
  readonly key: string;
  /** When it was first written: milliseconds since 1970, and a count that orders what one process wrote in one. */
  readonly since: readonly [number, number];
  readonly value: StateValue;
}

/**
 * A {@link StateStore} of one JSON file for each record, `FOLDER/TABLE/NAME.json`, which people can read, restore and remove.
 * Several processes may use the folder at once, also over a network file system with hard links.
 *
 * A record is written under another name, synced, renamed, and its folder is synced; many at once share
 * the syncs of the folder. Folders get the mode 0700 and files 0600.
 *
 * Errors: `ERR_OFTP_STATE_DAMAGED` from `get` when the file is no record.
 */
export async function fileStateStore(
  folder: string,
  options: FileStateStoreOptions = {},
  fileSystem: StorageFileSystem = nodeFileSystem,
): Promise<StateStore> {
  await fileSystem.makeFolder(folder, 0o700);
  await fileSystem.syncFolder(dirname(folder)).catch(() => {});
  const store = new FileStateStore(folder, options, fileSystem);
  await store.removeLeftovers();
  return store;
}

class FileStateStore implements StateStore {
  readonly #folder: string;
  readonly #options: FileStateStoreOptions;
  readonly #fileSystem: StorageFileSystem;
  readonly #tables = new Map<string, Promise<string>>();
  /** What is under way for a record: calls for the same one follow each other. */
  readonly #busy = new Map<string, Promise<unknown>>();
  #count = 0;

  constructor(folder: string, options: FileStateStoreOptions, fileSystem: StorageFileSystem) {
    this.#folder = folder;
    this.#options = options;
    this.#fileSystem = fileSystem;
  }

  async get(table: string, key: string): Promise<StateValue | undefined> {
    const record = await this.#read(this.#path(table, key));
    return record?.value;
  }

  put(table: string, key: string, value: StateValue): Promise<void> {
    const path = this.#path(table, key);
    return this.#inTurn(path, async () => {
      // It keeps its age, which orders `list`. A damaged one is replaced.
      const before = await this.#read(path).catch(() => undefined);
      const temporary = await this.#writeTemporary(table, path, key, value, before?.since);
      await this.#fileSystem.rename(temporary, path);
      await this.#fileSystem.syncFolder(dirname(path));
    });
  }

  create(table: string, key: string, value: StateValue): Promise<boolean> {
    const path = this.#path(table, key);
    return this.#inTurn(path, async () => {
      if ((await this.#fileSystem.inspect(path)) !== undefined) return false;
      const temporary = await this.#writeTemporary(table, path, key, value);
      let created = true;
      try {
        await linkOrRename(this.#fileSystem, temporary, path);
      } catch (error) {
        if (errorCode(error) !== "EEXIST") throw error;
        created = false;
      } finally {
        await unlinkIfThere(this.#fileSystem, temporary);
      }
      if (created) await this.#fileSystem.syncFolder(dirname(path));
      return created;
    });
  }

  remove(table: string, key: string): Promise<void> {
    const path = this.#path(table, key);
    return this.#inTurn(path, async () => {
      if (await unlinkIfThere(this.#fileSystem, path)) await this.#fileSystem.syncFolder(dirname(path));
    });
  }

  async list(table: string): Promise<readonly (readonly [string, StateValue])[]> {
    const folder = join(this.#folder, tableFolderName(table));
    const names = (await this.#names(folder)).filter((name) => name.endsWith(SUFFIX));
    const records: StoredRecord[] = [];
    const readNext = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        const record = await this.#readForList(join(folder, name));
        if (record !== undefined) records.push(record);
      }
    };
    await Promise.all(Array.from({ length: LIST_WIDTH }, readNext));
    records.sort((a, b) => a.since[0] - b.since[0] || a.since[1] - b.since[1] || (a.key < b.key ? -1 : 1));
    return records.map(({ key, value }) => [key, value]);
  }

  /** Temporary files that a crash left. */
  async removeLeftovers(): Promise<void> {
    for (const table of await this.#names(this.#folder)) {
      const folder = join(this.#folder, table);
      for (const name of await this.#names(folder)) {
        if (!name.endsWith(TEMPORARY_SUFFIX)) continue;
        const path = join(folder, name);
        const entry = await this.#fileSystem.inspect(path);
        if (entry === undefined || Date.now() - entry.modifiedMs < TEMPORARY_LIFETIME_MS) continue;
        await unlinkIfThere(this.#fileSystem, path);
      }
    }
  }

  #path(table: string, key: string): string {
    return join(this.#folder, tableFolderName(table), `${recordFileName(key)}${SUFFIX}`);
  }

  #inTurn<T>(path: string, action: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(path);
    const turn = before === undefined ? action() : before.then(action, action);
    this.#busy.set(path, turn);
    const forget = () => {
      if (this.#busy.get(path) === turn) this.#busy.delete(path);
    };
    turn.then(forget, forget);
    return turn;
  }

  async #writeTemporary(
    table: string,
    path: string,
    key: string,
    value: StateValue,
    since: StoredRecord["since"] = [Date.now(), this.#count++],
  ): Promise<string> {
    await this.#makeTable(table);
    const temporary = `${path.slice(0, -SUFFIX.length)}.${randomBytes(6).toString("hex")}${TEMPORARY_SUFFIX}`;
    const record: StoredRecord = { key, since, value };
    const file = await this.#fileSystem.open(temporary, "create", 0o600);
    try {
      try {
        await file.write(Buffer.from(`${JSON.stringify(record)}\n`), 0);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      await unlinkIfThere(this.#fileSystem, temporary).catch(() => {});
      throw error;
    }
    return temporary;
  }

  #makeTable(table: string): Promise<string> {
    let made = this.#tables.get(table);
    if (made === undefined) {
      made = this.#makeTableFolder(join(this.#folder, tableFolderName(table)));
      this.#tables.set(table, made);
      made.catch(() => this.#tables.delete(table));
    }
    return made;
  }

  async #makeTableFolder(folder: string): Promise<string> {
    await this.#fileSystem.makeFolder(folder, 0o700);
    await this.#fileSystem.syncFolder(this.#folder);
    return folder;
  }

  async #names(folder: string): Promise<string[]> {
    try {
      return await this.#fileSystem.list(folder);
    } catch (error) {
      const code = errorCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return [];
      throw error;
    }
  }

  async #readForList(path: string): Promise<StoredRecord | undefined> {
    try {
      return await this.#read(path);
    } catch (error) {
      this.#options.onProblem?.(error as TransferError);
      return undefined;
    }
  }

  async #read(path: string): Promise<StoredRecord | undefined> {
    let text: string;
    try {
      const file = await this.#fileSystem.open(path, "read");
      try {
        const octets = Buffer.allocUnsafe(await file.size());
        text = octets.toString("utf8", 0, await file.read(octets, 0));
      } finally {
        await file.close();
      }
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw stateDamaged(path, `it cannot be read: ${errorCode(error) ?? errorMessage(error)}`, error);
    }
    return parseRecord(path, text);
  }
}

function parseRecord(path: string, text: string): StoredRecord {
  let record: Partial<StoredRecord> | null;
  try {
    record = JSON.parse(text) as Partial<StoredRecord> | null;
  } catch (error) {
    throw stateDamaged(path, "it is no JSON", error);
  }
  const { key, since, value } = record ?? {};
  const dated = Array.isArray(since) && Number.isFinite(since[0]) && Number.isFinite(since[1]);
  if (typeof key !== "string" || value === undefined || !dated)
    throw stateDamaged(path, "fields are missing");
  if (!path.endsWith(`${recordFileName(key)}${SUFFIX}`)) {
    throw stateDamaged(path, "the file was renamed or copied: its name is not that of its key");
  }
  return { key, since, value };
}
