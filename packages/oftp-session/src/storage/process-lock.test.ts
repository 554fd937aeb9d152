import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import {
  acquireProcessLock,
  FOREIGN_LIFETIME_MS,
  type LockAuthority,
  processAuthority,
} from "./process-lock.js";
import { nodeFileSystem, type StorageFileSystem } from "./storage-file-system.js";

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const lockFile = (owner: string) => join(folder.path, `key.${owner}.0123456789abcdef.lock`);

describe("acquireProcessLock", () => {
  test("gives it to one at a time", async () => {
    const lock = await acquireProcessLock(folder.path, "key");
    expect(await acquireProcessLock(folder.path, "key")).toBeUndefined();
    const other = await acquireProcessLock(folder.path, "key-2");
    expect(other).toBeDefined();
    await lock?.release();
    const again = await acquireProcessLock(folder.path, "key");
    expect(again).toBeDefined();
    await again?.release();
    await other?.release();
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("respects a living process and takes over from a dead one, its number used again or not", async () => {
    const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    await once(child, "spawn");
    const { scope, start } = await processAuthority.owner();
    const living = await startOf(child.pid!);
    await writeFile(lockFile(`${scope}-${child.pid}-${living}`), "");
    expect(await acquireProcessLock(folder.path, "key")).toBeUndefined();
    child.kill("SIGKILL");
    await once(child, "close");
    const lock = await acquireProcessLock(folder.path, "key");
    expect(lock).toBeDefined();
    await lock?.release();

    await writeFile(lockFile(`${scope}-${process.pid}-${BigInt(start) + 5n}`), "");
    const reused = await acquireProcessLock(folder.path, "key");
    expect(reused).toBeDefined();
    await reused?.release();
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("respects an owner elsewhere as long as it touches its file", async () => {
    const path = lockFile("ffffffffffff-1-1");
    await writeFile(path, "");
    expect(await acquireProcessLock(folder.path, "key")).toBeUndefined();
    const old = new Date(Date.now() - FOREIGN_LIFETIME_MS - 1000);
    await utimes(path, old, old);
    const lock = await acquireProcessLock(folder.path, "key");
    expect(lock).toBeDefined();
    await lock?.release();
  });

  test("never has two owners, however the steps of many processes mix", async () => {
    const scope = "0123456789ab";
    let owners = 0;
    let most = 0;
    let taken = 0;
    const attempt = async (pid: number) => {
      const authority: LockAuthority = {
        owner: async () => ({ scope, pid, start: "1" }),
        isAlive: async () => true,
      };
      const lock = await acquireProcessLock(`/process-${pid}`, "key", seenAs(`/process-${pid}`), authority);
      if (lock === undefined) return;
      owners += 1;
      taken += 1;
      most = Math.max(most, owners);
      await nodeFileSystem.list(folder.path);
      owners -= 1;
      await lock.release();
    };
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 6 }, (_, pid) => attempt(pid + 1)));
    }
    expect(most).toBe(1);
    expect(taken).toBeGreaterThan(0);
  });

  test("refuses a key that could not be told from another", async () => {
    for (const key of ["", "A", "a.b", "a/b", "a".repeat(101)]) {
      await expect(acquireProcessLock(folder.path, key)).rejects.toMatchObject({
        code: "ERR_OPTION_INVALID",
      });
    }
  });

  test("rejects and holds nothing when the folder is missing", async () => {
    const path = join(folder.path, "none");
    await expect(acquireProcessLock(path, "key")).rejects.toMatchObject({ code: "ENOENT" });
    await nodeFileSystem.makeFolder(path);
    expect(await acquireProcessLock(path, "key")).toBeDefined();
  });
});

/** Another path to the same folder, as another process has another table of its own locks. */
function seenAs(path: string): StorageFileSystem {
  const real = (each: string) => each.replace(path, folder.path);
  return {
    ...nodeFileSystem,
    open: (each, how, mode) => nodeFileSystem.open(real(each), how, mode),
    unlink: (each) => nodeFileSystem.unlink(real(each)),
    inspect: (each) => nodeFileSystem.inspect(real(each)),
    list: (each) => nodeFileSystem.list(real(each)),
  };
}

async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1");
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19]!;
}
