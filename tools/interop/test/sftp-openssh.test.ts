import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, readlink, rm, stat, statfs, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "@jest/globals";
import { openSshCommand, openSshSftp, sftpBatch, sftpWord } from "../src/clients/openssh.js";
import { runCommand, succeed } from "../src/command.js";
import { describeSftpClient } from "../src/sftp-client-job.js";
import { scpProgram } from "../src/ssh-peer.js";
import { MIB, makeFile, sha256 } from "../src/test-files.js";

const HUGE_BYTES = 2048 * MIB;

describeSftpClient(openSshSftp, ({ test, server, served, local }) => {
  const batch = (...lines: string[]) => succeed(sftpBatch(server().access, lines));

  test("2 GiB come back as they went up", async () => {
    // Mostly holes, so that it is made quickly; on the way they are bytes like all others.
    const expected = await makeFile(local("huge"), HUGE_BYTES, { holeEvery: 16 });
    const lines = [`put ${sftpWord(local("huge"))} /huge`, `get /huge ${sftpWord(local("huge-copy"))}`];
    await succeed(sftpBatch(server().access, lines, ["-c", "aes128-gcm@openssh.com"]), 150_000);
    const copies = [served("huge"), local("huge-copy")];
    expect(await Promise.all(copies.map(sha256))).toEqual([expected, expected]);
    for (const path of [...copies, local("huge")]) await rm(path);
  }, 240_000);

  test("df tells what the server's file system tells", async () => {
    const before = await statfs(server().root);
    const [, numbers = ""] = /\n\s*(\d+ .*)%\s*$/.exec(await batch("df /")) ?? [];
    const [size = 0, used = 0, available = 0] = numbers.trim().split(/\s+/).map(Number);
    const after = await statfs(server().root);
    expect(size * 1024).toBe(before.blocks * before.bsize);
    // Others write to this disk at the same time.
    const between = (value: number, one: number, other: number) => {
      expect(value).toBeGreaterThanOrEqual(Math.min(one, other) - 64 * MIB);
      expect(value).toBeLessThanOrEqual(Math.max(one, other) + 64 * MIB);
    };
    between(available * 1024, before.bavail * before.bsize, after.bavail * after.bsize);
    const inUse = ({ blocks, bfree, bsize }: typeof before) => (blocks - bfree) * bsize;
    between(used * 1024, inUse(before), inUse(after));
  });

  test("a tree goes up and comes back with its modes and times", async () => {
    const tree = local("tree");
    await mkdir(join(tree, "sub folder/deeper"), { recursive: true });
    await writeFile(join(tree, "sub folder/deeper/file ü"), "one", { mode: 0o640 });
    await writeFile(join(tree, "sub folder/-script"), "two", { mode: 0o755 });
    await mkdir(join(tree, "empty"), { mode: 0o700 });
    await batch(`put -Rp ${sftpWord(tree)} /`);
    await expectSameTree(served("tree"), tree);
    await mkdir(local("back"));
    await batch(`get -Rp /tree ${sftpWord(local("back"))}`);
    await expectSameTree(local("back/tree"), tree);
  });

  test("wildcards choose on the server", async () => {
    await mkdir(served("globs"));
    for (const name of ["one.txt", "two.txt", "three.bin"]) await writeFile(served(`globs/${name}`), name);
    await mkdir(local("globs"));
    await batch(`get /globs/*.txt ${sftpWord(local("globs"))}`, "rm /globs/t*");
    expect((await readdir(local("globs"))).sort()).toEqual(["one.txt", "two.txt"]);
    expect(await readdir(served("globs"))).toEqual(["one.txt"]);
  });

  test("renames over a file that is there (posix-rename), and does not with the old request", async () => {
    await writeFile(served("from"), "new");
    await writeFile(served("over"), "old");
    await batch("rename -l /from /fresh", "-rename -l /fresh /over");
    expect(await readFile(served("over"), "utf8")).toBe("old");
    await batch("rename /fresh /over");
    expect(await readFile(served("over"), "utf8")).toBe("new");
  });

  test("copies on the server (copy-data)", async () => {
    const expected = await makeFile(served("original"), 20 * MIB);
    await batch("cp /original /duplicate");
    expect(await sha256(served("duplicate"))).toBe(expected);
  });

  test("waits until the file is on the disk (fsync)", async () => {
    await makeFile(local("synced"), MIB);
    await batch(`put -f ${sftpWord(local("synced"))} /synced`);
    expect(await sha256(served("synced"))).toBe(await sha256(local("synced")));
  });

  test("sets modes through a link and not those of the link (lsetstat is refused for modes)", async () => {
    await writeFile(served("behind-link"), "x", { mode: 0o600 });
    await symlink("behind-link", served("mode-link"));
    await batch("-chmod -h 777 /mode-link");
    expect((await stat(served("behind-link"))).mode & 0o777).toBe(0o600);
    await batch("chmod 640 /mode-link");
    expect((await stat(served("behind-link"))).mode & 0o777).toBe(0o640);
    expect(await readlink(served("mode-link"))).toBe("behind-link");
  });

  test("moves around with cd, and shows names of users and groups (users-groups-by-id)", async () => {
    await mkdir(served("here/there"), { recursive: true });
    const { stdout } = await promisify(execFile)("id", ["-un"]);
    const output = await batch("cd here", "cd there", "pwd", "cd ..", "pwd", "ls -l");
    expect(output).toContain("Remote working directory: /here/there\n");
    expect(output).toMatch(/cd \.\.\nsftp> pwd\nRemote working directory: \/here\n/);
    expect(output).toMatch(new RegExp(`^drwx\\S+ +\\S+ ${stdout.trim()} .* there$`, "m"));
  });

  test("new keys are agreed on again and again during transfers (RekeyLimit)", async () => {
    const expected = await makeFile(local("rekeyed"), 20 * MIB);
    const lines = [
      `put ${sftpWord(local("rekeyed"))} /rekeyed`,
      `get /rekeyed ${sftpWord(local("rekeyed-copy"))}`,
    ];
    const options = ["-v", "-o", "RekeyLimit=1M"];
    const { code, stderr } = await runCommand(sftpBatch(server().access, lines, options));
    expect(code).toBe(0);
    expect(stderr.match(/SSH2_MSG_KEXINIT sent/g)?.length).toBeGreaterThan(20);
    expect(await sha256(served("rekeyed"))).toBe(expected);
    expect(await sha256(local("rekeyed-copy"))).toBe(expected);
  });

  test("OpenSSH's scp, which speaks SFTP, copies a tree up and a file down, also from ~ (expand-path)", async () => {
    const { host, port, user } = server().access;
    const scp = (...args: string[]) => {
      const options = ["-P", String(port), ...args];
      return succeed(openSshCommand(server().access, scpProgram, options));
    };
    await mkdir(local("scp/sub"), { recursive: true });
    const expected = await makeFile(local("scp/sub/file ü"), 5 * MIB);
    await scp("-s", "-r", local("scp"), `${user}@${host}:~/by-scp`);
    expect(await sha256(served("by-scp/sub/file ü"))).toBe(expected);
    await scp("-s", `${user}@${host}:by-scp/sub/file ü`, local("scp-copy"));
    expect(await sha256(local("scp-copy"))).toBe(expected);
  });
});

/** The same names, contents and modes; the same times of files. */
async function expectSameTree(actual: string, expected: string): Promise<void> {
  const names = (folder: string) => readdir(folder, { recursive: true }).then((all) => all.sort());
  expect(await names(actual)).toEqual(await names(expected));
  for (const name of await names(expected)) {
    const [one, other] = await Promise.all([stat(join(actual, name)), stat(join(expected, name))]);
    expect([name, (one.mode & 0o7777).toString(8)]).toEqual([name, (other.mode & 0o7777).toString(8)]);
    if (!one.isFile()) continue;
    expect([name, Math.floor(one.mtimeMs / 1000)]).toEqual([name, Math.floor(other.mtimeMs / 1000)]);
    expect(await readFile(join(actual, name))).toEqual(await readFile(join(expected, name)));
  }
}
