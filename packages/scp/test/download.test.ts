import {
  chmod,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { download, downloadToStream, type ScpFileResult, type ScpProgress } from "@waybill/scp";
import { describeWithPeers, runProgram, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { scpPeer, snapshot } from "./file-trees.js";
import { SpawnExecutor } from "./spawn-executor.js";

const codes = (files: readonly ScpFileResult[]) => files.map((file) => file.error?.code ?? "ok");

describeWithPeers("download from OpenSSH's scp", [scpPeer], () => {
  let folder: TemporaryFolder;
  let server: SpawnExecutor;
  let target: string;
  const remote = (...parts: string[]) => join(folder.path, "home", ...parts);

  beforeEach(async () => {
    folder = await temporaryFolder();
    target = join(folder.path, "target");
    await mkdir(remote());
    await mkdir(target);
    server = new SpawnExecutor(remote());
  });

  afterEach(async () => {
    await server.idle();
    await folder.remove();
  });

  describe("one file", () => {
    test("goes into a folder, or takes the name of the target", async () => {
      await writeFile(remote("-a 'b'.txt"), "content");
      const result = await download(server, "-a 'b'.txt", target);
      expect(result).toEqual({
        files: [
          {
            localPath: join(target, "-a 'b'.txt"),
            remotePath: "-a 'b'.txt",
            bytes: 7,
            ok: true,
            mode: (await stat(remote("-a 'b'.txt"))).mode & 0o777,
          },
        ],
        bytes: 7,
        failed: 0,
      });
      await download(server, "~/-a 'b'.txt", join(target, "new"));
      expect(await readFile(join(target, "new"), "utf8")).toBe("content");
      expect((await readdir(target)).sort()).toEqual(["-a 'b'.txt", "new"]);
    });

    test.each([0, 1, 65_536, 5_000_001])("of %i bytes arrives whole", async (size) => {
      const content = Buffer.alloc(size, "0123456789abcdef");
      await writeFile(remote("a"), content);
      await download(server, "a", join(target, "b"));
      expect((await readFile(join(target, "b"))).equals(content)).toBe(true);
    });

    test("keeps time and mode only when asked to, and never setuid", async () => {
      await writeFile(remote("a"), "x");
      await chmod(remote("a"), 0o6777);
      await utimes(remote("a"), 1_000_000_000, 1_100_000_000);
      const kept = await download(server, "a", join(target, "kept"), { preserve: true });
      expect(kept.files[0]).toMatchObject({
        mode: 0o6777,
        modifiedAt: new Date(1_100_000_000_000),
        accessedAt: new Date(1_000_000_000_000),
      });
      const stats = await stat(join(target, "kept"));
      expect([stats.mtimeMs, stats.atimeMs, stats.mode & 0o7777]).toEqual([1.1e12, 1e12, 0o777]);
      const umask = process.umask();
      await download(server, "a", join(target, "now"));
      expect((await stat(join(target, "now"))).mode & 0o7777).toBe(0o777 & ~umask);
      await download(server, "a", join(target, "given"), { fileMode: 0o606 });
      expect((await stat(join(target, "given"))).mode & 0o7777).toBe(0o606);
    });

    test("that is not there is an error with the server's text", async () => {
      await expect(download(server, "no ne", target)).rejects.toMatchObject({
        code: "ERR_SCP_REMOTE_WARNING",
        details: { text: "no ne: No such file or directory", result: { failed: 1 } },
      });
      await expect(download(server, "*.none", target)).rejects.toMatchObject({ code: "ERR_SCP_NO_MATCH" });
      await expect(download(server, ".", target)).rejects.toMatchObject({ code: "ERR_SCP_REMOTE_WARNING" });
      await expect(download(server, "none/.", target, { recursive: true })).rejects.toMatchObject({
        code: "ERR_SCP_REMOTE_FAILED",
      });
      expect(await readdir(target)).toEqual([]);
    });

    test("with a line break in its name or path arrives under it", async () => {
      const path = "odd\nfolder \\^J/grüße\nand \\M-C";
      await mkdir(remote("odd\nfolder \\^J"));
      await writeFile(remote(path), "x");
      await writeFile(remote("odd\nfolder \\^J/plain"), "y");
      const result = await download(server, [path, "odd\nfolder \\^J/plain"], target);
      expect(codes(result.files)).toEqual(["ok", "ok"]);
      expect((await readdir(target)).sort()).toEqual(["grüße\nand \\M-C", "plain"]);
    });

    test("replaces, skips, refuses or renews what is there", async () => {
      await writeFile(remote("a"), "new");
      await utimes(remote("a"), 1_000_000_000, 1_000_000_000);
      await writeFile(join(target, "a"), "old");
      await chmod(join(target, "a"), 0o640);
      await expect(download(server, "a", target, { overwrite: "never" })).rejects.toMatchObject({
        code: "ERR_SCP_EXISTS",
      });
      for (const overwrite of ["skip", "newer"] as const) {
        const { files } = await download(server, "a", target, { overwrite });
        expect(files).toMatchObject([{ ok: true, skipped: true, bytes: 0 }]);
      }
      expect(await readFile(join(target, "a"), "utf8")).toBe("old");
      await utimes(join(target, "a"), 999_999_999, 999_999_999);
      await download(server, "a", target, { overwrite: "newer" });
      expect(await readFile(join(target, "a"), "utf8")).toBe("new");
      expect((await stat(join(target, "a"))).mode & 0o777).toBe(0o640);
      await writeFile(join(target, "a"), "old");
      await download(server, "a", target);
      expect(await readFile(join(target, "a"), "utf8")).toBe("new");
    });

    test("takes the place of a link, not of what it leads to", async () => {
      await writeFile(remote("a"), "new");
      await writeFile(join(folder.path, "victim"), "old");
      await symlink("../victim", join(target, "a"));
      await download(server, "a", target);
      expect(await readFile(join(target, "a"), "utf8")).toBe("new");
      expect(await readFile(join(folder.path, "victim"), "utf8")).toBe("old");
      await symlink("victim", join(folder.path, "own"));
      await download(server, "a", join(folder.path, "own"));
      expect(await readlink(join(folder.path, "own"))).toBe("victim");
      expect(await readFile(join(folder.path, "victim"), "utf8")).toBe("new");
    });

    test("goes into a device as it is", async () => {
      await writeFile(remote("a"), "new");
      await download(server, "a", "/dev/null");
      expect((await stat("/dev/null")).isCharacterDevice()).toBe(true);
    });

    test("does not take the place of a folder", async () => {
      await writeFile(remote("a"), "new");
      await mkdir(join(target, "a"));
      await expect(download(server, "a", target)).rejects.toMatchObject({ code: "ERR_SCP_LOCAL_FILE" });
      await expect(download(server, "a", join(target, "none", "b"))).rejects.toMatchObject({
        code: "ERR_SCP_TARGET_NOT_FOLDER",
      });
      expect(await readdir(target)).toEqual(["a"]);
    });
  });

  describe("several", () => {
    test("by masks that the server expands, and one that fails does not keep the others", async () => {
      await mkdir(remote("in box"));
      for (const name of [
        "a1.xml",
        "b2.xml",
        "c3.xml",
        "d.txt",
        "-e.xml",
        "it's.xml",
        "line\nbreak.xml",
        ".hidden.xml",
      ])
        await writeFile(remote("in box", name), name);
      await mkdir(remote("in box", "folder.xml"));
      const result = await download(
        server,
        ["in box/*.xml", "none", "in box/*.none", "in box/d.txt"],
        target,
      );
      expect(codes(result.files).sort()).toEqual([
        "ERR_SCP_NO_MATCH",
        "ERR_SCP_REMOTE_WARNING",
        "ERR_SCP_REMOTE_WARNING",
        ...Array(7).fill("ok"),
      ]);
      expect((await readdir(target)).sort()).toEqual(
        ["-e.xml", "a1.xml", "b2.xml", "c3.xml", "d.txt", "it's.xml", "line\nbreak.xml"].sort(),
      );
      const again = await download(server, "*/[!a-b][0-9].xml", target, { overwrite: "never" });
      expect(again.files.map(({ localPath, error }) => [localPath, error?.code])).toEqual([
        [join(target, "c3.xml"), "ERR_SCP_EXISTS"],
      ]);
    });

    test("folders by a mask, with odd names too", async () => {
      for (const name of ["d1", "d\n2"]) {
        await mkdir(remote("all", name, "in\nit"), { recursive: true });
        await writeFile(remote("all", name, "in\nit", "a"), "x");
      }
      const result = await download(server, "all/d*", target, { recursive: true });
      expect(codes(result.files)).toEqual(["ok", "ok"]);
      expect([...(await snapshot(target)).keys()].sort()).toEqual(
        [".", "./d1", "./d1/in\nit", "./d1/in\nit/a", "./d\n2", "./d\n2/in\nit", "./d\n2/in\nit/a"].sort(),
      );
    });

    test("folders by a mask in folders, with odd names in them", async () => {
      for (const name of ["x1/one", "x2/two"]) {
        await mkdir(remote(name, "in\nit"), { recursive: true });
        await writeFile(remote(name, "in\nit", "a\nb"), name);
      }
      const result = await download(server, "x*/[ot]*", target, { recursive: true });
      expect(codes(result.files)).toEqual(["ok", "ok"]);
      expect(await readFile(join(target, "two/in\nit/a\nb"), "utf8")).toBe("x2/two");
    });

    test("need a folder", async () => {
      await expect(download(server, ["a", "b"], join(target, "none"))).rejects.toMatchObject({
        code: "ERR_SCP_TARGET_NOT_FOLDER",
      });
      await expect(download(server, "a*", join(target, "none"))).rejects.toMatchObject({
        code: "ERR_SCP_TARGET_NOT_FOLDER",
      });
      expect(server.commands).toEqual([]);
    });

    test("masks are taken literally on request", async () => {
      await writeFile(remote("a*"), "star");
      await writeFile(remote("ab"), "other");
      await download(server, "a*", join(target, "got"), { masks: false });
      expect(await readFile(join(target, "got"), "utf8")).toBe("star");
    });
  });

  describe("folders", () => {
    test("become the target, go into it, or give their contents", async () => {
      await mkdir(remote("tree/sub/empty"), { recursive: true });
      await writeFile(remote("tree/sub/a"), "x");
      const all = [".", "./sub", "./sub/a", "./sub/empty"];
      const options = { recursive: true };
      await download(server, "tree", join(target, "new"), options);
      expect([...(await snapshot(join(target, "new"))).keys()]).toEqual(all);
      await download(server, "tree/", target, options);
      expect([...(await snapshot(join(target, "tree"))).keys()]).toEqual(all);
      await mkdir(join(target, "there"));
      const result = await download(server, "tree/.", join(target, "there"), options);
      expect(result.files.map((file) => file.remotePath)).toEqual(["tree/./sub/a"]);
      expect([...(await snapshot(join(target, "there"))).keys()]).toEqual(all);
      await download(server, "tree/.", join(target, "made"), options);
      expect([...(await snapshot(join(target, "made"))).keys()]).toEqual(all);
    });

    test("keep their attributes, or get those that are given", async () => {
      await mkdir(remote("tree/sub"), { recursive: true });
      await writeFile(remote("tree/sub/a"), "x");
      await chmod(remote("tree/sub"), 0o555);
      await utimes(remote("tree"), 1_000_000_000, 1_100_000_000);
      await download(server, "tree", join(target, "kept"), { recursive: true, preserve: true });
      expect(await snapshot(join(target, "kept"))).toEqual(await snapshot(remote("tree")));
      await download(server, "tree", join(target, "now"), { recursive: true });
      expect((await stat(join(target, "now/sub"))).mode & 0o777).toBe(0o555 & ~process.umask());
      await download(server, "tree", join(target, "given"), { recursive: true, directoryMode: 0o711 });
      expect((await stat(join(target, "given/sub"))).mode & 0o777).toBe(0o711);
    });

    test("report what fails in them, and the rest goes on", async () => {
      await mkdir(remote("tree/z"), { recursive: true });
      for (const name of ["a", "b", "z/c"]) await writeFile(remote("tree", name), name);
      await symlink("nowhere", remote("tree/dangling"));
      await symlink("nowhere", remote("tree/dangling\ntoo"));
      await runProgram("mkfifo", [remote("tree/fifo")]);
      await writeFile(Buffer.concat([Buffer.from(remote("tree/latin-")), Buffer.from([0xfc])]), "x");
      await mkdir(join(target, "tree/a"), { recursive: true });
      const result = await download(server, "tree", target, { recursive: true });
      const failed = result.files.filter((file) => !file.ok);
      expect(failed.map(({ remotePath, error }) => `${remotePath} ${error?.code}`).sort()).toEqual([
        "tree ERR_SCP_REMOTE_WARNING",
        "tree ERR_SCP_REMOTE_WARNING",
        "tree/a ERR_SCP_LOCAL_FILE",
        "tree/dangling\ntoo ERR_SCP_REMOTE_WARNING",
        "tree/latin-ü ERR_SCP_NAME_ENCODING",
      ]);
      expect(result).toMatchObject({ failed: 5, bytes: 4 });
      expect([...(await snapshot(target)).keys()]).toEqual([
        ".",
        "./tree",
        "./tree/a",
        "./tree/b",
        "./tree/z",
        "./tree/z/c",
      ]);
    });

    test("do not follow links out of the target", async () => {
      await mkdir(remote("tree/out"), { recursive: true });
      await mkdir(remote("tree/in"));
      for (const name of ["out", "in"]) await writeFile(remote("tree", name, "a"), "x");
      await mkdir(join(folder.path, "outside"));
      await mkdir(join(target, "tree/real"), { recursive: true });
      await symlink("../../outside", join(target, "tree/out"));
      await symlink("real", join(target, "tree/in"));
      const result = await download(server, "tree", target, { recursive: true });
      expect(codes(result.files).sort()).toEqual(["ERR_SCP_UNSAFE_TARGET", "ok"]);
      expect(await readdir(join(folder.path, "outside"))).toEqual([]);
      expect(await readdir(join(target, "tree/real"))).toEqual(["a"]);
    });

    test("names that cannot be listed are failures, and the rest arrives", async () => {
      await mkdir(remote("tree"));
      for (const name of ["a\nb", "a\\^Jc", "z"]) await writeFile(remote("tree", name), "x");
      await runProgram("ln", ["-s", (await runProgram("which", ["scp"])).stdout.trim(), remote("scp")]);
      const bare = new SpawnExecutor(remote(), { PATH: remote() });
      const result = await download(bare, "tree", target, { recursive: true });
      await bare.idle();
      expect(result.files.map(({ remotePath, error }) => [remotePath, error?.code]).sort()).toEqual([
        ["tree/a\\^Jb", "ERR_SCP_NAME_UNCLEAR"],
        ["tree/a\\^Jc", "ERR_SCP_NAME_UNCLEAR"],
        ["tree/z", undefined],
      ]);
      expect(await readdir(join(target, "tree"))).toEqual(["z"]);
    });
  });

  describe("on the way", () => {
    test("progress is told", async () => {
      await writeFile(remote("a"), Buffer.alloc(3_000_000));
      const told: ScpProgress[] = [];
      await download(server, "a", target, {
        progressIntervalMs: 0,
        onProgress: (progress) => told.push(progress),
      });
      expect(told[0]).toMatchObject({
        state: "start",
        direction: "download",
        path: "a",
        totalBytes: 3_000_000,
      });
      expect(told.at(-1)).toMatchObject({ state: "end", bytes: 3_000_000, percent: 100 });
      expect(told.length).toBeGreaterThan(2);
    });

    test("a file has its name only when it is whole, and an abort leaves nothing", async () => {
      await writeFile(remote("a"), Buffer.alloc(8_000_000));
      const abort = new AbortController();
      let seen: Promise<string[]> | undefined;
      const downloaded = download(server, "a", target, {
        signal: abort.signal,
        progressIntervalMs: 0,
        onProgress: ({ state }) => {
          if (state !== "progress") return;
          seen ??= readdir(target).finally(() => abort.abort());
        },
        bytesPerSecond: 1_000_000,
      });
      await expect(downloaded).rejects.toMatchObject({ code: "ERR_ABORTED" });
      expect(await seen).toEqual([expect.stringMatching(/^\.waybill-[0-9a-f]{16}\.part$/)]);
      expect(await readdir(target)).toEqual([]);
    });

    test("a bandwidth limit holds", async () => {
      await writeFile(remote("a"), Buffer.alloc(300_000));
      const startedAt = performance.now();
      await download(server, "a", target, { bytesPerSecond: 400_000 });
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(490);
    });
  });

  describe("into a stream", () => {
    test("a file arrives, and the stream ends", async () => {
      await writeFile(remote("a"), "content");
      const stream = new PassThrough();
      const [result, text] = await Promise.all([
        downloadToStream(server, "a", stream, { preserve: true }),
        stream.toArray().then((chunks) => Buffer.concat(chunks).toString()),
      ]);
      expect(result).toMatchObject({ remotePath: "a", bytes: 7, ok: true, modifiedAt: expect.any(Date) });
      expect(text).toBe("content");
    });

    test("the stream is left open on request", async () => {
      await writeFile(remote("a"), "content");
      const chunks: Buffer[] = [];
      const stream = new Writable({
        write(chunk, _encoding, done) {
          chunks.push(chunk);
          done();
        },
      });
      for (let round = 0; round < 20; round++)
        await downloadToStream(server, "a", stream, { endStream: false });
      await expect(downloadToStream(server, "none", stream, { endStream: false })).rejects.toMatchObject({
        code: "ERR_SCP_REMOTE_WARNING",
      });
      expect(stream.destroyed).toBe(false);
      expect(stream.listenerCount("error")).toBe(0);
      expect(Buffer.concat(chunks).toString()).toBe("content".repeat(20));
    });

    test("failures on either side end both", async () => {
      const unused = new PassThrough();
      await expect(downloadToStream(server, "none", unused)).rejects.toMatchObject({
        code: "ERR_SCP_REMOTE_WARNING",
      });
      expect(unused.destroyed).toBe(true);
      await writeFile(remote("a"), Buffer.alloc(3_000_000));
      const full = new Writable({
        write(_chunk, _encoding, done) {
          done(new Error("disk full"));
        },
      });
      await expect(downloadToStream(server, "a", full)).rejects.toMatchObject({
        code: "ERR_SCP_LOCAL_FILE",
        cause: { message: "disk full" },
      });
      await mkdir(remote("folder"));
      await expect(downloadToStream(server, "folder", new PassThrough())).rejects.toMatchObject({
        code: "ERR_SCP_REMOTE_WARNING",
      });
    });
  });
});
