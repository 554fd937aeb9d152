import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { TemporaryFolder } from "@waybill/testing";
import { printSummary } from "../test-summary.mjs";
import { folderWith } from "./workspace-fixture.js";

const results = { passed: 0, failed: 0, skipped: 0, interrupted: false, failures: [] as string[] };

let folder: TemporaryFolder | undefined;
afterEach(() => folder?.remove());

async function summary(files: Readonly<Record<string, unknown>>, names: readonly string[], exitCode = 0) {
  folder = await folderWith(files);
  const { path } = folder;
  const packages = names.map((name) => ({ name, folder: join(path, name) }));
  const printed: string[] = [];
  const code = printSummary(packages, exitCode, (line: string) => printed.push(...line.split("\n")));
  return { code, printed };
}

describe("the summary of a test run", () => {
  test("adds up every package, on its last line", async () => {
    const { code, printed } = await summary(
      {
        "a/test-results/results.json": { ...results, passed: 3, skipped: 1 },
        "b/test-results/results.json": { ...results, passed: 4, skipped: 2 },
      },
      ["a", "b"],
    );
    expect(printed).toEqual(["", "7 passed, 0 failed, 3 skipped"]);
    expect(code).toBe(0);
  });

  test("names what failed, and says why", async () => {
    const { code, printed } = await summary(
      {
        "a/test-results/results.json": { ...results, failed: 1, failures: ["x.test.ts: adds\n  3 is not 4"] },
      },
      ["a"],
      1,
    );
    expect(printed).toEqual([
      "",
      "Failed:",
      "  a x.test.ts: adds",
      "    3 is not 4",
      "0 passed, 1 failed, 0 skipped",
    ]);
    expect(code).toBe(1);
  });

  test("counts a package without results as a failure", async () => {
    const { code, printed } = await summary({ "a/package.json": {} }, ["a"]);
    expect(printed).toContain("  a: the tests did not run to their end");
    expect(printed.at(-1)).toBe("0 passed, 1 failed, 0 skipped");
    expect(code).toBe(1);
  });

  test("counts an interrupted run as a failure", async () => {
    const { code } = await summary(
      { "a/test-results/results.json": { ...results, passed: 1, interrupted: true } },
      ["a"],
    );
    expect(code).toBe(1);
  });

  test("counts a process that failed although its tests passed", async () => {
    const { code, printed } = await summary(
      { "a/test-results/results.json": { ...results, passed: 1 } },
      ["a"],
      1,
    );
    expect(printed.at(-1)).toBe("1 passed, 1 failed, 0 skipped");
    expect(code).toBe(1);
  });

  test("says which program each skipped suite needs", async () => {
    const { code, printed } = await summary(
      {
        "a/test-results/results.json": { ...results, skipped: 5 },
        "a/test-results/missing-peers": "lftp\tlists\nputty-tools lftp\tcopies\nlftp\tlists\n",
      },
      ["a"],
    );
    expect(printed).toEqual([
      "",
      "Skipped, because a program is missing:",
      "  lists (apt-get install lftp)",
      "  copies (apt-get install putty-tools lftp)",
      "0 passed, 0 failed, 5 skipped",
    ]);
    expect(code).toBe(0);
  });
});
