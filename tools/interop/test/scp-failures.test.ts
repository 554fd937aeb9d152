import { chmod, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { describeWithPeers, runProgram, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { makeRemovable } from "../src/file-tree.js";
import { oneLine } from "../src/one-line.js";
import { opensshPrograms, startOpensshServer } from "../src/openssh-server.js";
import type { SshPeer } from "../src/ssh-peer.js";
import { remote, scp, startWaybill } from "../src/waybill-command.js";

describeWithPeers("waybill scp when something goes wrong", opensshPrograms, () => {
  let server: SshPeer;
  let folder: TemporaryFolder;
  const here = (...parts: string[]) => join(folder.path, "here", ...parts);
  const there = (...parts: string[]) => join(folder.path, "there", ...parts);
  const onServer = (...parts: string[]) => remote(server, there(...parts));

  beforeAll(async () => {
    server = await startOpensshServer();
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

  /** A tree of three files, in which something is done to `bad`. */
  async function makeTree(root: string, spoil: (bad: string) => Promise<unknown>): Promise<void> {
    await mkdir(join(root, "inner"), { recursive: true });
    for (const name of ["first", "inner/bad", "inner/last", "zuletzt"])
      await writeFile(join(root, name), name);
    await spoil(join(root, "inner/bad"));
  }

  const REST = ["first", "inner", "inner/last", "zuletzt"];
  const replaceBy = (make: (path: string) => Promise<unknown>) => async (path: string) => {
    await runProgram("rm", [path]);
    await make(path);
  };
  const BAD: [what: string, spoil: (bad: string) => Promise<unknown>][] = [
    ["may not be read", (bad) => chmod(bad, 0o000)],
    ["is a pipe", replaceBy((bad) => runProgram("mkfifo", [bad]))],
    ["is a link to nowhere", replaceBy((bad) => symlink("nowhere", bad))],
    ["is a folder that may not be read", replaceBy((bad) => mkdir(bad, 0o000))],
  ];

  describe("one entry of a tree", () => {
    test.each(BAD)("that %s is named on one line, and the rest arrives", async (_what, spoil) => {
      await makeTree(here("tree"), spoil);
      const up = await scp(server, ["-r", here("tree"), onServer("copy")]);
      expect(up.code).toBe(1);
      expect(oneLine(up.stderr)).toContain(here("tree", "inner", "bad"));
      expect((await filesIn(there("copy"))).filter((name) => name !== "inner/bad")).toEqual(REST);

      await makeTree(there("tree"), spoil);
      const down = await scp(server, ["-r", onServer("tree"), here("back")]);
      expect(down.code).toBe(1);
      expect(oneLine(down.stderr)).toContain("inner/bad");
      expect((await filesIn(here("back"))).filter((name) => name !== "inner/bad")).toEqual(REST);
    });

    test("whose name is no UTF-8 is named as far as it can be, and the rest arrives", async () => {
      const badName = Buffer.from([0x62, 0x61, 0x64, 0xff]);
      const script = `mv "$0" "$0$(printf '\\377')"`;
      const rename = (bad: string) => runProgram("sh", ["-c", script, bad]);
      for (const root of [here("tree"), there("tree")]) {
        await makeTree(root, rename);
        expect(
          (await readdir(join(root, "inner"), { encoding: "buffer" })).some((name) => name.equals(badName)),
        ).toBe(true);
      }
      const up = await scp(server, ["-r", here("tree"), onServer("copy")]);
      expect(up.code).toBe(1);
      expect(oneLine(up.stderr)).toMatch(/bad.*UTF-8/);
      const down = await scp(server, ["-r", onServer("tree"), here("back")]);
      expect(down.code).toBe(1);
      expect(oneLine(down.stderr)).toMatch(/bad.*UTF-8/);
      for (const root of [there("copy"), here("back")]) expect(await filesIn(root)).toEqual(REST);
    });

    test("whose name has line breaks in it: still one line, and the rest arrives", async () => {
      const name = "bad\nwaybill: everything arrived\u001b[31m";
      const rename = async (bad: string) => {
        await replaceBy((path) => writeFile(join(path, "..", name), "x", { mode: 0o000 }))(bad);
      };
      await makeTree(here("tree"), rename);
      const up = await scp(server, ["-r", here("tree"), onServer("copy")]);
      await makeTree(there("tree"), rename);
      const down = await scp(server, ["-r", onServer("tree"), here("back")]);
      for (const { code, stderr } of [up, down]) {
        expect(code).toBe(1);
        expect(oneLine(stderr)).toMatch(/^waybill: .*bad.waybill: everything arrived/);
        expect(stderr).not.toContain("\u001b");
      }
      for (const root of [there("copy"), here("back")]) expect(await filesIn(root)).toEqual(REST);
    });

    test("that cannot be written is named on one line, and the rest arrives", async () => {
      for (const [from, to] of [
        [here("tree"), there("copy")],
        [there("tree"), here("back")],
      ] as const) {
        await makeTree(from, async () => {});
        // A folder where a file is to go, and a folder in which nothing may be made.
        await mkdir(join(to, "tree", "inner", "bad", "in the way"), { recursive: true });
      }
      const up = await scp(server, ["-r", here("tree"), onServer("copy")]);
      expect(up.code).toBe(1);
      expect(oneLine(up.stderr)).toContain(there("copy", "tree", "inner", "bad"));
      const down = await scp(server, ["-r", onServer("tree"), here("back")]);
      expect(down.code).toBe(1);
      expect(oneLine(down.stderr)).toContain(here("back", "tree", "inner", "bad"));
      for (const root of [there("copy", "tree"), here("back", "tree")])
        expect(await filesIn(root)).toEqual([
          "first",
          "inner",
          "inner/bad",
          "inner/bad/in the way",
          "inner/last",
          "zuletzt",
        ]);
    });

    test("a folder that may not be written into: each of its files is named, and the rest arrives", async () => {
      for (const [from, to] of [
        [here("tree"), there("copy")],
        [there("tree"), here("back")],
      ] as const) {
        await makeTree(from, async () => {});
        await mkdir(join(to, "tree", "inner"), { recursive: true });
        await chmod(join(to, "tree", "inner"), 0o555);
      }
      const up = await scp(server, ["-r", here("tree"), onServer("copy")]);
      const down = await scp(server, ["-r", onServer("tree"), here("back")]);
      for (const { code, stderr } of [up, down]) {
        expect(code).toBe(1);
        expect(stderr.trimEnd().split("\n")).toEqual([
          expect.stringMatching(/inner\/bad/),
          expect.stringMatching(/inner\/last/),
        ]);
      }
      for (const root of [there("copy", "tree"), here("back", "tree")])
        expect(await filesIn(root)).toEqual(["first", "inner", "zuletzt"]);
    });
  });

  describe("what is asked for", () => {
    test("a source that is not there is named, and nothing else happens", async () => {
      const up = await scp(server, [here("missing"), onServer("copy")]);
      expect(up).toMatchObject({ code: 1, stdout: "" });
      expect(oneLine(up.stderr)).toContain(here("missing"));
      const down = await scp(server, [onServer("missing"), here("copy")]);
      expect(down).toMatchObject({ code: 1, stdout: "" });
      expect(oneLine(down.stderr)).toContain(there("missing"));
      expect([await readdir(here()), await readdir(there())]).toEqual([[], []]);
    });

    test("one of several sources that is not there is named, and the others arrive", async () => {
      await writeFile(here("a"), "a");
      await writeFile(here("c"), "c");
      const up = await scp(server, [here("a"), here("b"), here("c"), remote(server, there())]);
      expect(up.code).toBe(1);
      expect(oneLine(up.stderr)).toContain(here("b"));
      expect(await readdir(there())).toEqual(["a", "c"]);
      await mkdir(here("back"));
      const down = await scp(server, [onServer("a"), onServer("b"), onServer("c"), here("back")]);
      expect(down.code).toBe(1);
      expect(oneLine(down.stderr)).toContain(there("b"));
      expect(await readdir(here("back"))).toEqual(["a", "c"]);
    });

    test("a target folder that is not there is named", async () => {
      await writeFile(here("a"), "a");
      await writeFile(here("b"), "b");
      for (const sources of [[here("a")], [here("a"), here("b")]]) {
        const up = await scp(server, [...sources, onServer("missing/")]);
        expect(up.code).toBe(1);
        expect(oneLine(up.stderr)).toContain(there("missing"));
      }
      const down = await scp(server, [remote(server, here("a")), remote(server, here("b")), here("missing")]);
      expect(down.code).toBe(1);
      expect(oneLine(down.stderr)).toContain(here("missing"));
      expect([await readdir(here()), await readdir(there())]).toEqual([["a", "b"], []]);
    });

    test("a full disk on the server is an error", async () => {
      await writeFile(here("a"), Buffer.alloc(100_000));
      const { code, stderr } = await scp(server, [here("a"), remote(server, "/dev/full")]);
      expect(code).toBe(1);
      expect(oneLine(stderr)).toMatch(/no space left/i);
    });
  });

  describe("the server", () => {
    const UNABLE: [what: string, config: string, reason: RegExp][] = [
      ["has no scp", "SetEnv SHLVL=1 PATH=/nonexistent", /no scp/],
      ["lets nobody run anything", "ForceCommand /bin/false", /exit code 1/],
      ["says goodbye instead", "ForceCommand echo This account is closed.; exit 1", /This account is closed/],
      [
        "has a login script that prints",
        "ForceCommand echo Welcome!; $SSH_ORIGINAL_COMMAND",
        /Welcome!.*login script/,
      ],
    ];
    test.each(UNABLE)("that %s: one line says so, both ways", async (_what, config, reason) => {
      const unable = await startOpensshServer({ config: [config] });
      try {
        await writeFile(here("file"), "x");
        await writeFile(there("file"), "x");
        for (const paths of [
          [here("file"), remote(unable, there("copy"))],
          [remote(unable, there("file")), here("copy")],
        ]) {
          const { code, stdout, stderr } = await scp(unable, paths);
          expect([code, stdout]).toEqual([1, ""]);
          expect(oneLine(stderr)).toMatch(reason);
        }
        expect([await readdir(here()), await readdir(there())]).toEqual([["file"], ["file"]]);
      } finally {
        await unable.stop();
      }
    });

    describe("that allows one session at a time", () => {
      const NAMES = ["first", "inner", "inner/two\nlines", "zuletzt"];
      const makeOne = async (root: string) => {
        await mkdir(join(root, "inner"), { recursive: true });
        for (const name of NAMES) if (name !== "inner") await writeFile(join(root, name), name);
      };
      let narrow: SshPeer;
      beforeEach(async () => {
        narrow = await startOpensshServer({ config: ["MaxSessions 1"] });
      });
      afterEach(() => narrow.stop());

      // A name with a line break needs a second session beside the first.
      test("takes everything that does not need two, and what does is named", async () => {
        await makeOne(here("tree"));
        const { code, stderr } = await scp(narrow, ["-r", here("tree"), remote(narrow, there())]);
        const arrived = await filesIn(there("tree"));
        if (code === 0) expect(arrived).toEqual(NAMES);
        else expect(oneLine(stderr)).toMatch(/inner\/two.lines/);
        expect(arrived.filter((name) => !name.includes("\n"))).toEqual(["first", "inner", "zuletzt"]);
      });

      test("gives everything under its right name, or what it cannot is named", async () => {
        await makeOne(there("tree"));
        const { code, stderr } = await scp(narrow, ["-r", remote(narrow, there("tree")), here("back")]);
        const arrived = await filesIn(here("back"));
        if (code === 0) expect(arrived).toEqual(NAMES);
        else expect(oneLine(stderr)).toMatch(/two.*lines/);
        expect(NAMES).toEqual(expect.arrayContaining(arrived));
        expect(arrived).toEqual(expect.arrayContaining(["first", "inner", "zuletzt"]));
      });
    });

    test("that is not there: one line names it", async () => {
      const gone = await startOpensshServer();
      await gone.stop();
      const args = [
        "-P",
        String(gone.port),
        "--host-key-fingerprint",
        gone.fingerprint,
        onServer("a"),
        here("a"),
      ];
      const { code, stderr } = await startWaybill(["scp", ...args]).ended;
      expect(code).toBe(1);
      expect(oneLine(stderr)).toContain(`127.0.0.1:${gone.port}`);
    });
  });
});

/** Everything below a folder, sorted. */
async function filesIn(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}
