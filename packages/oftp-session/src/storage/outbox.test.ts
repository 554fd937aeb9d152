import { mkdir, readdir, readFile, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { scanOutbox, settleSentFile } from "./outbox.js";

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

async function put(name: string, seconds: number, content = name): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, content);
  await utimes(path, seconds, seconds);
  return path;
}

test("complete files, the oldest first", async () => {
  await put("c", 30);
  await put("b", 20);
  await put("a", 20);
  for (const name of [
    ".hidden",
    "x.tmp",
    "x.PART",
    "x.partial",
    "x.filepart",
    "x.crdownload",
    "~lock",
    "x~",
    "#x#",
  ]) {
    await put(name, 10);
  }
  await mkdir(join(folder.path, "sent"));
  await symlink(join(folder.path, "c"), join(folder.path, "link"));
  const files = await scanOutbox(folder.path);
  expect(files.map(({ name }) => name)).toEqual(["a", "b", "c"]);
  expect(files[2]).toEqual({ path: join(folder.path, "c"), name: "c", size: 1, modifiedMs: 30_000 });
  expect(await scanOutbox(join(folder.path, "none"))).toEqual([]);
});

test("a sent file is moved beside others of its name, or deleted", async () => {
  const moved: (string | undefined)[] = [];
  for (const content of ["1", "2", "3"]) moved.push(await settleSentFile(await put("x.dat", 1, content)));
  const sent = join(folder.path, "sent");
  expect(moved).toEqual(["x.dat", "x-1.dat", "x-2.dat"].map((name) => join(sent, name)));
  expect(await Promise.all(moved.map(async (path) => String(await readFile(path!))))).toEqual([
    "1",
    "2",
    "3",
  ]);
  expect(await settleSentFile(await put("y", 1), { action: "delete" })).toBeUndefined();
  expect(await settleSentFile(join(folder.path, "y"))).toBeUndefined();
  expect(await readdir(folder.path)).toEqual(["sent"]);
  expect((await readdir(sent)).sort()).toEqual(["x-1.dat", "x-2.dat", "x.dat"]);
});
