import { chmod, mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { download, upload } from "@waybill/scp";
import { describeWithPeers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { scpPeer, snapshot } from "./file-trees.js";
import { NarrowExecutor } from "./narrow-executor.js";
import { type Script, ScriptedServer } from "./scripted-server.js";
import { SpawnExecutor } from "./spawn-executor.js";

let folder: TemporaryFolder;
const local = (...parts: string[]) => join(folder.path, "local", ...parts);
const remote = (...parts: string[]) => join(folder.path, "home", ...parts);

beforeEach(async () => {
  folder = await temporaryFolder();
  await mkdir(local());
  await mkdir(remote());
});

afterEach(() => folder.remove());

describeWithPeers("OpenSSH's scp on a server that allows one session at a time", [scpPeer], () => {
  let server: SpawnExecutor;
  let narrow: NarrowExecutor;

  beforeEach(() => {
    server = new SpawnExecutor(remote());
    narrow = new NarrowExecutor(server);
  });

  afterEach(() => server.idle());

  async function makeTree(root: string): Promise<void> {
    for (const path of ["inner", "odd\nfolder/inner\ntoo", "plain"])
      await mkdir(join(root, path), { recursive: true });
    const names = ["a", "b\nc", "b\\^Jc", "inner/x\ny", "odd\nfolder/inner\ntoo/d\ne", "plain/f", "z"];
    for (const name of names) await writeFile(join(root, name), name);
  }

  test("a folder is sent under a new name, and several times", async () => {
    await mkdir(local("tree"));
    await writeFile(local("tree/a"), "x");
    for (let round = 0; round < 5; round++) {
      const result = await upload(narrow, local("tree"), `new-${round}`, { recursive: true });
      expect(result).toMatchObject({ failed: 0, bytes: 1 });
      expect(await readdir(remote(`new-${round}`))).toEqual(["a"]);
    }
    expect(narrow.refused).toBe(0);
  });

  test("what needs a session beside another one is a failure with its name, and the rest is sent", async () => {
    await makeTree(local("tree"));
    const { files, failed } = await upload(narrow, local("tree"), "copy", { recursive: true });
    expect(failed).toBe(3);
    const failures = files.filter((file) => !file.ok);
    expect(failures.map(({ localPath }) => localPath).sort()).toEqual([
      local("tree/b\nc"),
      local("tree/inner/x\ny"),
      local("tree/odd\nfolder"),
    ]);
    for (const { localPath, error } of failures)
      expect(error).toMatchObject({
        code: "ERR_SSH_CHANNEL_REFUSED",
        message: `cannot send ${localPath?.replaceAll("\n", "?")}: the command was refused`,
        details: { path: localPath },
        cause: { code: "ERR_SSH_CHANNEL_REFUSED" },
      });
    expect((await readdir(remote("copy"), { recursive: true })).sort()).toEqual(
      ["a", "b\\^Jc", "inner", "plain", "plain/f", "z"].sort(),
    );
  });

  test("a question beside the transfer that is refused names the file", async () => {
    await writeFile(local("a"), "x");
    await expect(upload(narrow, local("a"), "b", { overwrite: "skip" })).rejects.toMatchObject({
      code: "ERR_SSH_CHANNEL_REFUSED",
      message: "cannot look on the server for b: the command was refused",
    });
    expect(await readdir(remote())).toEqual([]);
  });

  test("a folder with all odd names comes, with times and modes", async () => {
    await makeTree(remote("tree"));
    const readOnly = ["odd\nfolder/inner\ntoo", "inner"];
    for (const path of readOnly) await chmod(remote("tree", path), 0o555);
    for (const path of ["inner", "odd\nfolder/inner\ntoo", "odd\nfolder", "plain", ""])
      await utimes(remote("tree", path), 1_000_000_000, 1_100_000_000);
    const result = await download(narrow, "tree", local("back"), { recursive: true, preserve: true });
    expect(result.files.filter((file) => !file.ok)).toEqual([]);
    expect(result.files).toHaveLength(7);
    const [back, tree] = [await snapshot(local("back")), await snapshot(remote("tree"))];
    // For the removal of the test's folder.
    for (const path of readOnly)
      for (const root of [local("back"), remote("tree")]) await chmod(join(root, path), 0o755);
    expect(back).toEqual(tree);
    expect(narrow.refused).toBe(0);
  });

  test("what a mask matches comes, odd names too", async () => {
    await makeTree(remote("tree"));
    const result = await download(narrow, "tree/*", local(), { recursive: true });
    expect(result.failed).toBe(0);
    expect([...(await snapshot(local())).keys()]).toEqual([...(await snapshot(remote("tree"))).keys()]);
    expect(narrow.refused).toBe(0);
  });

  test("one path of several that is not there does not keep the others", async () => {
    await writeFile(remote("a"), "x");
    const result = await download(narrow, ["none", "tree/none*", "a"], local());
    expect(result.files.map(({ error }) => error?.code)).toEqual([
      "ERR_SCP_REMOTE_WARNING",
      "ERR_SCP_NO_MATCH",
      undefined,
    ]);
    expect(await readFile(local("a"), "utf8")).toBe("x");
  });
});

describe("a server that allows one session at a time", () => {
  /** Ends with a message, and only when it is told to, some turns of the loop later. */
  const failing: Script = async (program) => {
    await program.write("\u0002scp: no more\n");
    await program.rest();
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    return 1;
  };

  test("has ended a session that failed before the next path is asked for", async () => {
    const server = new ScriptedServer(async (program) => {
      if (program.command.includes("first")) return failing(program);
      await program.read(1);
      await program.ask("C0644 1 second\n");
      return program.ask("x\0");
    });
    const result = await download(new NarrowExecutor(server), ["first", "second"], local());
    expect(result.files.map(({ error }) => error?.code)).toEqual(["ERR_SCP_REMOTE_FATAL", undefined]);
  });

  test("has ended the session that did not want the target before the next one", async () => {
    const server = new ScriptedServer(async (program) => {
      if (program.command.includes("-d")) return failing(program);
      await program.write("\0");
      for (const line of ["D", "E"]) {
        expect((await program.line())[0]).toBe(line);
        await program.write("\0");
      }
      return program.rest();
    });
    await mkdir(local("tree"));
    const narrow = new NarrowExecutor(server);
    await expect(upload(narrow, local("tree"), "new", { recursive: true })).resolves.toMatchObject({
      failed: 0,
    });
    expect(server.commands).toHaveLength(2);
  });

  test("or two, has ended the one of a name that failed before that of the next name", async () => {
    const sent: string[] = [];
    const server = new ScriptedServer(async (program) => {
      await program.write("\0");
      const apart = program.command.includes("\n");
      for (;;) {
        const line = await program.line();
        if (line === "") return 0;
        if (program.command.includes("a\nb")) return failing(program);
        await program.write("\0");
        if (!apart) continue;
        sent.push((await program.read(2)).toString());
        await program.write("\0");
      }
    });
    await mkdir(local("tree"));
    for (const name of ["a\nb", "c\nd"]) await writeFile(local("tree", name), "x");
    const narrow = new NarrowExecutor(server, 2);
    const { files } = await upload(narrow, local("tree"), "new", { recursive: true });
    expect(files.map(({ localPath, error }) => [localPath, error?.code])).toEqual([
      [local("tree/a\nb"), "ERR_SCP_REMOTE_FATAL"],
      [local("tree/c\nd"), undefined],
    ]);
    expect(files[0]?.error?.message).toBe(`cannot send ${local("tree/a?b")}: the server gave up: no more`);
    expect(sent).toEqual(["x\0"]);
  });

  test("that does not end one is waited for no longer than it may be idle", async () => {
    const server = new ScriptedServer(async (program) => {
      await program.write("\u0002scp: no more\n");
      await new Promise(() => {});
    });
    const downloaded = download(new NarrowExecutor(server), ["first", "second"], local(), {
      idleTimeoutMs: 50,
    });
    await expect(downloaded).resolves.toMatchObject({
      files: [
        { error: { code: "ERR_SCP_REMOTE_FATAL" } },
        {
          remotePath: "second",
          error: {
            code: "ERR_SSH_CHANNEL_REFUSED",
            message: "cannot receive second: the command was refused",
          },
        },
      ],
    });
  });
});
