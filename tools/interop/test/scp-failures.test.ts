import { once } from "node:events";
import { watch } from "node:fs";
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { describeWithPeers, runProgram, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { makeRemovable } from "../src/file-tree.js";
import { oneLine } from "../src/one-line.js";
import { opensshPrograms, startOpensshServer } from "../src/openssh-server.js";
import type { SshPeer } from "../src/ssh-peer.js";
import { loginOptions, remote, scp, startWaybill } from "../src/waybill-command.js";

const LARGE_FILE_BYTES = 20_000_000;
/** With which the large file takes 40 s: time enough to do something to it. */
const SLOW = ["-l", "4000"];

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

  describe("in the middle of a transfer", () => {
    const start = (args: readonly string[]) =>
      startWaybill(["scp", ...loginOptions(server), ...SLOW, ...args]);

    /** Starts a download of a small and a large file, and resolves when the latter is on its way. */
    async function startDownload() {
      await writeFile(there("small"), "small");
      await writeFile(there("large"), Buffer.alloc(LARGE_FILE_BYTES));
      const large = appearance(here(), /\.part$/, 2);
      const command = start([onServer("small"), onServer("large"), here()]);
      await large;
      return command;
    }

    async function startUpload() {
      await writeFile(here("large"), Buffer.alloc(LARGE_FILE_BYTES));
      const large = appearance(there(), /^large$/);
      const command = start([here("large"), onServer("large")]);
      await large;
      return command;
    }

    test("of a download the connection breaks: an error, the whole files stay, no half one does", async () => {
      const { ended } = await startDownload();
      server.killSessions();
      const { code, stderr } = await ended;
      expect(code).toBe(1);
      expect(oneLine(stderr)).toMatch(/connection|ended/);
      expect(await readdir(here())).toEqual(["small"]);
      expect(await readFile(here("small"), "utf8")).toBe("small");
    });

    test("of an upload the connection breaks: an error", async () => {
      const { ended } = await startUpload();
      server.killSessions();
      const { code, stderr } = await ended;
      expect(code).toBe(1);
      expect(oneLine(stderr)).toMatch(/connection|ended/);
    });

    test.each(["SIGINT", "SIGTERM"] as const)(
      "of a download %s comes: it ends, and no half file stays",
      async (signal) => {
        const { child, ended } = await startDownload();
        child.kill(signal);
        const { code, signal: endedBy, stderr } = await ended;
        expect([code, endedBy]).toEqual([1, null]);
        expect(oneLine(stderr)).toMatch(/abort|interrupt|stopped/i);
        expect(await readdir(here())).toEqual(["small"]);
      },
    );

    test("of an upload SIGINT comes: it ends", async () => {
      const { child, ended } = await startUpload();
      child.kill("SIGINT");
      const { code, stderr } = await ended;
      expect(code).toBe(1);
      expect(oneLine(stderr)).toMatch(/abort|interrupt|stopped/i);
    });

    test("of connecting SIGINT comes: it ends", async () => {
      const silent = createServer().listen(0, "127.0.0.1");
      await once(silent, "listening");
      try {
        const connection = once(silent, "connection");
        const port = String((silent.address() as { port: number }).port);
        const options = ["-P", port, "--host-key-fingerprint", server.fingerprint];
        const { child, ended } = startWaybill(["scp", ...options, onServer("a"), here("a")]);
        const [socket] = await connection;
        child.kill("SIGINT");
        const { code, stderr } = await ended;
        expect(code).toBe(1);
        expect(oneLine(stderr)).toMatch(/abort|interrupt|stopped/i);
        socket.destroy();
      } finally {
        silent.close();
        await once(silent, "close");
      }
    });
  });
});

/** Everything below a folder, sorted. */
async function filesIn(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}

/** Resolves when `count` names that match have appeared in a folder. To be called before what makes them is started. */
function appearance(folder: string, pattern: RegExp, count = 1): Promise<void> {
  const seen = new Set<string>();
  const watcher = watch(folder, { persistent: false });
  return new Promise((resolve, reject) => {
    watcher.once("error", reject);
    watcher.on("change", (_event, name) => {
      if (typeof name !== "string" || !pattern.test(name)) return;
      seen.add(name);
      if (seen.size < count) return;
      watcher.close();
      resolve();
    });
  });
}
