import { afterEach, describe, expect, test } from "@jest/globals";
import type { TemporaryFolder } from "@waybill/testing";
import { changesetViolations } from "../changeset-files.mjs";
import { folderWith, manifest } from "./workspace-fixture.js";

let folder: TemporaryFolder | undefined;
afterEach(() => folder?.remove());

async function violations(changeset: string): Promise<string[]> {
  folder = await folderWith({
    "packages/a/package.json": manifest("@waybill/a"),
    "packages/b/package.json": manifest("@waybill/b"),
    "tools/t/package.json": manifest("@waybill/t", { private: true }),
    ".changeset/one.md": changeset,
  });
  return changesetViolations(folder.path);
}

describe("changeset files", () => {
  test("name published packages and say what changed", async () => {
    expect(await violations('---\n"@waybill/a": minor\n"@waybill/b": patch\n---\n\nFaster.\n')).toEqual([]);
  });

  test.each([
    ["nothing", ""],
    ["no kind of change", '---\n"@waybill/a": huge\n---\n\nFaster.\n'],
    ["no sentence", '---\n"@waybill/a": minor\n---\n\n'],
    ["a heading made by a Markdown formatter", '---\n\n## "@waybill/a": minor\n\nFaster.\n'],
  ])("are refused when they say %s", async (_what, changeset) => {
    expect(await violations(changeset)).toEqual([
      '.changeset/one.md: needs lines "package": minor between ---, and a sentence',
    ]);
  });

  test.each(["@waybill/unknown", "@waybill/t"])("are refused when they name %s", async (name) => {
    expect(await violations(`---\n"${name}": minor\n---\n\nFaster.\n`)).toEqual([
      `.changeset/one.md: ${name} is not a package that is published`,
    ]);
  });
});
