import { afterEach, describe, expect, test } from "@jest/globals";
import type { TemporaryFolder } from "@waybill/testing";
import { installationInputs } from "../installation.mjs";
import { folderWith } from "./workspace-fixture.js";

const files = {
  "package.json": { name: "root", packageManager: "pnpm@1.0.0" },
  "pnpm-lock.yaml": "lock",
  "pnpm-workspace.yaml": "workspace",
  "packages/a/package.json": { name: "a", dependencies: { b: "1" }, scripts: { test: "x" } },
};

const folders: TemporaryFolder[] = [];
afterEach(() => Promise.all(folders.splice(0).map((folder) => folder.remove())));

async function inputs(changes: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const folder = await folderWith({ ...files, ...changes });
  folders.push(folder);
  return installationInputs(folder.path);
}

describe("what an installation is made from", () => {
  test("is the same when nothing that matters changed", async () => {
    const scripts = { name: "a", dependencies: { b: "1" }, scripts: { test: "y" } };
    expect(await inputs({ "packages/a/package.json": scripts })).toBe(await inputs());
  });

  test.each([
    ["the lock file", { "pnpm-lock.yaml": "other" }],
    ["the settings of the workspace", { "pnpm-workspace.yaml": "other" }],
    ["a dependency", { "packages/a/package.json": { name: "a", dependencies: { b: "2" } } }],
    ["a new package", { "tools/c/package.json": { name: "c" } }],
    ["the version of pnpm", { "package.json": { name: "root", packageManager: "pnpm@2.0.0" } }],
  ])("changes with %s", async (_what, changes) => {
    expect(await inputs(changes)).not.toBe(await inputs());
  });
});
