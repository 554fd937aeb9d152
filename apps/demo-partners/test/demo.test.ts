import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { runProgram, type TemporaryFolder, temporaryFolder } from "@waybill/testing";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const README = new URL("../README.md", import.meta.url);
const WIDTH = 100;

let folder: TemporaryFolder;
let run: Awaited<ReturnType<typeof runProgram>>;
let lines: readonly string[];

beforeAll(async () => {
  folder = await temporaryFolder();
  run = await runProgram(process.execPath, [MAIN], {
    timeoutMs: 10_000,
    env: { ...process.env, TMPDIR: folder.path },
  });
  lines = run.stdout.trimEnd().split("\n");
}, 20_000);
afterAll(() => folder.remove());

test("everything comes about within ten seconds, and nothing is left behind", async () => {
  expect(run.stderr).toBe("");
  expect(lines.filter((line) => line.includes("FAILED"))).toEqual([]);
  expect(lines.at(-1)).toBe("Everything came about as it should.");
  expect(run.code).toBe(0);
  expect(await readdir(folder.path)).toEqual([]);
});

test("shows every command of an exchange both ways", () => {
  const file = ["SFID", "SFPA", "DATA", "EFID", "EFPA"];
  expect(commandsOf("1")).toEqual([
    ...["SSRM", "SSID", "SSID"],
    ...file,
    ...["CD", "EERP", "RTR"],
    ...file,
    ...["CD", "EERP", "RTR", "CD", "ESID"],
  ]);
});

test("shows how a session is authenticated, a secured file and its signed receipt", () => {
  expect(commandsOf("3")).toEqual(["AUCH", "AURP", "AUCH", "AURP", "SFID", "EFPA", "EERP"]);
  const chapter = chapterOf("3").join("\n");
  expect(chapter).toMatch(
    /encrypted +aes-256-cbc, its key for CN=birch .*\n +compressed +zlib\n +signed +.*sha512/,
  );
  const [alder, birch] = ["alder", "birch"].map(
    (name) => new RegExp(`${name} makes .* SHA-256 ([0-9A-F]{16}…)`).exec(run.stdout)?.[1],
  );
  expect(alder).not.toBe(birch);
  expect(chapter).toContain(`its signature holds: it is alder's, SHA-256 ${alder}`);
  expect(chapter).toContain(`its signature holds: it is birch's, SHA-256 ${birch}`);
});

test("shows what becomes of a changed file, and of a stranger's receipt", () => {
  expect(chapterOf("4").filter((line) => line.startsWith("  ok"))).toEqual([
    "  ok  not signed: birch has '90', alder has a receipt, and nobody notices",
    "  ok  signed: birch does not take it, EFNA 21, Invalid file signature",
  ]);
  expect(chapterOf("5").filter((line) => line.startsWith("  ok"))).toEqual([
    "  ok  there is no session: ESID 11, Invalid challenge response",
    "  ok  without secure authentication there is one, but no valid receipt: ERR_CMS_RECEIPT_SIGNER",
  ]);
});

test("fits a terminal, and shows no password", () => {
  expect(lines.filter(({ length }) => length > WIDTH)).toEqual([]);
  expect(run.stdout).not.toMatch(/ALDERPW|BIRCHPW/);
});

test("the README shows what a run shows", async () => {
  const transcript = /```text\n([\s\S]*?)```/.exec(await readFile(README, "utf8"))?.[1] ?? "";
  expect(withoutChance(transcript)).toEqual(withoutChance(run.stdout));
});

test("the command in the READMEs is one of the repository", async () => {
  const root = new URL("../../../", import.meta.url);
  const manifest = JSON.parse(await readFile(new URL("package.json", root), "utf8"));
  expect(manifest.scripts.demo).toBeDefined();
  for (const readme of [new URL("README.md", root), README]) {
    expect(await readFile(readme, "utf8")).toMatch(/^npm run demo\b/m);
  }
});

/** The lines of a chapter, by its number. */
function chapterOf(number: string): readonly string[] {
  const from = lines.findIndex((line) => line.startsWith(`${number}. `));
  expect(from).toBeGreaterThanOrEqual(0);
  const length = lines.slice(from).indexOf("");
  return lines.slice(from, from + length);
}

function commandsOf(number: string): readonly string[] {
  return chapterOf(number).flatMap((line) => /^ {4}alder (?:->|<-) birch {2}([A-Z]+)/.exec(line)?.[1] ?? []);
}

/** Without what is another thing each time (keys, ports) or with another release of zlib (sizes). */
function withoutChance(text: string): readonly string[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) =>
      line
        .replace(/127\.0\.0\.1:\d+/, "127.0.0.1:…")
        .replace(/[0-9A-Fa-f]{16}…/, "…")
        .replace(/octets become [\d ]+$/, "octets become …")
        .replace(/\d+ KiB/, "… KiB"),
    );
}
