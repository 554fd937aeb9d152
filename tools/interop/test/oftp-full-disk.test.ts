import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { describeWithPeers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { prlimit, smallDiskPossible, withFileSizeLimit, withSmallDisk } from "../src/limited-disk.js";
import { type StationProcess, type StationSettings, startStation } from "../src/oftp-station-process.js";
import type { CommandLine } from "../src/ordinary-rights.js";
import { until } from "../src/until.js";

const ROOM = 4 * 1024 * 1024;

let root: TemporaryFolder;
const running: StationProcess[] = [];

beforeEach(async () => {
  root = await temporaryFolder("waybill-full-");
});
afterEach(async () => {
  for (const station of running.splice(0)) await station.kill();
  await root.remove();
});

const settingsOf = (name: string, partner: string): StationSettings => ({
  name,
  partner,
  folder: join(root.path, name),
  portFile: join(root.path, "port"),
});

/** `limit` takes the room from the station that listens; `seenAt` says where its folder is seen from outside. */
async function expectRefusal(
  limit: (command: CommandLine, folder: string) => CommandLine,
  seenAt: (folder: string, pid: number | undefined) => string,
): Promise<void> {
  const [listener, caller] = [settingsOf("listener", "caller"), settingsOf("caller", "listener")];
  await mkdir(listener.folder);
  const outbox = join(caller.folder, "outbox", "listener");
  await mkdir(outbox, { recursive: true });
  await writeFile(join(outbox, "big"), Buffer.alloc(3 * ROOM, 1));
  const server = startStation("listen", listener, (command) => limit(command, listener.folder));
  running.push(server);
  await server.ready;
  running.push(startStation("call", caller));
  const refused = join(outbox, "refused");
  await until("the refusal", async () => (await readdir(refused).catch(() => [""])).includes("big"));
  await writeFile(join(outbox, ".small"), "content");
  await writeFile(join(outbox, "small"), "content");
  const seen = seenAt(listener.folder, server.pid);
  await until("the small file", async () => {
    return (await readFile(join(seen, "inbox", "caller", "small"), "utf8").catch(() => "")) === "content";
  });
  expect(await readdir(join(seen, "inbox", "caller"))).toEqual(["small"]);
  await until("the partial folder to be empty", async () => {
    return (await readdir(join(seen, "state", "partial"))).length === 0;
  });
}

describeWithPeers("a station that has no room for a file", [prlimit], () => {
  test("because of a limit: refuses it, keeps nothing of it, and takes the next one", async () => {
    await expectRefusal(
      (command) => withFileSizeLimit(command, ROOM),
      (folder) => folder,
    );
  });

  // Where mounting is forbidden, the limit above is all that can be tried.
  if (smallDiskPossible()) {
    test("because the disk is full: refuses it, keeps nothing of it, and takes the next one", async () => {
      await expectRefusal(
        (command, folder) => withSmallDisk(command, folder, ROOM),
        // The disk is there for the station only.
        (folder, pid) => join("/proc", String(pid), "root", folder),
      );
    });
  }
});
