import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { runProgram, type TemporaryFolder } from "@waybill/testing";
import { folderWith } from "./workspace-fixture.js";

let folder: TemporaryFolder | undefined;
afterEach(() => folder?.remove());

describe("run.mjs", () => {
  test("lists the commands when it does not know one", async () => {
    const { code, stderr } = await runProgram(process.execPath, ["run.mjs", "fly"]);
    expect(stderr).toMatch(/^usage: .*\n {2}install .*\n {2}start /);
    expect(code).toBe(2);
  });

  test("says which Node.js it needs before it does anything", async () => {
    folder = await folderWith({ "package.json": { engines: { node: ">=99.1" } } });
    const copy = join(folder.path, "tools/workspace/run.mjs");
    await mkdir(join(folder.path, "tools/workspace"), { recursive: true });
    await copyFile("run.mjs", copy);
    const { code, stderr } = await runProgram(process.execPath, [copy, "start"]);
    expect(stderr).toBe(`Waybill needs Node.js 99.1 or newer. This is ${process.versions.node}.\n`);
    expect(code).toBe(1);
  });
});
