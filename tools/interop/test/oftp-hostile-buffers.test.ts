import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { hostileBuffer, validBuffers } from "../src/oftp-hostile-buffers.js";
import { type StationProcess, type StationSettings, startStation } from "../src/oftp-station-process.js";
import { openFiles, residentBytes } from "../src/process-usage.js";
import { SeededRandom } from "../src/seeded-random.js";
import { until } from "../src/until.js";

const BUFFERS = 100_000;
const OF_A_CONNECTION = 50;
/** At the same time: more than a partner may have sessions. */
const WIDTH = 24;
const WARM_UP = 0.2;
const MOST_GROWTH = 24 * 1024 * 1024;
/** What comes before, so that every state is met. Storing takes the disk's time, so most store nothing. */
const WITHOUT_FILE = [[], ["SSID"], ["SSID", "CD"]];
const WITH_FILE = [
  ["SSID", "SFID"],
  ["SSID", "SFID", "DATA"],
  ["SSID", "SFID", "DATA", "EFID"],
];
const ESID = "F".charCodeAt(0);
const ANSWERED = new Set(["SSID", "CD", "SFID", "EFID"]);

let root: TemporaryFolder;
let server: StationProcess | undefined;
let caller: StationProcess | undefined;
let port = 0;

beforeAll(async () => {
  root = await temporaryFolder("waybill-hostile-");
});
afterAll(async () => {
  await server?.kill();
  await caller?.kill();
  await root.remove();
});

const settingsOf = (name: string, partner: string): StationSettings => ({
  name,
  partner,
  folder: join(root.path, name),
  portFile: join(root.path, "port"),
});

/** One connection: a dialogue that begins well, then what is wrong. Resolves when the server has closed it. */
async function attack(random: SeededRandom): Promise<number> {
  const names = { caller: "O0013CALLER", called: "O0013LISTENER", password: "SECRET" };
  const valid = validBuffers(names, `ATTACK.${random.below(20)}`);
  const socket = connect({ port, host: "127.0.0.1" });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => {});
  for (const name of [undefined, ...random.pick(random.chance(10) ? WITH_FILE : WITHOUT_FILE)]) {
    if (name !== undefined) socket.write(valid[name]!);
    if ((name === undefined || ANSWERED.has(name)) && !(await answered(socket, closed))) break;
  }
  socket.resume();
  const all = Object.values(valid);
  const count = 1 + random.below(2 * OF_A_CONNECTION);
  for (let sent = 0; sent < count && socket.writable; sent += 1) socket.write(hostileBuffer(random, all));
  if (random.chance(10)) socket.resetAndDestroy();
  else socket.end();
  await closed;
  return count;
}

/** Whether an answer has come that is not ESID, after which it is the partner who has to disconnect. */
async function answered(socket: Socket, closed: Promise<void>): Promise<boolean> {
  const data = new Promise<boolean>((resolve) => {
    socket.once("data", (octets) => resolve(octets[4] !== ESID));
  });
  return Promise.race([data, closed.then(() => false)]);
}

async function attackWith(seed: number, buffers: number): Promise<void> {
  let left = buffers;
  const worker = async (_: unknown, index: number) => {
    const random = new SeededRandom(seed + index);
    while (left > 0) left -= await attack(random);
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
}

describe(`${BUFFERS} random and mutated buffers against a listening station`, () => {
  test("it answers or closes, goes on, and has the memory that it had before", async () => {
    const settings = settingsOf("listener", "caller");
    await mkdir(settings.folder, { recursive: true });
    server = startStation("listen", settings);
    await server.ready;
    port = Number(await readFile(settings.portFile, "utf8"));
    const { pid } = server;
    const seed = Date.now();
    const idleFiles = await openFiles(pid);
    await attackWith(seed, BUFFERS * WARM_UP);
    const before = await residentBytes(pid);
    await attackWith(seed + 1000, BUFFERS * (1 - WARM_UP));
    await until("all files and connections to be closed", async () => {
      return (await openFiles(pid)).length <= idleFiles.length;
    });
    const growth = (await residentBytes(pid)) - before;
    expect({ seed, growth: Math.max(growth, MOST_GROWTH) }).toEqual({ seed, growth: MOST_GROWTH });
    const files = join(settings.folder, "inbox", "caller");
    const odd = (await readdir(files).catch(() => [])).filter((name) => name.startsWith("."));
    expect(odd).toEqual([]);
    // It still does its work.
    const other = settingsOf("caller", "listener");
    await mkdir(join(other.folder, "outbox", "listener"), { recursive: true });
    await writeFile(join(other.folder, "outbox", "listener", "afterwards"), "content");
    caller = startStation("call", other);
    await until("a file", async () => {
      return (await readFile(join(files, "afterwards"), "utf8").catch(() => "")) === "content";
    });
  }, 180_000);
});
