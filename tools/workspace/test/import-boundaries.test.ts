import { afterEach, describe, expect, test } from "@jest/globals";
import type { TemporaryFolder } from "@waybill/testing";
import { boundaryViolations, importedNames } from "../import-boundaries.mjs";
import { folderWith, manifest } from "./workspace-fixture.js";

const workspace = "workspace:*";
const devDependencies = { "@waybill/testing": workspace, "@types/ssh2": "1.0.0" };

/** A small repository that breaks no rule. */
const clean = {
  "package.json": { name: "root", devDependencies: { "@jest/globals": "30.0.0" } },
  "packages/net-core/package.json": manifest("@waybill/net-core", { devDependencies }),
  "packages/net-core/src/index.ts": 'import net from "node:net";\nexport * from "./dial.js";\n',
  "packages/net-core/src/dial.ts": "export const dial = 1;\n",
  "packages/ssh-core/package.json": manifest("@waybill/ssh-core", {
    dependencies: { "@waybill/net-core": workspace, ssh2: "1.0.0" },
    devDependencies,
  }),
  "packages/ssh-core/src/index.ts":
    'import { dial } from "@waybill/net-core";\nimport ssh2 from "ssh2/lib/x.js";\n',
  "packages/ssh-core/src/index.test.ts": 'import { test } from "@jest/globals";\nimport "./index.js";\n',
  "packages/ssh-core/test/entry.test.ts": 'import "@waybill/ssh-core";\nimport "@waybill/testing";\n',
  "packages/scp/package.json": manifest("@waybill/scp", {
    dependencies: { "@waybill/net-core": workspace, "@waybill/ssh-core": workspace },
    devDependencies,
  }),
  "packages/scp/src/index.ts": 'export * from "@waybill/ssh-core";\n',
  "apps/cli/package.json": manifest("@waybill/cli", { dependencies: { "@waybill/scp": workspace } }),
  "apps/cli/src/main.ts": 'import "@waybill/scp";\n',
  "tools/testing/package.json": manifest("@waybill/testing", { private: true }),
  "tools/testing/src/index.ts": 'import { test } from "@jest/globals";\n',
};

let folder: TemporaryFolder | undefined;
afterEach(() => folder?.remove());

async function violations(changes: Readonly<Record<string, unknown>> = {}): Promise<string[]> {
  folder = await folderWith({ ...clean, ...changes });
  return boundaryViolations(folder.path);
}

describe("the import boundaries", () => {
  test("accept a repository that keeps them", async () => {
    expect(await violations()).toEqual([]);
  });

  test.each([
    [
      "an import from a package above",
      "packages/net-core/src/dial.ts",
      '// one\nimport { x } from "@waybill/ssh-core";',
      "packages/net-core/src/dial.ts:2: @waybill/net-core imports @waybill/ssh-core, which is not below it",
    ],
    [
      "a re-export from a package above, in a test",
      "packages/scp/test/a.test.ts",
      'export * from "@waybill/cli";',
      "packages/scp/test/a.test.ts:1: @waybill/scp imports @waybill/cli, which is not below it",
    ],
    [
      "a type from a package above",
      "packages/net-core/src/dial.ts",
      'export type X = import("@waybill/scp").X;',
      "packages/net-core/src/dial.ts:1: @waybill/net-core imports @waybill/scp, which is not below it",
    ],
    [
      "a file inside a package below",
      "packages/scp/src/index.ts",
      'import "@waybill/net-core/src/dial.js";',
      "packages/scp/src/index.ts:1: @waybill/scp imports @waybill/net-core/src/dial.js, which is not a public entry of @waybill/net-core",
    ],
    [
      "a relative path into another package",
      "packages/scp/test/deep/a.test.ts",
      'await import("../../../net-core/src/dial.js");',
      "packages/scp/test/deep/a.test.ts:1: @waybill/scp reaches out of its folder: ../../../net-core/src/dial.js",
    ],
    [
      "a dependency that is not declared",
      "packages/scp/src/other.mts",
      'import ssh2 from "ssh2";',
      "packages/scp/src/other.mts:1: @waybill/scp imports ssh2 without declaring it in its dependencies",
    ],
    [
      "a dependency that a test does not declare",
      "packages/scp/test/a.test.ts",
      'import * as ssh2 from "fast-glob/x";',
      "packages/scp/test/a.test.ts:1: @waybill/scp imports fast-glob without declaring it",
    ],
    [
      "a dependency of the root, in published sources",
      "packages/scp/src/index.ts",
      'import { expect } from "@jest/globals";',
      "packages/scp/src/index.ts:1: @waybill/scp imports @jest/globals without declaring it in its dependencies",
    ],
    [
      "a test tool in published sources",
      "packages/scp/src/index.ts",
      'import { temporaryFolder } from "@waybill/testing";',
      "packages/scp/src/index.ts:1: @waybill/scp uses the test tool @waybill/testing outside of its tests",
    ],
  ])("refuse %s", async (_what, file, text, violation) => {
    expect(await violations({ [file]: text })).toEqual([violation]);
  });

  test("refuse a declared dependency on a package above", async () => {
    const changed = manifest("@waybill/net-core", { dependencies: { "@waybill/scp": workspace } });
    expect(await violations({ "packages/net-core/package.json": changed })).toEqual([
      "@waybill/net-core: package.json depends on @waybill/scp, which is not below it",
    ]);
  });

  test("refuse a declared devDependency on a package above", async () => {
    const changed = manifest("@waybill/net-core", { devDependencies: { "@waybill/scp": workspace } });
    expect(await violations({ "packages/net-core/package.json": changed })).toEqual([
      "@waybill/net-core: package.json depends on @waybill/scp, which is not below it",
    ]);
  });

  test("refuse a package that the table of layers does not know", async () => {
    expect(await violations({ "packages/new/package.json": manifest("@waybill/new") })).toEqual([
      "@waybill/new: has no line in tools/workspace/layers.mjs",
    ]);
  });
});

describe("importedNames", () => {
  test("finds every form of import, and nothing that only looks like one", () => {
    const text = `
      import a from "a"; import type { B } from "b"; export { c } from "c"; export * as d from "d";
      const e = await import("e"); type F = import("f").F; import g = require("g");
      require("h"); jest.mock("i"); jest.unstable_mockModule(\`j\`, () => 1); import.meta.resolve("k");
      Promise.resolve("no"); other.mock("no"); const text = 'import "no"'; // import "no"
      await import(\`./\${a}.js\`);
    `;
    expect(importedNames(text, "x.ts")).toEqual(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]);
  });

  test("names the file that it cannot parse", () => {
    expect(() => importedNames("import {", "broken.ts")).toThrow("broken.ts could not be parsed");
  });
});
