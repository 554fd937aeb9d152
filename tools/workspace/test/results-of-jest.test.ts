import { readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { runProgram, type TemporaryFolder } from "@waybill/testing";
import { folderWith } from "./workspace-fixture.js";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const jest = join(repository, "node_modules/jest/bin/jest.js");

let folder: TemporaryFolder | undefined;
afterEach(() => folder?.remove());

/** Runs Jest with the repository's configuration in a folder with these tests. */
async function runJest(tests: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) {
  folder = await folderWith({
    "package.json": { type: "module" },
    "jest.config.js": `export { default } from ${JSON.stringify(join(repository, "tools/jest-config/config.js"))};`,
    "test-results/missing-peers": "old\tnote of an earlier run\n",
    ...tests,
  });
  const { path } = folder;
  await symlink(join(repository, "node_modules"), join(path, "node_modules"));
  const { CI: _, ...inherited } = process.env;
  const { code } = await runProgram(process.execPath, ["--experimental-vm-modules", jest], {
    cwd: path,
    env: { ...inherited, ...env },
  });
  return { code, path, results: JSON.parse(await readFile(join(path, "test-results/results.json"), "utf8")) };
}

const importTest = 'import { test, expect } from "@jest/globals";\n';
const needsMissingPeer = `
  import { test } from "@jest/globals";
  import { describeWithPeers } from "@waybill/testing";
  const missing = { program: "no-such-program", debianPackage: "no-such-package" };
  describeWithPeers("copies", [missing], () => { test("a", () => {}); test("b", () => {}); });
`;

describe("the results that Jest leaves", () => {
  test("count what passed, failed, was skipped and could not run", async () => {
    const { code, results } = await runJest({
      "test/a.test.ts": `${importTest} test("good", () => {}); test("bad", () => { expect(1).toBe(2); });`,
      "test/b.test.ts": `${importTest} test("good", () => {}); test.skip("later", () => {}); test.todo("once");`,
      "test/c.test.ts": `throw new Error("at once");`,
    });
    expect(results).toEqual({
      passed: 2,
      failed: 2,
      skipped: 2,
      interrupted: false,
      failures: expect.arrayContaining([
        expect.stringMatching(/^test\/a\.test\.ts: bad\n {2}Error: expect.*\n(.*\n)* {2}Expected: 2\n/),
        expect.stringMatching(/^test\/c\.test\.ts: the suite could not run\n(.*\n)* {6}at once\n/),
      ]) as unknown,
    });
    expect(code).toBe(1);
  });

  test("name the package that a skipped suite needs, and nothing of an earlier run", async () => {
    const { code, path, results } = await runJest({ "test/a.test.ts": needsMissingPeer });
    expect(results).toMatchObject({ passed: 0, failed: 0, skipped: 2 });
    expect(await readFile(join(path, "test-results/missing-peers"), "utf8")).toBe(
      "no-such-package\tcopies\n",
    );
    expect(code).toBe(0);
  });

  test("are a failure when a program is missing with CI=true", async () => {
    const { code, results } = await runJest({ "test/a.test.ts": needsMissingPeer }, { CI: "true" });
    expect(results).toMatchObject({ passed: 0, failed: 1, skipped: 0 });
    expect(code).toBe(1);
  });
});
