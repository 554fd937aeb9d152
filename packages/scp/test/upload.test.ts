import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type ScpFileResult, type ScpProgress, upload } from "@waybill/scp";
import { describeWithPeers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { scpPeer, snapshot } from "./file-trees.js";
import { SpawnExecutor } from "./spawn-executor.js";

const codes = (files: readonly ScpFileResult[]) => files.map((file) => file.error?.code ?? "ok");

describeWithPeers("upload to OpenSSH's scp", [scpPeer], () => {
  let folder: TemporaryFolder;
  let server: SpawnExecutor;
  let home: string;
  const local = (...parts: string[]) => join(folder.path, "local", ...parts);

  beforeEach(async () => {
    folder = await temporaryFolder();
    home = join(folder.path, "home");
    await mkdir(home);
    await mkdir(local());
    server = new SpawnExecutor(home);
  });

  afterEach(async () => {
    await server.idle();
    await folder.remove();
  });

  describe("one file", () => {
    test("goes into a folder, or takes the name of the target", async () => {
      await writeFile(local("a.txt"), "content");
      await mkdir(join(home, "in box"));
      const result = await upload(server, local("a.txt"), "in box");
      expect(result).toEqual({
        files: [{ localPath: local("a.txt"), remotePath: "in box", bytes: 7, ok: true }],
        bytes: 7,
        failed: 0,
      });
      await upload(server, local("a.txt"), join(home, "in box/-new name"));
      expect(await readFile(join(home, "in box/a.txt"), "utf8")).toBe("content");
      expect(await readFile(join(home, "in box/-new name"), "utf8")).toBe("content");
      await upload(server, local("a.txt"), "");
      await upload(server, local("a.txt"), "~/tilde");
      expect((await readdir(home)).sort()).toEqual(["a.txt", "in box", "tilde"]);
    });

    test.each([0, 1, 32 * 1024, 128 * 1024, 128 * 1024 + 1, 5_000_000])(
      "of %i bytes arrives whole",
      async (size) => {
        const content = Buffer.alloc(size, "0123456789abcdef");
        await writeFile(local("a"), content);
        await upload(server, local("a"), "b");
        expect((await readFile(join(home, "b"))).equals(content)).toBe(true);
      },
    );

    test("keeps time and mode only when asked to", async () => {
      await writeFile(local("a"), "x");
      await chmod(local("a"), 0o604);
      await utimes(local("a"), 1_000_000_000, 1_100_000_000.5);
      // First: to read the file changes its time of access.
      await upload(server, local("a"), "kept", { preserve: true });
      await upload(server, local("a"), "now");
      await upload(server, local("a"), "given", { preserve: true, fileMode: 0o640 });
      const kept = await stat(join(home, "kept"));
      expect([kept.mtimeMs, kept.atimeMs, kept.mode & 0o7777]).toEqual([1_100_000_000_500, 1e12, 0o604]);
      expect((await stat(join(home, "now"))).mtimeMs).toBeGreaterThan(1_600_000_000_000);
      expect((await stat(join(home, "given"))).mode & 0o7777).toBe(0o640);
    });

    test("that is not there is an error before anything runs on the server", async () => {
      await expect(upload(server, local("none"), "b")).rejects.toMatchObject({
        code: "ERR_SCP_NO_SUCH_FILE",
      });
      await expect(upload(server, local("none*"), "b")).rejects.toMatchObject({ code: "ERR_SCP_NO_MATCH" });
      await expect(upload(server, local(), "b")).rejects.toMatchObject({ code: "ERR_SCP_IS_FOLDER" });
      expect(server.commands).toEqual([]);
    });

    test("that the server does not take is an error with its text", async () => {
      await writeFile(local("a"), "x");
      await expect(upload(server, local("a"), "no/such/folder")).rejects.toMatchObject({
        code: "ERR_SCP_REMOTE_WARNING",
        message: "the server reports: no/such/folder: No such file or directory",
        details: { result: { failed: 1 } },
      });
    });

    test("with a line break in its name or path arrives under it", async () => {
      const name = "odd\nname \\^J 'x'";
      await writeFile(local(name), "x");
      await upload(server, local(name), ".");
      await upload(server, local(name), "to\nthis");
      await upload(server, { name: "from\nstream", data: Buffer.from("x") }, home);
      expect((await readdir(home)).sort()).toEqual(["from\nstream", name, "to\nthis"].sort());
    });

    test("is not put into a folder that has its odd name", async () => {
      await writeFile(local("odd\nname"), "x");
      await mkdir(join(home, "odd\nname"));
      await expect(upload(server, local("odd\nname"), ".")).rejects.toMatchObject({
        code: "ERR_SCP_REMOTE_WARNING",
      });
      expect(await readdir(join(home, "odd\nname"))).toEqual([]);
    });

    test("replaces, skips or refuses what is there", async () => {
      await writeFile(local("a"), "new");
      await writeFile(join(home, "a"), "old");
      await expect(upload(server, local("a"), ".", { overwrite: "never" })).rejects.toMatchObject({
        code: "ERR_SCP_EXISTS",
      });
      const skipped = await upload(server, local("a"), home, { overwrite: "skip" });
      expect(skipped.files).toEqual([
        { localPath: local("a"), remotePath: join(home, "a"), bytes: 0, ok: true, skipped: true },
      ]);
      expect(await readFile(join(home, "a"), "utf8")).toBe("old");
      await upload(server, local("a"), ".");
      expect(await readFile(join(home, "a"), "utf8")).toBe("new");
      await upload(server, local("a"), "other", { overwrite: "never" });
      expect(await readFile(join(home, "other"), "utf8")).toBe("new");
    });

    test("that grows while it is sent is reported", async () => {
      await writeFile(local("log"), Buffer.alloc(1_000_000));
      const grow = ({ state }: ScpProgress) => {
        if (state === "start") appendFileSync(local("log"), "more");
      };
      await expect(upload(server, local("log"), "log", { onProgress: grow })).rejects.toMatchObject({
        code: "ERR_SCP_FILE_CHANGED",
      });
    });
  });

  describe("streams", () => {
    test("of every kind arrive, with times and modes", async () => {
      async function* generated() {
        yield "text ";
        yield new Uint8Array([0x31, 0x32]);
        yield Buffer.alloc(0);
      }
      const result = await upload(
        server,
        [
          { name: "bytes", data: new Uint8Array([1, 2, 3]), mode: 0o600 },
          { name: "stream", data: Readable.from([Buffer.from("abc"), Buffer.from("de")]), size: 5 },
          { name: "generated", data: generated(), size: 7, modifiedAt: new Date(1_000_000_000_250) },
        ],
        ".",
      );
      expect(result).toMatchObject({ failed: 0, bytes: 15 });
      expect(await readFile(join(home, "stream"), "utf8")).toBe("abcde");
      expect(await readFile(join(home, "generated"), "utf8")).toBe("text 12");
      expect((await stat(join(home, "generated"))).mtimeMs).toBe(1_000_000_000_250);
      expect((await stat(join(home, "bytes"))).mode & 0o777).toBe(0o600);
    });

    test.each([
      ["fewer", 4, "ERR_SCP_FILE_CHANGED"],
      ["more", 2, "ERR_SCP_FILE_CHANGED"],
    ])("with %s bytes than announced are reported, and the others arrive", async (_what, size, code) => {
      const result = await upload(
        server,
        [
          { name: "wrong", data: Readable.from([Buffer.from("abc")]), size },
          { name: "right", data: Readable.from([Buffer.from("abc")]), size: 3 },
        ],
        ".",
      );
      expect(codes(result.files)).toEqual([code, "ok"]);
      expect(await readFile(join(home, "right"), "utf8")).toBe("abc");
    });

    test("that fail end the transfer at once when there is nothing else", async () => {
      const failing = Readable.from(
        (async function* () {
          yield Buffer.from("abc");
          throw new Error("the source is gone");
        })(),
      );
      await expect(upload(server, { name: "a", data: failing, size: 10 ** 12 }, "a")).rejects.toMatchObject({
        code: "ERR_SCP_SOURCE_FAILED",
        cause: { message: "the source is gone" },
      });
    });

    test("that failed before their turn end no process", async () => {
      const failing = new Readable({ read() {} });
      failing.destroy(new Error("early"));
      const sources = [
        { name: "a", data: failing, size: 3 },
        { name: "b", data: Buffer.from("x") },
      ];
      const result = await upload(server, sources, ".");
      expect(codes(result.files)).toEqual(["ERR_SCP_SOURCE_FAILED", "ok"]);
    });

    test("that are not sent are ended all the same", async () => {
      await writeFile(join(home, "a"), "");
      const [skipped, unreached] = [Readable.from(["x"]), Readable.from(["x"])];
      await upload(server, { name: "a", data: skipped, size: 1 }, "a", { overwrite: "skip" });
      await expect(
        upload(server, [{ name: "b", data: unreached, size: 1 }, local("none")], "no folder"),
      ).rejects.toMatchObject({ code: "ERR_SCP_REMOTE_FATAL" });
      expect([skipped.destroyed, unreached.destroyed]).toEqual([true, true]);
    });

    test("without a size, or with a path for a name, are refused", async () => {
      const data = Readable.from([Buffer.from("abc")]);
      await expect(upload(server, { name: "a", data }, "a")).rejects.toMatchObject({
        code: "ERR_OPTION_INVALID",
      });
      await expect(upload(server, { name: "../a", data, size: 3 }, "a")).rejects.toMatchObject({
        code: "ERR_SCP_UNSAFE_NAME",
      });
      expect(server.commands).toEqual([]);
    });
  });

  describe("several", () => {
    test("need a folder", async () => {
      await writeFile(local("a"), "x");
      await writeFile(local("b"), "x");
      await expect(upload(server, [local("a"), local("b")], "none")).rejects.toMatchObject({
        code: "ERR_SCP_REMOTE_FATAL",
        details: { text: "none: No such file or directory" },
      });
      expect(await readdir(home)).toEqual([]);
    });

    test("by masks, and one that fails does not keep the others", async () => {
      for (const name of ["a1.xml", "b2.xml", "c.txt", ".hidden.xml", "[x].xml"])
        await writeFile(local(name), name);
      await mkdir(local("d.xml"));
      await mkdir(join(home, "b2.xml"));
      const sources = [local("[ab]?.xml"), local("none"), local("*.none"), local("[x].xml"), local("d.*")];
      const result = await upload(server, sources, ".");
      expect(codes(result.files).sort()).toEqual([
        "ERR_SCP_IS_FOLDER",
        "ERR_SCP_NO_MATCH",
        "ERR_SCP_NO_SUCH_FILE",
        "ERR_SCP_REMOTE_WARNING",
        "ok",
        "ok",
      ]);
      expect(result).toMatchObject({ failed: 4, bytes: 13 });
      expect((await readdir(home)).sort()).toEqual(["[x].xml", "a1.xml", "b2.xml"]);
    });

    test("masks in folders", async () => {
      for (const name of ["x1", "x2", "y1"]) {
        await mkdir(local(name));
        await writeFile(local(name, `${name}.txt`), "");
      }
      await upload(server, local("x*", "*.txt"), ".");
      expect((await readdir(home)).sort()).toEqual(["x1.txt", "x2.txt"]);
    });

    test("masks are taken literally on request", async () => {
      await writeFile(local("a1"), "");
      await expect(upload(server, local("a?"), ".", { masks: false })).rejects.toMatchObject({
        code: "ERR_SCP_NO_SUCH_FILE",
      });
    });
  });

  describe("folders", () => {
    test("become the target, or go into it", async () => {
      await mkdir(local("tree/sub/empty"), { recursive: true });
      await writeFile(local("tree/sub/a"), "x");
      const first = await upload(server, local("tree"), "new", { recursive: true });
      expect(first.files.map((file) => file.remotePath)).toEqual(["new/sub/a"]);
      const second = await upload(server, local("tree"), "new", { recursive: true });
      expect(second.files.map((file) => file.remotePath)).toEqual(["new/tree/sub/a"]);
      expect([...(await snapshot(join(home, "new"))).keys()]).toEqual([
        ".",
        "./sub",
        "./sub/a",
        "./sub/empty",
        "./tree",
        "./tree/sub",
        "./tree/sub/a",
        "./tree/sub/empty",
      ]);
    });

    test("give their contents when they are named by a dot", async () => {
      await mkdir(local("tree"));
      await writeFile(local("tree/a"), "x");
      await mkdir(join(home, "there"));
      await upload(server, `${local("tree")}/.`, "there", { recursive: true });
      await upload(server, `${local("tree")}/.`, "new", { recursive: true });
      expect(await readdir(join(home, "there"))).toEqual(["a"]);
      expect(await readdir(join(home, "new"))).toEqual(["a"]);
    });

    test("get the modes that are given", async () => {
      await mkdir(local("tree/sub"), { recursive: true });
      await writeFile(local("tree/sub/a"), "x");
      await upload(server, local("tree"), "new", {
        recursive: true,
        directoryMode: 0o711,
        fileMode: 0o600,
        preserve: true,
      });
      expect([...(await snapshot(join(home, "new"))).values()].map(({ mode }) => mode)).toEqual([
        0o711, 0o711, 0o600,
      ]);
    });

    test("report what fails in them, and the rest goes on", async () => {
      await mkdir(local("tree/z"), { recursive: true });
      for (const name of ["a", "b", "z/c"]) await writeFile(local("tree", name), name);
      execFileSync("mkfifo", [local("tree/fifo")]);
      await symlink("nowhere", local("tree/dangling"));
      await symlink("nowhere", local("tree/dangling\ntoo"));
      await symlink("..", local("tree/z/loop"));
      await writeFile(Buffer.concat([Buffer.from(`${local("tree")}/latin-`), Buffer.from([0xfc])]), "x");
      await mkdir(join(home, "new/tree/a"), { recursive: true });
      const result = await upload(server, local("tree"), "new", { recursive: true });
      expect(result.files.map(({ remotePath, error }) => [remotePath, error?.code ?? "ok"])).toEqual([
        ["new/tree/a", "ERR_SCP_REMOTE_WARNING"],
        ["new/tree/b", "ok"],
        ["new/tree/dangling", "ERR_SCP_NO_SUCH_FILE"],
        ["new/tree/dangling\ntoo", "ERR_SCP_NO_SUCH_FILE"],
        ["new/tree/fifo", "ERR_SCP_NOT_REGULAR"],
        ["new/tree/latin-\ufffd", "ERR_SCP_NAME_ENCODING"],
        ["new/tree/z/c", "ok"],
        ["new/tree/z/loop", "ERR_SCP_LINK_LOOP"],
      ]);
      expect(result).toMatchObject({ failed: 6, bytes: 4 });
    });

    test("follow links, or leave them out", async () => {
      await mkdir(local("tree/real"), { recursive: true });
      await writeFile(local("tree/real/a"), "x");
      await symlink("real", local("tree/link"));
      await symlink("real/a", local("tree/file"));
      await upload(server, local("tree"), "followed", { recursive: true });
      expect([...(await snapshot(join(home, "followed"))).keys()]).toEqual([
        ".",
        "./file",
        "./link",
        "./link/a",
        "./real",
        "./real/a",
      ]);
      const result = await upload(server, local("tree"), "left", {
        recursive: true,
        followSymbolicLinks: false,
      });
      expect(result.files.filter((file) => file.skipped).map((file) => file.remotePath)).toEqual([
        "left/file",
        "left/link",
      ]);
      expect([...(await snapshot(join(home, "left"))).keys()]).toEqual([".", "./real", "./real/a"]);
    });

    test("with odd names go over those that are there, attributes included", async () => {
      const odd = local("tree", "odd\nfolder");
      await mkdir(join(odd, "in\nit"), { recursive: true });
      await writeFile(join(odd, "in\nit", "a"), "x");
      await chmod(odd, 0o750);
      await utimes(odd, 1_000_000_000, 1_100_000_000);
      await utimes(local("tree"), 1_000_000_000, 1_200_000_000);
      const expected = await snapshot(local("tree"));
      await mkdir(join(home, "tree", "odd\nfolder", "in\nit"), { recursive: true });
      const result = await upload(server, local("tree"), ".", { recursive: true, preserve: true });
      expect(codes(result.files)).toEqual(["ok"]);
      expect(await snapshot(join(home, "tree"))).toEqual(expected);
    });
  });

  describe("on the way", () => {
    test("progress is told for every file, and results as they come", async () => {
      await mkdir(local("tree"));
      await writeFile(local("tree/a"), Buffer.alloc(3_000_000));
      await writeFile(local("tree/b"), "");
      const told: ScpProgress[] = [];
      const files: ScpFileResult[] = [];
      const result = await upload(server, local("tree"), ".", {
        recursive: true,
        progressIntervalMs: 0,
        onProgress: (progress) => told.push(progress),
        onFile: (file) => files.push(file),
      });
      expect(files).toEqual(result.files);
      const ofA = told.filter(({ path }) => path === local("tree/a"));
      expect(ofA[0]).toMatchObject({
        state: "start",
        bytes: 0,
        totalBytes: 3_000_000,
        percent: 0,
        direction: "upload",
      });
      expect(ofA.at(-1)).toMatchObject({
        state: "end",
        bytes: 3_000_000,
        percent: 100,
        remotePath: "tree/a",
      });
      expect(ofA.length).toBeGreaterThan(10);
      expect(told.filter(({ path }) => path === local("tree/b")).map(({ state }) => state)).toEqual([
        "start",
        "end",
      ]);
    });

    test("a bandwidth limit holds", async () => {
      const startedAt = performance.now();
      const data = Buffer.alloc(300_000);
      await upload(server, { name: "a", data }, ".", { bytesPerSecond: 400_000 });
      // A quarter of a second's worth passes at once.
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(490);
    });

    test("an abort ends everything, also while the source has nothing to give", async () => {
      const abort = new AbortController();
      const stuck = new Readable({ read() {} });
      stuck.push(Buffer.alloc(1000));
      const uploaded = upload(server, { name: "a", data: stuck, size: 2000 }, ".", {
        signal: abort.signal,
        progressIntervalMs: 0,
        onProgress: ({ state }) => {
          if (state === "progress") abort.abort();
        },
      });
      await expect(uploaded).rejects.toMatchObject({ code: "ERR_ABORTED" });
      expect(stuck.destroyed).toBe(true);
      const early = upload(server, local("none"), ".", { signal: AbortSignal.abort() });
      await expect(early).rejects.toMatchObject({ code: "ERR_ABORTED" });
    });

    test("a callback that throws ends the transfer and leaves nothing open", async () => {
      const data = Readable.from([Buffer.from("x")]);
      const onProgress = () => {
        throw new Error("the caller's own");
      };
      await expect(upload(server, { name: "a", data, size: 1 }, "a", { onProgress })).rejects.toThrow(
        "the caller's own",
      );
      expect(data.destroyed).toBe(true);
    });

    test("a server that ends is noticed while the source has nothing to give", async () => {
      const stuck = new Readable({ read() {} });
      const uploaded = upload(server, { name: "a", data: stuck, size: 10 }, "a", {
        remoteProgram: "printf '\\0\\0\\1scp: quota exceeded\\n'; : scp",
      });
      await expect(uploaded).rejects.toMatchObject({
        code: "ERR_SCP_REMOTE_FATAL",
        details: { text: "quota exceeded" },
      });
      expect(stuck.destroyed).toBe(true);
    });

    test("a server without scp is told from others", async () => {
      const data = Buffer.from("x");
      await expect(
        upload(server, { name: "a", data }, "a", { remoteProgram: "no-such-scp" }),
      ).rejects.toMatchObject({
        code: "ERR_SCP_NOT_AVAILABLE",
        details: { exitCode: 127 },
      });
    });

    test("wrong options are refused", async () => {
      const source = { name: "a", data: Buffer.from("x") };
      for (const wrong of [
        { fileMode: 0o7777 },
        { bytesPerSecond: 0 },
        { idleTimeoutMs: -1 },
        { remoteProgram: "" },
        { overwrite: "newer" as "skip" },
      ])
        await expect(upload(server, source, "a", wrong)).rejects.toMatchObject({
          code: "ERR_OPTION_INVALID",
        });
      await expect(upload(server, [], "a")).rejects.toMatchObject({ code: "ERR_OPTION_INVALID" });
      await expect(upload(server, source, "a\0b")).rejects.toMatchObject({ code: "ERR_OPTION_INVALID" });
    });
  });
});
