import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import {
  recordsOf,
  type StationProcess,
  type StationSettings,
  startStation,
} from "../src/oftp-station-process.js";
import { SeededRandom } from "../src/seeded-random.js";
import { until } from "../src/until.js";

const KILLS = 50;
const FILES_OF_A_ROUND = 4;
/** Long enough to have several checkpoints. */
const LONG_FILE = 20 * 1024 * 1024;
/** What a process gets to do after it is ready. */
const LONGEST_LIFE_MS = 120;

let root: TemporaryFolder;
const running: Partial<Record<"listen" | "call", StationProcess>> = {};

beforeAll(async () => {
  root = await temporaryFolder("waybill-kill-");
});
afterAll(async () => {
  for (const station of Object.values(running)) await station.kill();
  await root.remove();
});

const settingsOf = (name: string, partner: string): StationSettings => ({
  name,
  partner,
  folder: join(root.path, name),
  portFile: join(root.path, "port"),
});

const sha256 = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");

describe(`stations that are killed at ${KILLS} random moments`, () => {
  const hashes: Record<string, Record<string, string>> = { listener: {}, caller: {} };

  async function addFiles({ name, partner, folder }: StationSettings, round: number, random: SeededRandom) {
    const outbox = join(folder, "outbox", partner);
    await mkdir(outbox, { recursive: true });
    for (let index = 0; index < FILES_OF_A_ROUND; index += 1) {
      const fileName = `${round}.${index}.${name}`;
      const size = index === 0 && round % 10 === 0 ? LONG_FILE : random.below(60_000);
      const content = Buffer.alloc(size, random.bytes(251));
      hashes[name]![fileName] = sha256(content);
      await writeFile(join(outbox, `.${fileName}`), content);
      await rename(join(outbox, `.${fileName}`), join(outbox, fileName));
    }
  }

  const filesIn = async (folder: string) =>
    Object.fromEntries(
      await Promise.all(
        (await readdir(folder).catch(() => [])).map(
          async (name) => [name, sha256(await readFile(join(folder, name)))] as const,
        ),
      ),
    );

  test("lose no file, bring none twice, and hear one EERP for each", async () => {
    const stations = { listen: settingsOf("listener", "caller"), call: settingsOf("caller", "listener") };
    const random = new SeededRandom(Date.now());
    const where = `seed ${random.seed}`;
    for (const settings of Object.values(stations)) await mkdir(settings.folder, { recursive: true });
    for (let kills = 0; kills < KILLS; kills += 1) {
      for (const role of ["listen", "call"] as const) {
        running[role] ??= startStation(role, stations[role]);
        await addFiles(stations[role], kills, random);
        await running[role].ready;
      }
      await pause(random.below(LONGEST_LIFE_MS));
      const victim = random.pick(["listen", "call"] as const);
      await running[victim]?.kill();
      delete running[victim];
    }
    for (const role of ["listen", "call"] as const) running[role] ??= startStation(role, stations[role]);
    const inboxOf = ({ folder, partner }: StationSettings) => join(folder, "inbox", partner);
    const settled = async ({ folder }: StationSettings) => {
      const names = await readdir(join(folder, "records", "sent")).catch(() => []);
      const states = await Promise.all(
        names.map(async (name) => readFile(join(folder, "records", "sent", name), "utf8").catch(() => "")),
      );
      return states.filter((text) => text.includes('"acknowledged"')).length;
    };
    const all = KILLS * FILES_OF_A_ROUND;
    try {
      for (const settings of Object.values(stations)) {
        await until("every EERP", async () => (await settled(settings)) === all, 30_000);
      }
    } catch (error) {
      throw new Error(`${where}: ${running.call?.output()}`, { cause: error });
    }
    for (const station of Object.values(running)) await station.kill();

    for (const settings of Object.values(stations)) {
      const { name, folder, partner } = settings;
      const own = hashes[name]!;
      const names = Object.keys(own).sort();
      const acknowledged = names.map((each) => `acknowledged ${each}`).sort();
      expect({ where, ...recordsOf(settings) }).toEqual({
        where,
        queued: 0,
        withWork: [],
        sent: acknowledged,
      });
      expect({ where, ...(await filesIn(inboxOf(settings))) }).toEqual({ where, ...hashes[partner] });
      const heard = (await readFile(join(folder, "heard"), "utf8")).split("\n").filter(Boolean);
      // One that was recorded a moment before the process was killed is not told again.
      expect(new Set(heard).size).toBe(heard.length);
      expect(all - heard.length).toBeLessThanOrEqual(KILLS);
      expect(await readdir(join(folder, "outbox", partner))).toEqual([]);
      expect(await readdir(join(folder, "state", "partial"))).toEqual([]);
    }
  }, 120_000);
});
