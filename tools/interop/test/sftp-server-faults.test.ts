import { execFileSync } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect } from "@jest/globals";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { atMost, openSshSftp, sftpBatch, sftpWord } from "../src/clients/openssh.js";
import { type ParamikoStep, paramikoSteps } from "../src/clients/paramiko.js";
import { interruptWhen, runCommand, succeed } from "../src/command.js";
import { prlimit, smallDiskPossible, withFileSizeLimit, withSmallDisk } from "../src/limited-disk.js";
import { snapshot } from "../src/outside-world.js";
import { openFiles, writtenBytes } from "../src/process-usage.js";
import { isThere, MIB, makeFile, sha256, sizeOf } from "../src/test-files.js";
import { until } from "../src/until.js";
import { testWith, useWaybillServer, type WaybillServer } from "../src/waybill-server.js";

let folder: TemporaryFolder;
const local = (name: string) => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder("waybill-faults-");
});
afterAll(() => folder.remove());

describeWithPeers("waybill sftp-server and what can go wrong", [...openSshSftp.peers, peers.paramiko], () => {
  const server = useWaybillServer();
  const test = testWith(server);
  const served = (path: string) => join(server().root, path);
  const filesOfRoot = async () =>
    (await openFiles(server().pid)).filter((path) => path.startsWith(server().root));

  /** Commands that fail and then one that works, in one session. Resolves to what was said against the first. */
  async function refused(...lines: string[]): Promise<string> {
    await writeFile(local("small"), "small");
    const last = [`put ${sftpWord(local("small"))} /after`, "rm /after"];
    const batch = sftpBatch(server().access, [...lines.map((line) => `-${line}`), ...last]);
    const { code, stdout, stderr } = await runCommand(batch);
    expect({ code, stdout, stderr }).toMatchObject({ code: 0 });
    return stderr;
  }

  test("a client that vanishes in the middle of an upload leaves no file open", async () => {
    await makeFile(local("vanishing"), 50 * MIB);
    const batch = sftpBatch(
      server().access,
      [`put ${sftpWord(local("vanishing"))} /vanishing`],
      atMost(10 * MIB),
    );
    let open: string[] = [];
    await interruptWhen(batch, async () => {
      if ((await sizeOf(served("vanishing"))) <= MIB) return false;
      open = await filesOfRoot();
      return true;
    });
    expect(open).toContain(served("vanishing"));
    await until("the file to be closed", async () => (await filesOfRoot()).length === 0);
  });

  test("twenty clients that vanish in the middle of downloads leave no file and no connection open", async () => {
    await makeFile(served("wanted"), 50 * MIB);
    const before = await openFiles(server().pid);
    const downloads = Array.from({ length: 20 }, (_, index) => {
      const copy = local(`wanted-${index}`);
      const batch = sftpBatch(server().access, [`get /wanted ${sftpWord(copy)}`], atMost(10 * MIB));
      return interruptWhen(batch, async () => (await sizeOf(copy)) > MIB / 4);
    });
    await Promise.all(downloads);
    let open = before;
    const isClosed = async () => {
      open = await openFiles(server().pid);
      return open.length <= before.length;
    };
    await until("all to be closed", isClosed).catch((error: unknown) => {
      throw new Error(`before: ${before.join(" ")}; after: ${open.join(" ")}`, { cause: error });
    });
  });

  test("a client that is killed when its ssh holds all that it may, and stays behind, leaves nothing open", async () => {
    await makeFile(served("wanted"), 50 * MIB);
    const before = await openFiles(server().pid);
    const batch = sftpBatch(server().access, [`get /wanted ${sftpWord(local("full"))}`], atMost(10 * MIB));
    let stopped = false;
    let written = 0;
    await interruptWhen(batch, async (pid) => {
      if ((await sizeOf(local("full"))) < 8 * MIB) return false;
      if (!stopped) process.kill(pid, "SIGSTOP");
      stopped = true;
      const writtenThen = written;
      written = await writtenBytes(server().pid);
      await pause(200);
      return written === writtenThen;
    });
    await until("all to be closed", async () => (await openFiles(server().pid)).length <= before.length);
    expect(server().log).toMatch(/takes no replies any more/);
  });

  test("permission denied", async () => {
    await writeFile(served("locked"), "x", { mode: 0 });
    await mkdir(served("locked-folder"), { mode: 0o555 });
    const said = await refused(
      `get /locked ${sftpWord(local("unlocked"))}`,
      `put ${sftpWord(local("small"))} /locked-folder/new`,
      "mkdir /locked-folder/new",
    );
    expect(said.match(/Permission denied/gi)).toHaveLength(3);
    expect(await isThere(served("locked-folder/new"))).toBe(false);
  });

  test("names that are too long", async () => {
    const name = "n".repeat(256);
    const said = await refused(`put ${sftpWord(local("small"))} /${name}`, `mkdir /${name}`);
    expect(said.match(/Failure|too long/gi)).toHaveLength(2);
    await refused(`put ${sftpWord(local("small"))} /${name.slice(1)}`);
    expect(await readFile(served(name.slice(1)), "utf8")).toBe("small");
  });

  test("a FIFO, a folder and a loop of links are refused and keep nobody waiting", async () => {
    execFileSync("mkfifo", [served("fifo")]);
    await symlink("loop-2", served("loop-1"));
    await symlink("loop-1", served("loop-2"));
    await mkdir(served("a-folder"));
    const started = performance.now();
    const outcomes = await paramikoSteps(server().access, [
      ["read_text", "/fifo"],
      ["write_text", "/fifo", "x"],
      ["read_text", "/loop-1"],
      ["stat", "/loop-1/x"],
      ["read_text", "/a-folder"],
      ["write_text", "/a-folder", "x"],
      ["listdir", "/fifo"],
    ]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ error: expect.any(String) });
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describeWithPeers("waybill sftp-server when a file cannot grow", [...openSshSftp.peers, prlimit], () => {
  const LIMIT_BYTES = 3 * MIB;

  /** The upload that does not fit fails, what fits works before and after, all in one session. */
  async function expectFull(server: WaybillServer, message: RegExp): Promise<void> {
    await makeFile(local("fits"), MIB);
    await makeFile(local("too-large"), 8 * MIB);
    const lines = [
      `put ${sftpWord(local("fits"))} /before`,
      `-put ${sftpWord(local("too-large"))} /too-large`,
      "rm /too-large",
      `put ${sftpWord(local("fits"))} /after`,
      `get /after ${sftpWord(local("fits-again"))}`,
    ];
    const { code, stdout, stderr } = await runCommand(sftpBatch(server.access, lines));
    expect({ code, stdout, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toMatch(message);
    expect(await sha256(local("fits-again"))).toBe(await sha256(local("fits")));
  }

  describe("because of a limit", () => {
    const server = useWaybillServer({ wrap: (command) => withFileSizeLimit(command, LIMIT_BYTES) });
    testWith(server)("the client is told and the server goes on", () =>
      expectFull(server(), /too large|Failure/i),
    );
  });

  // Where mounting is forbidden, the limit above is all that can be tried.
  if (smallDiskPossible()) {
    describe("because the disk is full", () => {
      const server = useWaybillServer({
        wrap: (command, root) => withSmallDisk(command, root, LIMIT_BYTES),
      });
      testWith(server)("the client is told and the server goes on", async () => {
        await expectFull(server(), /No space|Failure/i);
        const seen = `/proc/${server().pid}/root${server().root}`;
        expect(await sha256(join(seen, "after"))).toBe(await sha256(local("fits")));
      });
    });
  }
});

describeWithPeers("waybill sftp-server --read-only", [...openSshSftp.peers, peers.paramiko], () => {
  const server = useWaybillServer({ args: ["--read-only"] });
  const test = testWith(server);

  beforeAll(async () => {
    const served = (path: string) => join(server().root, path);
    await mkdir(served("folder/empty"), { recursive: true });
    await writeFile(served("folder/file"), "content");
    await symlink("folder/file", served("link"));
  });

  test("refuses every change and changes nothing", async () => {
    const before = await snapshot(server().root);
    const file = "/folder/file";
    const changes: ParamikoStep[] = [
      ["write_text", file, "changed", "w"],
      ["write_text", file, "changed", "a"],
      ["write_text", file, "changed", "r+"],
      ["write_text", "/new", "new", "x"],
      ["open_with_mode", "/new", 0o600],
      ["truncate", file, 1],
      ["chmod", file, 0o777],
      ["utime", file, 1],
      ["lsetstat", "/link", 0o777],
      ["rename", file, "/moved"],
      ["posix_rename", file, "/moved"],
      ["hardlink", file, "/hard"],
      ["symlink", "file", "/soft"],
      ["mkdir", "/made"],
      ["rmdir", "/folder/empty"],
      ["remove", "/link"],
    ];
    for (const [index, outcome] of (await paramikoSteps(server().access, changes)).entries()) {
      expect({ step: changes[index], ...outcome }).toMatchObject({
        error: expect.stringMatching(/denied|read-only/i),
      });
    }
    expect(await snapshot(server().root)).toBe(before);
  });

  test("lets everything be read", async () => {
    const outcomes = await paramikoSteps(server().access, [
      ["listdir", "/folder"],
      ["read_text", "/link"],
      ["readlink", "/link"],
      ["stat", "/folder/file"],
    ]);
    expect(outcomes.map(({ error }) => error)).toEqual([undefined, undefined, undefined, undefined]);
    expect(outcomes[1]).toEqual({ value: "content" });
    await succeed(sftpBatch(server().access, [`get /link ${sftpWord(local("read"))}`, "df /"]));
    expect(await readFile(local("read"), "utf8")).toBe("content");
  });
});
