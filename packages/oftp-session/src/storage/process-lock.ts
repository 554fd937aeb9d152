import { createHash, randomBytes } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { errorCode, optionError } from "@waybill/net-core";
import { nodeFileSystem, type StorageFileSystem, unlinkIfThere } from "./storage-file-system.js";

/**
 * A lock that dies with its process, where the system has none that Node can reach.
 *
 * Everyone who wants the lock makes a file `KEY.OWNER.TOKEN.lock` of a name that is never used again, then lists the folder.
 * Whose file is the only one of a living owner has the lock; who sees another one goes away. Of two, the one that lists later
 * sees the other's file, so never do both have it (both may fail, and try again after a random moment). A dead
 * owner's file can be removed by anybody at any time, as its name means nothing else: there is no moment at
 * which a lock that was just taken over could be removed in place of the dead one's.
 *
 * Dead is an owner of this system's process table whose number is free, has another start time, or is a zombie without
 * threads. Of owners elsewhere (another machine or container on the same folder, or before a reboot) only the file's age is
 * known: they touch their files every {@link TOUCH_INTERVAL_MS}, and are dead after {@link FOREIGN_LIFETIME_MS}.
 */
export interface ProcessLock {
  /** What else was in the folder when the lock was taken. */
  readonly entries: readonly string[];
  /** Never rejects. */
  release(): Promise<void>;
}

/** Which process holds a lock. */
export interface LockOwner {
  /** Which process table the number belongs to. */
  readonly scope: string;
  readonly pid: number;
  /** In what unit ever; 0 when it cannot be known. */
  readonly start: string;
}

/** Who asks for locks, and how it is found out who still lives. */
export interface LockAuthority {
  owner(): Promise<LockOwner>;
  isAlive(owner: LockOwner): Promise<boolean>;
}

export const TOUCH_INTERVAL_MS = 20_000;
export const FOREIGN_LIFETIME_MS = 90_000;
const ATTEMPTS = 4;
const SAME_MOMENT_MS = 100;

const LOCK_KEY = /^[0-9a-z-]{1,100}$/;
const LOCK_NAME = /^([0-9a-z-]+)\.([0-9a-f]{12})-(\d+)-(\d+)\.[0-9a-f]{16}\.lock$/;

const held = new Set<string>();

/**
 * Takes the lock `key` (lower case letters, digits, hyphens, at most 100) in a folder that exists. Undefined when somebody
 * has it. Errors: `ERR_OPTION_INVALID`, those of the file system.
 */
export async function acquireProcessLock(
  folder: string,
  key: string,
  fileSystem: StorageFileSystem = nodeFileSystem,
  authority: LockAuthority = processAuthority,
): Promise<ProcessLock | undefined> {
  if (!LOCK_KEY.test(key))
    throw optionError("key", "must be lower case letters, digits and hyphens, at most 100");
  const inProcess = join(folder, key);
  if (held.has(inProcess)) return undefined;
  held.add(inProcess);
  let taken: ProcessLock | undefined;
  try {
    for (let attempt = 1; taken === undefined; attempt++) {
      const outcome = await attemptLock(folder, key, inProcess, fileSystem, authority);
      if (outcome === "held" || (outcome === "raced" && attempt === ATTEMPTS)) break;
      if (outcome !== "raced") taken = outcome;
      else await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 5 * attempt));
    }
    return taken;
  } finally {
    if (taken === undefined) held.delete(inProcess);
  }
}

async function attemptLock(
  folder: string,
  key: string,
  inProcess: string,
  fileSystem: StorageFileSystem,
  authority: LockAuthority,
): Promise<ProcessLock | "held" | "raced"> {
  const own = await authority.owner();
  const name = `${key}.${own.scope}-${own.pid}-${own.start}.${randomBytes(8).toString("hex")}.lock`;
  const path = join(folder, name);
  await (await fileSystem.open(path, "create")).close();
  try {
    const entries = await fileSystem.list(folder);
    const rival = await livingRival(entries, { folder, key, name, own }, fileSystem, authority);
    if (rival !== undefined) {
      const age = await ageBeside(join(folder, rival), path, fileSystem);
      await unlinkIfThere(fileSystem, path);
      // Whoever came at the same moment may go away too.
      return age === undefined || age < SAME_MOMENT_MS ? "raced" : "held";
    }
    const stopTouching = keepTouched(path, fileSystem);
    return {
      entries,
      async release() {
        stopTouching();
        await unlinkIfThere(fileSystem, path).catch(() => {});
        held.delete(inProcess);
      },
    };
  } catch (error) {
    await unlinkIfThere(fileSystem, path).catch(() => {});
    throw error;
  }
}

