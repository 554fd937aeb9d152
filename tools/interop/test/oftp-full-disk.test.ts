import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { smallDiskPossible, withSmallDisk } from "../src/limited-disk.js";
import { type StationProcess, type StationSettings, startStation } from "../src/oftp-station-process.js";
import { until } from "../src/until.js";

const DISK = 4 * 1024 * 1024;

let root: TemporaryFolder;
const running: StationProcess[] = [];

beforeAll(async () => {
  root = await temporaryFolder("waybill-full-");
});
afterAll(async () => {
  for (const station of running) await station.kill();
  await root.remove();
});

const settingsOf = (name: string, partner: string): StationSettings => ({
  name,
  partner,
  folder: join(root.path, name),
  portFile: join(root.path, "port"),
});

describe("a station whose disk is full", () => {
  if (!smallDiskPossible()) {
    test.todo("needs a machine that lets its processes mount a small disk");
    return;
  }

  test("refuses the file, keeps nothing of it, and takes the next one", async () => {
    const [listener, caller] = [settingsOf("listener", "caller"), settingsOf("caller", "listener")];
    await mkdir(listener.folder);
    const outbox = join(caller.folder, "outbox", "listener");
    await mkdir(outbox, { recursive: true });
    await writeFile(join(outbox, "big"), Buffer.alloc(3 * DISK, 1));
    const server = startStation("listen", listener, (command) =>
      withSmallDisk(command, listener.folder, DISK),
    );
    running.push(server);
    await server.ready;
    running.push(startStation("call", caller));
    const refused = join(outbox, "refused");
    await until("the refusal", async () => (await readdir(refused).catch(() => [""])).includes("big"));
    await writeFile(join(outbox, ".small"), "content");
    await writeFile(join(outbox, "small"), "content");
    // The disk is there for the station only.
    const disk = join("/proc", String(server.pid), "root", listener.folder);
    await until("the small file", async () => {
      return (await readFile(join(disk, "inbox", "caller", "small"), "utf8").catch(() => "")) === "content";
    });
    expect(await readdir(join(disk, "inbox", "caller"))).toEqual(["small"]);
    await until("the partial folder to be empty", async () => {
      return (await readdir(join(disk, "state", "partial"))).length === 0;
    });
  });
});
