import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { runProgram, temporaryFolder } from "@waybill/testing";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

test("shows every step of an exchange both ways, within ten seconds, and leaves nothing behind", async () => {
  const folder = await temporaryFolder();
  const { code, stdout, stderr } = await runProgram(process.execPath, [MAIN], {
    timeoutMs: 10_000,
    env: { ...process.env, TMPDIR: folder.path },
  });
  expect(stderr).toBe("");
  const lines = stdout.split("\n");
  const commands = lines.flatMap((line) => /^ {2}alder (?:->|<-) birch {2}([A-Z]+)/.exec(line)?.[1] ?? []);
  const file = ["SFID", "SFPA", "DATA", "EFID", "EFPA"];
  expect(commands).toEqual([
    ...["SSRM", "SSID", "SSID"],
    ...file,
    ...file,
    ...["CD", "EERP", "RTR", "EERP", "RTR"],
    ...file,
    ...["CD", "EERP", "RTR", "CD", "ESID"],
  ]);
  expect(
    lines.filter((line) => /arrived, SHA-256 .* on both sides, receipt \(EERP\) came$/.test(line)),
  ).toHaveLength(3);
  expect(stdout).not.toMatch(/ALDERPW|BIRCHPW/);
  expect(code).toBe(0);
  expect(await readdir(folder.path)).toEqual([]);
  await folder.remove();
});

test("the command in the READMEs is one of the repository", async () => {
  const root = new URL("../../../", import.meta.url);
  const manifest = JSON.parse(await readFile(new URL("package.json", root), "utf8"));
  expect(manifest.scripts.demo).toBeDefined();
  for (const path of ["README.md", "apps/demo-partners/README.md"]) {
    expect(await readFile(new URL(path, root), "utf8")).toMatch(/^npm run demo\b/m);
  }
});