interface Contender {
  readonly folder: string;
  readonly key: string;
  readonly name: string;
  readonly own: LockOwner;
}

/** The file of another living owner. Those of dead ones are removed. */
async function livingRival(
  entries: readonly string[],
  { folder, key, name, own }: Contender,
  fileSystem: StorageFileSystem,
  authority: LockAuthority,
): Promise<string | undefined> {
  let rival: string | undefined;
  for (const entry of entries) {
    if (entry === name || !entry.startsWith(`${key}.`)) continue;
    const match = LOCK_NAME.exec(entry);
    if (match === null) continue;
    const owner: LockOwner = { scope: match[2]!, pid: Number(match[3]), start: match[4]! };
    const path = join(folder, entry);
    const local = owner.scope === own.scope;
    let alive = !local || (await authority.isAlive(owner));
    if (alive && (!local || owner.start === "0")) {
      alive = ((await ageBeside(path, join(folder, name), fileSystem)) ?? 0) < FOREIGN_LIFETIME_MS;
    }
    if (alive) rival = entry;
    else await unlinkIfThere(fileSystem, path);
  }
  return rival;
}

/** How much older a file is than one's own, by the file system's clock, which all who share the folder have in common. */
async function ageBeside(
  path: string,
  ownPath: string,
  fileSystem: StorageFileSystem,
): Promise<number | undefined> {
  const [its, own] = await Promise.all([fileSystem.inspect(path), fileSystem.inspect(ownPath)]);
  return its === undefined || own === undefined ? undefined : own.modifiedMs - its.modifiedMs;
}

const touched = new Map<string, StorageFileSystem>();
let touching: NodeJS.Timeout | undefined;

function keepTouched(path: string, fileSystem: StorageFileSystem): () => void {
  touched.set(path, fileSystem);
  touching ??= setInterval(() => {
    for (const [each, its] of touched) its.touch(each).catch(() => {});
  }, TOUCH_INTERVAL_MS).unref();
  return () => {
    touched.delete(path);
    if (touched.size > 0) return;
    clearInterval(touching);
    touching = undefined;
  };
}

let ownIdentity: Promise<LockOwner> | undefined;

/** This process, and the process table that it is in. */
export const processAuthority: LockAuthority = {
  owner() {
    ownIdentity ??= identifyProcess();
    return ownIdentity;
  },
  async isAlive(owner) {
    if (process.platform === "linux") {
      const facts = await processFacts(owner.pid);
      return facts?.alive === true && facts.start === owner.start;
    }
    try {
      process.kill(owner.pid, 0);
      return true;
    } catch (error) {
      return errorCode(error) !== "ESRCH";
    }
  },
};

async function identifyProcess(): Promise<LockOwner> {
  const read = (path: string) => readFile(path, "utf8").catch(() => "");
  const scope = createHash("sha256");
  scope.update(await read("/proc/sys/kernel/random/boot_id"));
  scope.update(await readlink("/proc/self/ns/pid").catch(() => ""));
  scope.update(hostname());
  const start = process.platform === "linux" ? (await processFacts(process.pid))?.start : undefined;
  return { scope: scope.digest("hex").slice(0, 12), pid: process.pid, start: start ?? "0" };
}

/** Fields 3, 20 and 22 of proc(5)'s `stat`: state, threads, start time. Undefined when there is no such process. */
async function processFacts(pid: number): Promise<{ alive: boolean; start: string } | undefined> {
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The name in parentheses may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ended = fields[0] === "Z" || fields[0] === "X";
  return { alive: !ended || Number(fields[17]) > 1, start: fields[19] ?? "0" };
}
