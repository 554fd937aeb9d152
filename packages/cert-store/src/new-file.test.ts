import { readdir, readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { publish } from "./new-file.js";

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

describe("publish on a file system without hard links", () => {
  const noLinks = () => Promise.reject(Object.assign(new Error("no links here"), { code: "ENOTSUP" }));

  test("gives the file its name", async () => {
    await writeFile(`${folder.path}/temporary`, "new");
    await publish(`${folder.path}/temporary`, `${folder.path}/final`, noLinks);
    expect(await readFile(`${folder.path}/final`, "utf8")).toBe("new");
    expect(await readdir(folder.path)).toEqual(["final"]);
  });

  test("replaces nothing", async () => {
    await writeFile(`${folder.path}/temporary`, "new");
    await writeFile(`${folder.path}/final`, "old");
    await expect(publish(`${folder.path}/temporary`, `${folder.path}/final`, noLinks)).rejects.toMatchObject({
      code: "EEXIST",
    });
    expect(await readFile(`${folder.path}/final`, "utf8")).toBe("old");
  });
});

test("other failures of a link are not taken for it", async () => {
  const full = () => Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" }));
  await writeFile(`${folder.path}/temporary`, "new");
  await expect(publish(`${folder.path}/temporary`, `${folder.path}/final`, full)).rejects.toMatchObject({
    code: "ENOSPC",
  });
  expect(await readdir(folder.path)).toEqual(["temporary"]);
});
