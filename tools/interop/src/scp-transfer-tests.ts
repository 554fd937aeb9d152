import { createHash, randomFillSync } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { describeTree, makeOddTree, makeRemovable } from "./file-tree.js";
import { ODD_NAMES } from "./odd-names.js";
import { oneLine } from "./one-line.js";
import type { SshPeer } from "./ssh-peer.js";
import { remote, scp } from "./waybill-command.js";

const MIB = 1024 * 1024;
const OK = { code: 0, stderr: "" };
/** For what takes its time on a busy machine. */
const LARGE = { timeoutMs: 90_000 };
const LARGE_TEST_MS = 120_000;

/** The tests that `waybill scp` has to pass with every server. To be called inside of a `describe`. */
export function scpTransferTests(startServer: () => Promise<SshPeer>): void {
  let server: SshPeer;
  let folder: TemporaryFolder;
  const here = (...parts: string[]) => join(folder.path, "here", ...parts);
  const there = (...parts: string[]) => join(folder.path, "there", ...parts);
  const onServer = (...parts: string[]) => remote(server, there(...parts));

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    folder = await temporaryFolder("waybill-scp-");
    await mkdir(here());
    await mkdir(there());
  });
  afterEach(async () => {
    await makeRemovable(folder.path);
    await folder.remove();
  });

  describe("files", () => {
    test("one goes up and comes back, under the name of the target or its own", async () => {
      const content = randomFillSync(Buffer.alloc(100_000));
      await writeFile(here("data.bin"), content);
      await mkdir(there("inbox"));
      expect(await scp(server, [here("data.bin"), onServer("renamed")])).toMatchObject(OK);
      expect(await scp(server, [here("data.bin"), onServer("inbox")])).toMatchObject(OK);
      expect((await readFile(there("renamed"))).equals(content)).toBe(true);
      expect((await readFile(there("inbox", "data.bin"))).equals(content)).toBe(true);

      await mkdir(here("outbox"));
      expect(await scp(server, [onServer("renamed"), here("again")])).toMatchObject(OK);
      expect(await scp(server, [onServer("inbox/data.bin"), here("outbox/")])).toMatchObject(OK);
      expect((await readFile(here("again"))).equals(content)).toBe(true);
      expect((await readFile(here("outbox", "data.bin"))).equals(content)).toBe(true);
      expect((await readdir(here())).sort()).toEqual(["again", "data.bin", "outbox"]);
    });

    test("several go into a folder, an empty one among them", async () => {
      const files = { "a.txt": "first", "b.txt": "", "c.txt": "third" };
      for (const [name, text] of Object.entries(files)) await writeFile(here(name), text);
      const sources = Object.keys(files);
      expect(
        await scp(server, [...sources.map((name) => here(name)), remote(server, there())]),
      ).toMatchObject(OK);
      await mkdir(here("back"));
      expect(await scp(server, [...sources.map((name) => onServer(name)), here("back")])).toMatchObject(OK);
      for (const [name, text] of Object.entries(files)) {
        expect(await readFile(there(name), "utf8")).toBe(text);
        expect(await readFile(here("back", name), "utf8")).toBe(text);
      }
    });

    test("a shorter one replaces a longer one, both ways", async () => {
      await writeFile(here("short"), "short");
      await writeFile(there("long"), "a much longer text");
      expect(await scp(server, [here("short"), onServer("long")])).toMatchObject(OK);
      expect(await readFile(there("long"), "utf8")).toBe("short");
      await writeFile(here("long"), "a much longer text");
      expect(await scp(server, [onServer("long"), here("long")])).toMatchObject(OK);
      expect(await readFile(here("long"), "utf8")).toBe("short");
    });

    test(
      "100 MiB come back with the same SHA-256",
      async () => {
        const block = randomFillSync(Buffer.alloc(MIB));
        const blocks = Array.from({ length: 100 }, (_, index) => {
          block.writeUInt32BE(index);
          return Buffer.from(block);
        });
        await writeFile(here("large"), blocks);
        expect(await scp(server, [here("large"), onServer("large")], LARGE)).toMatchObject(OK);
        expect(await scp(server, [onServer("large"), here("back")], LARGE)).toMatchObject(OK);
        const sent = await digest(here("large"));
        expect((await stat(there("large"))).size).toBe(100 * MIB);
        expect(await digest(there("large"))).toBe(sent);
        expect(await digest(here("back"))).toBe(sent);
      },
      LARGE_TEST_MS,
    );

    test("times and modes are kept with -p, and only then", async () => {
      const accessed = new Date("2001-09-09T01:46:40Z");
      const modified = new Date("1999-12-31T23:59:59Z");
      await writeFile(here("dated"), "x", { mode: 0o604 });
      await utimes(here("dated"), accessed, modified);
      const before = Math.floor(Date.now() / 1000) * 1000;
      expect(await scp(server, ["-p", here("dated"), onServer("kept")])).toMatchObject(OK);
      await utimes(here("dated"), accessed, modified);
      expect(await scp(server, [here("dated"), onServer("fresh")])).toMatchObject(OK);
      const kept = await stat(there("kept"));
      expect([kept.atime, kept.mtime, kept.mode & 0o7777]).toEqual([accessed, modified, 0o604]);
      expect((await stat(there("fresh"))).mtimeMs).toBeGreaterThanOrEqual(before);

      expect(await scp(server, ["-p", onServer("kept"), here("back")])).toMatchObject(OK);
      expect(await scp(server, [onServer("kept"), here("newer")])).toMatchObject(OK);
      const back = await stat(here("back"));
      expect([back.atime, back.mtime, back.mode & 0o7777]).toEqual([accessed, modified, 0o604]);
      expect((await stat(here("newer"))).mtimeMs).toBeGreaterThanOrEqual(before);
    });
  });

  describe("paths", () => {
    test(
      "every odd name is a source, in one command each way",
      async () => {
        await mkdir(there("all"));
        await mkdir(here("back"));
        const contents = new Map(ODD_NAMES.map((name, index) => [name, `content ${index}`]));
        for (const [name, text] of contents) await writeFile(here(name), text);
        const sources = ODD_NAMES.map((name) => here(literal(name)));
        expect(await scp(server, ["-q", "--", ...sources, onServer("all")], LARGE)).toMatchObject(OK);
        expect(await contentsOf(there("all"))).toEqual(contents);
        const remoteSources = ODD_NAMES.map((name) => onServer("all", literal(name)));
        expect(await scp(server, ["-q", "--", ...remoteSources, here("back")], LARGE)).toMatchObject(OK);
        expect(await contentsOf(here("back"))).toEqual(contents);
      },
      LARGE_TEST_MS,
    );

    test.each(["it's $(touch evil) `touch evil`; touch evil", "-rf", "back\\slash *?[x]", "two\nlines"])(
      "%j is a new name, or a folder",
      async (name) => {
        await writeFile(here("source"), name);
        await mkdir(there("parent"));
        expect(await scp(server, [here("source"), onServer("parent", name)])).toMatchObject(OK);
        expect(await contentsOf(there("parent"))).toEqual(new Map([[name, name]]));
        await mkdir(here(name));
        expect(await scp(server, [onServer("parent", literal(name)), here(name)])).toMatchObject(OK);
        expect(await contentsOf(here(name))).toEqual(new Map([[name, name]]));
      },
    );

    test("a local path may be relative, have a colon in it, or look like an option", async () => {
      await writeFile(here("a:b"), "colon");
      await writeFile(here("-r"), "option");
      const sources = ["./a:b", "--", "-r"];
      expect(await scp(server, [...sources, remote(server, there())], { cwd: here() })).toMatchObject(OK);
      expect(await contentsOf(there())).toEqual(
        new Map([
          ["a:b", "colon"],
          ["-r", "option"],
        ]),
      );
    });
  });

  describe("trees", () => {
    test(
      "a thousand files with odd names arrive byte for byte, with times and modes, both ways",
      async () => {
        await makeOddTree(here("tree"), 1000);
        const expected = await describeTree(here("tree"));
        const files = Object.values(expected).filter((entry) => entry.startsWith("file"));
        expect(files).toHaveLength(1000);

        const up = await scp(server, ["-r", "-p", here("tree"), onServer("copy")], LARGE);
        expect(up).toMatchObject(OK);
        expect(up.stdout.trimEnd().split("\n")).toHaveLength(1000);
        expect(await describeTree(there("copy"))).toEqual(expected);

        const down = await scp(server, ["-r", "-p", onServer("copy"), here("back")], LARGE);
        expect(down).toMatchObject(OK);
        expect(down.stdout.trimEnd().split("\n")).toHaveLength(1000);
        expect(await describeTree(here("back"))).toEqual(expected);
      },
      LARGE_TEST_MS,
    );

    test("a tree goes into a folder that is there, beside what is in it, and a second time over itself", async () => {
      await mkdir(here("tree", "deep", "deeper"), { recursive: true });
      await mkdir(here("tree", "empty"));
      await writeFile(here("tree", "deep", "deeper", "file"), "new");
      await mkdir(there("inbox"));
      await writeFile(there("inbox", "older"), "older");
      for (const _ of [1, 2])
        expect(await scp(server, ["-r", here("tree"), onServer("inbox")])).toMatchObject(OK);
      expect((await readdir(there("inbox"), { recursive: true })).sort()).toEqual([
        "older",
        "tree",
        "tree/deep",
        "tree/deep/deeper",
        "tree/deep/deeper/file",
        "tree/empty",
      ]);
      await mkdir(here("back"));
      for (const _ of [1, 2])
        expect(await scp(server, ["-r", onServer("inbox"), here("back")])).toMatchObject(OK);
      expect((await readdir(here("back"), { recursive: true })).sort()).toEqual(
        [
          "inbox",
          ...(await readdir(there("inbox"), { recursive: true })).map((name) => `inbox/${name}`),
        ].sort(),
      );
    });

    test("what is in a folder comes without the folder when its path ends in a dot", async () => {
      await mkdir(here("tree", "inner"), { recursive: true });
      await writeFile(here("tree", "inner", "file"), "x");
      await mkdir(there("copy"));
      expect(await scp(server, ["-r", `${here("tree")}/.`, onServer("copy")])).toMatchObject(OK);
      expect(await readdir(there("copy"), { recursive: true })).toEqual(["inner", "inner/file"]);
      await mkdir(here("back"));
      expect(await scp(server, ["-r", `${onServer("copy")}/.`, here("back")])).toMatchObject(OK);
      expect(await readdir(here("back"), { recursive: true })).toEqual(["inner", "inner/file"]);
    });
  });

  describe("masks", () => {
    const NAMES = ["a1.csv", "b1.csv", "c2.csv", "d1.csv", "a.txt", ".hidden.csv", "\u00e4.csv", "st*r.csv"];
    const MASKS: [masks: string[], chosen: string[]][] = [
      [["*.csv"], ["a1.csv", "b1.csv", "c2.csv", "d1.csv", "st*r.csv", "\u00e4.csv"]],
      [["[a-c]*"], ["a.txt", "a1.csv", "b1.csv", "c2.csv"]],
      [
        ["?1.csv", "*.txt"],
        ["a.txt", "a1.csv", "b1.csv", "d1.csv"],
      ],
      [["[!a-c]1.*"], ["d1.csv"]],
      [
        [".*.csv", "st*r.csv"],
        [".hidden.csv", "st*r.csv"],
      ],
    ];

    test.each(MASKS)("%j choose %j, both ways", async (masks, chosen) => {
      await mkdir(here("from"));
      await mkdir(there("from"));
      for (const name of NAMES) {
        await writeFile(here("from", name), name);
        await writeFile(there("from", name), name);
      }
      await mkdir(here("to"));
      await mkdir(there("to"));
      const local = masks.map((mask) => here("from", mask));
      expect(await scp(server, [...local, onServer("to")])).toMatchObject(OK);
      expect((await readdir(there("to"))).sort()).toEqual([...chosen].sort());
      const distant = masks.map((mask) => onServer("from", mask));
      expect(await scp(server, [...distant, here("to")])).toMatchObject(OK);
      expect((await readdir(here("to"))).sort()).toEqual([...chosen].sort());
    });

    test("one in the name of a folder looks into all that it matches", async () => {
      for (const name of ["in 1", "in'2", "out"]) {
        await mkdir(there(name));
        await writeFile(there(name, `${name}.csv`), name);
        await mkdir(here(name));
        await writeFile(here(name, `${name}.csv`), name);
      }
      await mkdir(here("to"));
      await mkdir(there("to"));
      expect(await scp(server, [onServer("in*", "*.csv"), here("to")])).toMatchObject(OK);
      expect((await readdir(here("to"))).sort()).toEqual(["in 1.csv", "in'2.csv"]);
      expect(await scp(server, [here("in*", "*.csv"), onServer("to")])).toMatchObject(OK);
      expect((await readdir(there("to"))).sort()).toEqual(["in 1.csv", "in'2.csv"]);
    });

    test("one without a match is a failure that names it", async () => {
      await writeFile(here("file"), "x");
      await mkdir(here("to"));
      const down = await scp(server, [onServer("*.csv"), here("to")]);
      expect(down).toMatchObject({ code: 1, stdout: "" });
      expect(oneLine(down.stderr)).toContain(there("*.csv"));
      const up = await scp(server, [here("*.csv"), remote(server, there())]);
      expect(up).toMatchObject({ code: 1, stdout: "" });
      expect(oneLine(up.stderr)).toContain(here("*.csv"));
      expect([await readdir(there()), await readdir(here("to"))]).toEqual([[], []]);
    });
  });
}

/** A name as a mask that matches nothing else. */
function literal(name: string): string {
  return name.replace(/[*?[]/g, "[$&]");
}

async function contentsOf(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const)),
  );
}

async function digest(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
