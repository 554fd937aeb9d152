import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { writeContentFile } from "./content-file.js";

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

/** Chunks of these sizes, each in the memory of the one before. */
async function* lent(content: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  const memory = Buffer.alloc(Math.max(...sizes));
  let at = 0;
  for (const size of sizes) {
    content.copy(memory, 0, at, at + size);
    yield memory.subarray(0, size);
    memory.fill(0);
    at += size;
  }
}

test.each<[string, readonly number[]]>([
  ["nothing", [0]],
  ["small chunks", [1, 2, 3]],
  ["more small chunks than are gathered", Array.from({ length: 50 }, (_, index) => 10_000 + index)],
  ["small and large chunks", [5, 600_000, 7, 65_536, 65_535, 1, 300_000, 0, 9]],
])("a file is what was lent: %s", async (_name, sizes) => {
  const content = randomBytes(sizes.reduce((sum, size) => sum + size));
  const path = join(folder.path, "new/file");
  await writeContentFile(path, lent(content, sizes));
  expect((await readFile(path)).equals(content)).toBe(true);
});

test("what fails leaves nothing", async () => {
  async function* failing(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(100_000);
    throw new Error("no more");
  }
  await expect(writeContentFile(join(folder.path, "file"), failing())).rejects.toThrow("no more");
  expect(await readdir(folder.path)).toEqual([]);
});
