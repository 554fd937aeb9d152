import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Certificate,
  createSelfSignedCertificate,
  generateKeyPair,
  type KeyPairOptions,
} from "@waybill/cert-store";
import { type ReceiptHashes, verifyReceipt } from "@waybill/cms-security";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import {
  type StationProcess,
  type StationRecords,
  type StationSettings,
  startStation,
} from "../src/oftp-station-process.js";
import { SeededRandom } from "../src/seeded-random.js";
import { until } from "../src/until.js";

/** A station like `oftp-station.mjs`, with certificates. */
const SCRIPT = fileURLToPath(
  new URL("../../../packages/oftp-session/test/support/receipt-station.mjs", import.meta.url),
);

const KILLS = 12;
const FILES_OF_A_ROUND = 3;
/** Long enough to be killed while it is sealed, on its way, or being opened. */
const LONG_FILE = 2 * 1024 * 1024;
/** What a process gets to do after it is ready. */
const LONGEST_LIFE_MS = 150;

type Role = "listen" | "call";

interface SecureSettings extends StationSettings {
  readonly partnerCertificate: string;
}

let root: TemporaryFolder;
const running: Partial<Record<Role, StationProcess>> = {};
const certificates: Record<string, Certificate> = {};

beforeAll(async () => {
  root = await temporaryFolder("waybill-sealed-kill-");
  await addStation("listener", { type: "rsa", bits: 2048 });
  await addStation("caller", { type: "ec" });
});
afterAll(async () => {
  for (const station of Object.values(running)) await station.kill();
  await root.remove();
});

async function addStation(name: string, options: KeyPairOptions): Promise<void> {
  const key = await generateKeyPair(options);
  const certificate = await createSelfSignedCertificate({ key, subject: `CN=${name}` });
  const folder = join(root.path, name);
  await mkdir(folder);
  await writeFile(join(folder, "certificate.pem"), certificate.pem);
  await writeFile(join(folder, "key.pem"), key.keyObject.export({ format: "pem", type: "pkcs8" }));
  certificates[name] = certificate;
}

const settingsOf = (name: string, partner: string): SecureSettings => ({
  name,
  partner,
  folder: join(root.path, name),
  portFile: join(root.path, "port"),
  partnerCertificate: join(root.path, partner, "certificate.pem"),
});

const commandOf = (role: string, settings: SecureSettings) => [
  "--disable-warning=ExperimentalWarning",
  SCRIPT,
  role,
  JSON.stringify(settings),
];

const start = (role: Role, settings: SecureSettings) =>
  startStation(role, settings, ({ program }) => ({ program, args: commandOf(role, settings) }));

const recordsOf = (settings: SecureSettings): StationRecords =>
  JSON.parse(execFileSync(process.execPath, commandOf("inspect", settings), { encoding: "utf8" }));

const sha256 = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");

/** Not what a process was writing when it was killed. */
const isRecord = (name: string) => name.endsWith(".json");

/** What a station has heard of a file that it has sent. */
interface Heard {
  readonly kind: string;
  readonly datasetName: string;
  readonly timestamp: { readonly date: string; readonly time: string };
  readonly destination: string;
  readonly originator: string;
  readonly hash: string;
  readonly signature: string;
  readonly hashes: Readonly<Record<string, string>>;
}

async function heardBy({ folder }: StationSettings): Promise<readonly Heard[]> {
  const lines = (await readFile(join(folder, "heard"), "utf8")).split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}

/** Once more, outside of the station: that the partner has signed for what was sent to it. */
async function expectProof(heard: Heard, partner: string): Promise<void> {
  const { datasetName, timestamp, destination, originator } = heard;
  const hashes = Object.entries(heard.hashes).map(([name, hash]) => [name, Buffer.from(hash, "base64")]);
  await verifyReceipt(
    {
      kind: "EERP",
      datasetName,
      timestamp,
      destination,
      originator,
      hash: Buffer.from(heard.hash, "base64"),
      signature: Buffer.from(heard.signature, "base64"),
    },
    {
      file: { datasetName, timestamp, destination: originator, originator: destination },
      hashes: Object.fromEntries(hashes) as ReceiptHashes,
      signers: [certificates[partner]!],
    },
  );
}

