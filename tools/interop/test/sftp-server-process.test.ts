import { once } from "node:events";
import { chmod, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { generateHostKey } from "@waybill/cert-store";
import { connectSsh } from "@waybill/ssh-core";
import { describeWithPeers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { atMost, openSshSftp, sftpBatch, sftpWord } from "../src/clients/openssh.js";
import { runCommand } from "../src/command.js";
import { oneLine } from "../src/one-line.js";
import { RawSftpSession } from "../src/raw-sftp-session.js";
import { MIB, makeFile, sha256, sizeOf } from "../src/test-files.js";
import { until } from "../src/until.js";
import { runWaybill } from "../src/waybill-command.js";
import { startWaybillServer, type WaybillServer } from "../src/waybill-server.js";

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

  test.each(["an upload", "a download"] as const)(
    "SIGTERM: %s in flight is finished, nobody else gets in, exit code 0",
    async (direction) => {
      server = await startWaybillServer();
      const served = join(server.root, "slow");
      const copy = local(`slow ${direction}`);
      const [source, target] = direction === "an upload" ? [copy, served] : [served, copy];
      const expected = await makeFile(source, 4 * MIB);
      const line = direction === "an upload" ? `put ${sftpWord(copy)} /slow` : `get /slow ${sftpWord(copy)}`;
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

  test("SIGTERM: a session with nothing in flight is ended at once, exit code 0", async () => {
    server = await startWaybillServer();
    const { host, port, user, hostKey } = server.access;
    const privateKeys = [server.userKey];
    const client = await connectSsh({ host, port, user, hostKey: { keys: [hostKey] }, privateKeys });
    const session = await RawSftpSession.open(client);
    const started = performance.now();
    server.signal("SIGTERM");
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - started).toBeLessThan(5000);
    await until("the client to see it", () => session.closed);
  }, 60_000);

  test("a second signal ends it at once, whatever is in flight", async () => {
    server = await startWaybillServer();
    await makeFile(local("endless"), 50 * MIB);
    const batch = sftpBatch(server.access, [`put ${sftpWord(local("endless"))} /endless`], atMost(MIB));
    const transfer = runCommand(batch);
    await transferring(join(server.root, "endless"));
    server.signal("SIGTERM");
    await ending("SIGTERM");
    const started = performance.now();
    // Right after the first one it would be taken for its echo.
    let ended = false;
    void server.ended.then(() => {
      ended = true;
    });
    await until("the server to end", () => {
      server.signal("SIGTERM");
      return ended;
    });
    expect((await server.ended).code).toBe(1);
    expect(performance.now() - started).toBeLessThan(3000);
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
