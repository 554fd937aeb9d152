import { once } from "node:events";
import { watch } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { describeWithPeers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { oneLine } from "../src/one-line.js";
import { opensshPrograms, startOpensshServer } from "../src/openssh-server.js";
import type { SshPeer } from "../src/ssh-peer.js";
import { loginOptions, remote, startWaybill } from "../src/waybill-command.js";

const LARGE_FILE_BYTES = 20_000_000;
/** With which the large file takes 40 s: time enough to do something to it. */
const SLOW = ["-l", "4000"];

describeWithPeers("waybill scp, interrupted", opensshPrograms, () => {
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
  afterEach(() => folder.remove());

  const start = (args: readonly string[]) => startWaybill(["scp", ...loginOptions(server), ...SLOW, ...args]);

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

  test("a download whose connection breaks: an error, whole files stay, no half one does", async () => {
    const { ended } = await startDownload();
    server.killSessions();
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    expect(oneLine(stderr)).toMatch(/connection|ended/);
    expect(await readdir(here())).toEqual(["small"]);
    expect(await readFile(here("small"), "utf8")).toBe("small");
  });

  test("an upload whose connection breaks: an error", async () => {
    const { ended } = await startUpload();
    server.killSessions();
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    expect(oneLine(stderr)).toMatch(/connection|ended/);
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "a download that gets %s ends, and no half file stays",
    async (signal) => {
      const { child, ended } = await startDownload();
      child.kill(signal);
      const { code, signal: endedBy, stderr } = await ended;
      expect([code, endedBy]).toEqual([1, null]);
      expect(oneLine(stderr)).toMatch(/abort|interrupt|stopped/i);
      expect(await readdir(here())).toEqual(["small"]);
    },
  );

  test("an upload that gets SIGINT ends", async () => {
    const { child, ended } = await startUpload();
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    expect(oneLine(stderr)).toMatch(/abort|interrupt|stopped/i);
  });

  test("SIGINT ends it while it connects", async () => {
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
