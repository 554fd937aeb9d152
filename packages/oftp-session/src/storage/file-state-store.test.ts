import { copyFile, mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { TransferError } from "@waybill/net-core";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import fc from "fast-check";
import type { StateStore, StateValue } from "../state-store.js";
import { fileStateStore } from "./file-state-store.js";
import { memoryStateStore } from "./memory-state-store.js";

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

describe.each([
  ["fileStateStore", () => fileStateStore(join(folder.path, "state"))],
  ["memoryStateStore", async () => memoryStateStore()],
] as [string, () => Promise<StateStore>][])("%s", (_, open) => {
  test("puts, gets, creates, removes", async () => {
    const store = await open();
    expect(await store.get("t", "k")).toBeUndefined();
    await store.put("t", "k", { a: [1, null, "x"] });
    expect(await store.get("t", "k")).toEqual({ a: [1, null, "x"] });
    expect(await store.get("other", "k")).toBeUndefined();
    expect(await store.create("t", "k", 2)).toBe(false);
    await store.remove("t", "k");
    await store.remove("t", "k");
    await store.remove("nowhere", "k");
    expect(await store.get("t", "k")).toBeUndefined();
    expect(await store.create("t", "k", null)).toBe(true);
    expect(await store.get("t", "k")).toBeNull();
    expect(await store.list("empty")).toEqual([]);
  });

  test("one of many wins to create, and calls for one record follow each other", async () => {
    const store = await open();
    const created = await Promise.all(Array.from({ length: 20 }, (_, i) => store.create("t", "k", i)));
    expect(created).toEqual(created.map((_, i) => i === 0));
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.put("t", "k", i)));
    expect(await store.get("t", "k")).toBe(19);
  });

  test("lists the oldest first, and a record that is written again keeps its age", async () => {
    const store = await open();
    for (const key of ["c", "a", "b"]) await store.put("t", key, key);
    await store.put("t", "c", "again");
    expect(await store.list("t")).toEqual([
      ["c", "again"],
      ["a", "a"],
      ["b", "b"],
    ]);
  });

  test("keeps any keys and tables apart", async () => {
    const store = await open();
    const keys = fc.uniqueArray(fc.oneof(fc.string({ unit: "binary" }), fc.string({ maxLength: 600 })), {
      maxLength: 8,
    });
    const property = fc.asyncProperty(keys, fc.string(), fc.jsonValue(), async (all, table, value) => {
      const expected = all.map((key, index) => [key, [index, value]] as [string, StateValue]);
      const known = JSON.parse(JSON.stringify(expected)) as typeof expected;
      for (const [key, each] of expected) await store.put(table, key, each);
      const listed = await store.list(table);
      for (const [key, each] of known) expect(await store.get(table, key)).toEqual(each);
      expect(new Map(listed)).toEqual(new Map(known));
      for (const [key] of expected) await store.remove(table, key);
    });
    await fc.assert(property, { numRuns: 12 });
  });
});

describe("files", () => {
  const path = () => join(folder.path, "state");
  const onlyFile = async (table = "t") => join(path(), table, (await readdir(join(path(), table)))[0]!);

  test("outlive the store, are private, and keep awkward keys inside", async () => {
    const key = `../../${"Ü".repeat(300)}/\0`;
    await (await fileStateStore(path())).put("t", key, 1);
    expect(await (await fileStateStore(path())).get("t", key)).toBe(1);
    const file = await onlyFile();
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ key, value: 1 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    for (const each of [path(), join(path(), "t")]) expect((await stat(each)).mode & 0o777).toBe(0o700);
  });

  test.each([
    ["text", "{"],
    ["null", "null"],
    ["another shape", '{"key":5}'],
    ["nothing", ""],
  ])("damaged: %s", async (_, content) => {
    const problems: TransferError[] = [];
    const store = await fileStateStore(path(), { onProblem: (error) => problems.push(error) });
    await store.put("t", "a", 1);
    const file = await onlyFile();
    await writeFile(file, content);
    await store.put("t", "b", 2);
    const damaged = { code: "ERR_OFTP_STATE_DAMAGED", details: { path: file } };
    await expect(store.get("t", "a")).rejects.toMatchObject(damaged);
    expect(await store.list("t")).toEqual([["b", 2]]);
    expect(problems).toMatchObject([damaged]);
    await store.put("t", "a", 3);
    expect(await store.get("t", "a")).toBe(3);
  });

  test("a copy beside the original is no second record", async () => {
    const store = await fileStateStore(path());
    await store.put("t", "a", 1);
    const file = await onlyFile();
    await copyFile(file, file.replace(".json", " (copy).json"));
    expect(await store.list("t")).toEqual([["a", 1]]);
  });

  test("what a crash left goes after an hour", async () => {
    await mkdir(join(path(), "t"), { recursive: true });
    for (const name of ["old.tmp", "new.tmp"]) await writeFile(join(path(), "t", name), "");
    const before = new Date(Date.now() - 3_700_000);
    await utimes(join(path(), "t/old.tmp"), before, before);
    await fileStateStore(path());
    expect(await readdir(join(path(), "t"))).toEqual(["new.tmp"]);
  });

  test("two stores on one folder: only one creates", async () => {
    const stores = await Promise.all([
      fileStateStore(path()),
      fileStateStore(path()),
      fileStateStore(path()),
    ]);
    for (let key = 0; key < 20; key++) {
      const created = await Promise.all(stores.map((store, i) => store.create("t", String(key), i)));
      expect(created.filter((each) => each)).toHaveLength(1);
      expect(await stores[0]!.get("t", String(key))).toBe(created.indexOf(true));
    }
  });
});
