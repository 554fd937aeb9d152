import { afterEach, describe, expect, test } from "@jest/globals";
import type { TemporaryFolder } from "@waybill/testing";
import { layoutViolations } from "../package-layout.mjs";
import { folderWith, manifest } from "./workspace-fixture.js";

const upper = manifest("@waybill/upper", { dependencies: { "@waybill/lower": "workspace:*" } });
const complete = {
  "package.json": { name: "root", engines: { node: ">=20.19" } },
  "tsconfig.json": {
    references: [
      { path: "packages/lower" },
      { path: "packages/upper" },
      { path: "packages/upper/tsconfig.test.json" },
    ],
  },
  "packages/lower/package.json": manifest("@waybill/lower"),
  "packages/lower/README.md": "# lower",
  "packages/lower/tsconfig.json": {},
  "packages/upper/package.json": upper,
  "packages/upper/README.md": "# upper",
  "packages/upper/tsconfig.json": { references: [{ path: "../../packages/lower" }] },
  "packages/upper/tsconfig.test.json": {
    references: [{ path: "./tsconfig.json" }, { path: "../lower/tsconfig.json" }],
  },
};

let folder: TemporaryFolder | undefined;
afterEach(() => folder?.remove());

async function violations(changes: Readonly<Record<string, unknown>>): Promise<string[]> {
  folder = await folderWith({ ...complete, ...changes });
  return layoutViolations(folder.path);
}

describe("the layout of packages", () => {
  test("accepts a complete repository", async () => {
    expect(await violations({})).toEqual([]);
  });

  test("asks for what a published package must say", async () => {
    const bare = { name: "@waybill/bare", version: "1.0.0" };
    expect(await violations({ "packages/bare/package.json": bare })).toEqual([
      '@waybill/bare: needs "license": "MIT"',
      '@waybill/bare: needs "engines" as in the root: >=20.19',
      "@waybill/bare: needs a README.md",
      '@waybill/bare: needs "exports" with "types", or "bin"',
      '@waybill/bare: needs "files" with "dist"',
      '@waybill/bare: needs "publishConfig": { "access": "public" }',
    ]);
  });

  test("asks less of a private package", async () => {
    const { license, engines } = upper;
    const tool = { name: "@waybill/tool", private: true, license, engines };
    expect(await violations({ "tools/tool/package.json": tool, "tools/tool/README.md": "# tool" })).toEqual(
      [],
    );
  });

  test("asks for a reference to the project of each dependency", async () => {
    expect(
      await violations({
        "packages/upper/tsconfig.json": { references: [] },
        "packages/upper/tsconfig.test.json": { references: [{ path: "../lower" }] },
        "tsconfig.json": { references: [{ path: "packages/lower" }, { path: "packages/upper" }] },
      }),
    ).toEqual([
      "@waybill/upper: tsconfig.json needs a reference to ../lower/tsconfig.json",
      "@waybill/upper: tsconfig.test.json needs a reference to tsconfig.json",
      "the root: tsconfig.json needs a reference to packages/upper/tsconfig.test.json",
    ]);
  });
});
