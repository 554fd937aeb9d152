import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { generateHostKey } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { atMost, openSshSftp, sftpBatch, sftpWord } from "../src/clients/openssh.js";
import { type ParamikoStep, paramikoSteps } from "../src/clients/paramiko.js";
import { interruptWhen, runCommand, succeed } from "../src/command.js";
import { smallDiskPossible, withFileSizeLimit, withSmallDisk } from "../src/limited-disk.js";
import { oneLine } from "../src/one-line.js";
import { snapshot } from "../src/outside-world.js";
import { openFiles } from "../src/process-usage.js";
import { isThere, MIB, makeFile, sha256, sizeOf } from "../src/test-files.js";
import { until } from "../src/until.js";
import { runWaybill } from "../src/waybill-command.js";
import { startWaybillServer, testWith, useWaybillServer, type WaybillServer } from "../src/waybill-server.js";

let folder: TemporaryFolder;
const local = (name: string) => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder("waybill-process-");
});
afterAll(() => folder.remove());

describe("waybill sftp-server with bad input", () => {
  const run = (...args: string[]) => runWaybill(["sftp-server", ...args]);

  test.each([
    ["no root", ["--user", "ann:secret"], /--root/],
    ["an unknown option", ["--root", ".", "--user", "ann:secret", "--anonymous"], /--anonymous/],
    ["a port that is none", ["--root", ".", "--user", "ann:secret", "--port", "70000"], /--port/],
    [
      "a log level that is none",
      ["--root", ".", "--user", "ann:secret", "--log-level", "loud"],
      /--log-level/,
    ],
    ["an argument too many", ["--root", ".", "--user", "ann:secret", "surplus"], /argument/],
    ["nobody who could log in", ["--root", "."], /--user NAME:PASSWORD/],
    ["a user without a password", ["--root", ".", "--user", "ann"], /--user NAME:PASSWORD/],
    ["keys without a file", ["--root", ".", "--authorized-keys", "ann="], /--authorized-keys NAME=FILE/],
  ])("%s: usage, exit code 2", async (_what, args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/--help/);
    expect(stderr).not.toContain("secret");
  });

  const failures: [what: string, prepare: () => Promise<Record<string, string>>, message: RegExp][] = [
    ["a root that is missing", async () => ({ root: local("nowhere") }), /nowhere/],
    [
      "a root that is a file",
      async () => {
        await writeFile(local("file-root"), "");
        return { root: local("file-root") };
      },
      /file-root/,
    ],
    ["a host key that is missing", async () => ({ "host-key": local("no-key") }), /no-key/],
    [
      "a host key that is none",
      async () => {
        await writeFile(local("bad-key"), "this is no key");
        return { "host-key": local("bad-key") };
      },
      /bad-key/,
    ],
    [
      "a host key that it may not read",
      async () => {
        await generateHostKey(local("locked-key"));
        await chmod(local("locked-key"), 0);
        return { "host-key": local("locked-key") };
      },
      /locked-key/,
    ],
    [
      "authorized keys that are missing",
      async () => ({ "authorized-keys": `ann=${local("no-keys")}` }),
      /no-keys/,
    ],
    [
      "a state folder that is a file",
      async () => {
        await writeFile(local("file-state"), "");
        return { state: local("file-state") };
      },
      /file-state/,
    ],
    ["an address that this machine has not", async () => ({ host: "192.0.2.1" }), /192\.0\.2\.1/],
  ];

  test.each(failures)("%s: one clear line, exit code 1", async (_what, prepare, message) => {
    const settings: Record<string, string> = {
      root: folder.path,
      user: "ann:secret",
      port: "0",
      ...(await prepare()),
    };
    if (settings["host-key"] === undefined && settings.state === undefined) {
      settings["host-key"] = await hostKeyFile();
    }
    const { code, stdout, stderr } = await run(
      ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(oneLine(stderr)).toMatch(message);
    expect(stderr).toMatch(/^waybill: /);
  });

  test("a port that is taken: one clear line, exit code 1", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address !== null ? String(address.port) : "";
    const login = ["--user", "ann:secret", "--host-key", await hostKeyFile()];
    const { code, stdout, stderr } = await run("--root", folder.path, "--port", port, ...login);
    other.close();
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(oneLine(stderr)).toMatch(`127.0.0.1:${port} is in use`);
  });

  let hostKeys = 0;
  async function hostKeyFile(): Promise<string> {
    hostKeys += 1;
    await generateHostKey(local(`host-key-${hostKeys}`));
    return local(`host-key-${hostKeys}`);
  }
});