describe(`stations that are killed at ${KILLS} random moments while sealed files come`, () => {
  const hashes: Record<string, Record<string, string>> = { listener: {}, caller: {} };

  async function addFiles({ name, partner, folder }: StationSettings, round: number, random: SeededRandom) {
    const outbox = join(folder, "outbox", partner);
    await mkdir(outbox, { recursive: true });
    for (let index = 0; index < FILES_OF_A_ROUND; index += 1) {
      const fileName = `${round}.${index}.${name}`;
      const isLong = index === 0 && round % 4 === 0;
      // Most of it does not compress, so that it stays long.
      const content = isLong
        ? Buffer.concat(Array.from({ length: 4 }, () => Buffer.alloc(LONG_FILE / 4, random.bytes(70_001))))
        : Buffer.alloc(random.below(60_000), random.bytes(251));
      hashes[name]![fileName] = sha256(content);
      await writeFile(join(outbox, `.${fileName}`), content);
      await rename(join(outbox, `.${fileName}`), join(outbox, fileName));
    }
  }

  async function filesIn(folder: string) {
    const names = await readdir(folder).catch(() => []);
    const contents = await Promise.all(names.map((name) => readFile(join(folder, name))));
    return Object.fromEntries(names.map((name, index) => [name, sha256(contents[index]!)]));
  }

  /** Files and folders below a folder that are no folders. */
  async function leftIn(folder: string) {
    const options = { recursive: true, withFileTypes: true } as const;
    const entries = await readdir(folder, options).catch(() => []);
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  }

  test("open each file once, and right, and sign for each", async () => {
    const stations = { listen: settingsOf("listener", "caller"), call: settingsOf("caller", "listener") };
    const random = new SeededRandom(Date.now());
    const where = `seed ${random.seed}`;
    for (let kills = 0; kills < KILLS; kills += 1) {
      for (const role of ["listen", "call"] as const) {
        running[role] ??= start(role, stations[role]);
        await addFiles(stations[role], kills, random);
        await running[role].ready;
      }
      await pause(random.below(LONGEST_LIFE_MS));
      const victim = random.pick(["listen", "call"] as const);
      await running[victim]?.kill();
      delete running[victim];
    }
    for (const role of ["listen", "call"] as const) running[role] ??= start(role, stations[role]);
    const acknowledged = async ({ folder }: StationSettings) => {
      const names = (await readdir(join(folder, "records", "sent")).catch(() => [])).filter(isRecord);
      const states = await Promise.all(
        names.map(async (name) => readFile(join(folder, "records", "sent", name), "utf8").catch(() => "")),
      );
      return states.filter((text) => text.includes('"acknowledged"')).length;
    };
    const owed = async ({ folder }: StationSettings) => {
      const tables = (await readdir(join(folder, "records"))).filter((name) => name.startsWith("responses-"));
      const left = await Promise.all(tables.map((name) => leftIn(join(folder, "records", name))));
      return left.flat().filter(isRecord);
    };
    const all = KILLS * FILES_OF_A_ROUND;
    try {
      for (const settings of Object.values(stations)) {
        await until("every EERP", async () => (await acknowledged(settings)) === all, 40_000);
        // Who sent the last one may not have heard yet that it has arrived.
        await until("every RTR", async () => (await owed(settings)).length === 0);
      }
    } catch (error) {
      throw new Error(`${where}: ${running.listen?.output()} ${running.call?.output()}`, { cause: error });
    }
    for (const station of Object.values(running)) await station.kill();

    for (const settings of Object.values(stations)) {
      const { name, folder, partner } = settings;
      const names = Object.keys(hashes[name]!).sort();
      expect({ where, ...recordsOf(settings) }).toEqual({
        where,
        queued: 0,
        withWork: [],
        sent: names.map((each) => `acknowledged ${each}`).sort(),
      });
      expect({ where, ...(await filesIn(join(folder, "inbox", partner))) }).toEqual({
        where,
        ...hashes[partner],
      });
      const heard = await heardBy(settings);
      expect({ where, kinds: [...new Set(heard.map(({ kind }) => kind))] }).toEqual({
        where,
        kinds: ["EERP"],
      });
      // One that was recorded a moment before the process was killed is not told again.
      expect(new Set(heard.map(({ datasetName }) => datasetName)).size).toBe(heard.length);
      expect(all - heard.length).toBeLessThanOrEqual(KILLS);
      for (const each of heard) await expectProof(each, partner);
      expect(await readdir(join(folder, "outbox", partner))).toEqual([]);
      expect({ where, left: await leftIn(join(folder, "state", "sealed")) }).toEqual({ where, left: [] });
      expect({ where, left: await leftIn(join(folder, "state", "partial")) }).toEqual({ where, left: [] });
    }
  }, 120_000);
});
