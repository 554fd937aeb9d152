import { afterEach, describe, expect, test } from "@jest/globals";
import type { TemporaryFolder } from "@waybill/testing";
import { packedContentViolations } from "../packed-content.mjs";
import { folderWith, manifest } from "./workspace-fixture.js";

const complete = {
  "package.json": manifest("@waybill/x", { dependencies: { "@waybill/y": "1.0.0" } }),
  "README.md": "# x",
  LICENSE: "MIT",
  "src/index.ts": "export {};",
  "dist/index.js": "export {};",
  "dist/index.js.map": { sources: ["../src/index.ts"] },
  "dist/index.d.ts": "export {};",
};

let folder: TemporaryFolder | undefined;
afterEach(() => folder?.remove());

async function violations(changes: Readonly<Record<string, unknown>>): Promise<string[]> {
  folder = await folderWith({ ...complete, ...changes });
  return packedContentViolations("x", folder.path);
}

describe("the content of a packed package", () => {
  test("is fine when it is complete", async () => {
    expect(await violations({})).toEqual([]);
  });

  test("lacks nothing that is required", async () => {
    folder = await folderWith({ "package.json": manifest("x", { bin: { x: "dist/main.js" } }) });
    expect(packedContentViolations("x", folder.path)).toEqual([
      "x: README.md is missing",
      "x: LICENSE is missing",
      "x: dist/index.d.ts is missing",
      "x: dist/index.js is missing",
      "x: dist/main.js is missing",
    ]);
  });

  test.each([
    "dist/.tsbuildinfo",
    "src/a.test.ts",
    "test/a.ts",
    "tsconfig.json",
    "dist/a.test.js",
    "node_modules/a/index.js",
  ])("has no %s", async (file) => {
    expect(await violations({ [file]: "" })).toEqual([`x: ${file} does not belong`]);
  });

  test("has no source map that leads nowhere", async () => {
    expect(await violations({ "dist/a.js.map": { sources: ["../src/a.ts"] } })).toEqual([
      "x: dist/a.js.map points to src/a.ts, which is not packed",
    ]);
  });

  test("depends on nothing by a range of the workspace", async () => {
    const changed = manifest("x", { dependencies: { y: "workspace:*" } });
    expect(await violations({ "package.json": changed })).toEqual([
      "x: depends on y by a range that only works in the workspace",
    ]);
  });
});