describeWithPeers("the end of waybill sftp-server", openSshSftp.peers, () => {
  let server: WaybillServer;
  afterEach(() => server?.dispose());

  const transferring = (path: string) =>
    until("the transfer to be under way", async () => (await sizeOf(path)) > MIB / 4);
  const ending = (signal: string) =>
    until(`the server to see ${signal}`, () => server.log.includes(`${signal}: ending`));

  test.each(["upload", "download"] as const)(
    "SIGTERM: a %s in flight is finished, nobody else gets in, exit code 0",
    async (direction) => {
      server = await startWaybillServer();
      const served = join(server.root, "slow");
      const copy = local(`slow-${direction}`);
      const [source, target] = direction === "upload" ? [copy, served] : [served, copy];
      const expected = await makeFile(source, 4 * MIB);
      const line = direction === "upload" ? `put ${sftpWord(copy)} /slow` : `get /slow ${sftpWord(copy)}`;
      const transfer = runCommand(sftpBatch(server.access, [line], atMost(2 * MIB)));
      await transferring(target);
      server.signal("SIGTERM");
      await ending("SIGTERM");
      expect(await sizeOf(target)).toBeLessThan(4 * MIB);
      expect(await connectionError(server)).toBe("ECONNREFUSED");
      expect((await transfer).code).toBe(0);
      expect(await sha256(target)).toBe(expected);
      expect(await server.ended).toEqual({ code: 0, signal: null });
    },
    60_000,
  );

  test("SIGINT without anybody there: exit code 0 at once", async () => {
    server = await startWaybillServer();
    const started = performance.now();
    server.signal("SIGINT");
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test("a second signal ends it at once, whatever is in flight", async () => {
    server = await startWaybillServer();
    await makeFile(local("endless"), 50 * MIB);
    const batch = sftpBatch(server.access, [`put ${sftpWord(local("endless"))} /endless`], atMost(MIB));
    const transfer = runCommand(batch);
    await transferring(join(server.root, "endless"));
    server.signal("SIGTERM");
    await ending("SIGTERM");
    const started = performance.now();
    server.signal("SIGTERM");
    expect((await server.ended).code).toBe(1);
    expect(performance.now() - started).toBeLessThan(2000);
    expect((await transfer).code).not.toBe(0);
  }, 60_000);

  test("what takes longer than ten seconds is cut off, exit code 0", async () => {
    server = await startWaybillServer();
    await makeFile(local("too-slow"), 50 * MIB);
    const batch = sftpBatch(server.access, [`put ${sftpWord(local("too-slow"))} /too-slow`], atMost(MIB));
    const transfer = runCommand(batch);
    await transferring(join(server.root, "too-slow"));
    server.signal("SIGTERM");
    await ending("SIGTERM");
    const started = performance.now();
    expect(await server.ended).toEqual({ code: 0, signal: null });
    const seconds = (performance.now() - started) / 1000;
    expect(seconds).toBeGreaterThan(9);
    expect(seconds).toBeLessThan(15);
    expect((await transfer).code).not.toBe(0);
  }, 60_000);
});

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
      open = await filesOfRoot();
      return (await sizeOf(served("vanishing"))) > MIB;
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
    await until("all to be closed", async () => (await openFiles(server().pid)).length <= before.length);
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

describeWithPeers("waybill sftp-server when a file cannot grow", openSshSftp.peers, () => {
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

/** Why nobody can connect to a server. */
function connectionError({ access }: WaybillServer): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(access.port, access.host);
    socket.once("connect", () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
  });
}
