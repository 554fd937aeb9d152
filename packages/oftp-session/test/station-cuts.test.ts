import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { FileFormat, ProtocolLevel } from "@waybill/oftp-codec";
import type { OftpStation, Partner } from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { cutPair, type Direction } from "./support/cut-pair.js";
import { type Random, randomFrom } from "./support/random-buffers.js";
import { openStation, partnerEntry } from "./support/stations.js";
import { contentFor, hashesIn, RECORD_SIZE, sha256 } from "./support/test-files.js";

const CUTS = 200;
const MOST_CUTS_OF_A_RUN = 4;
/** In both directions together: what a cut chooses its moment from. */
const SIZES: readonly (readonly [FileFormat, number])[] = [
  ["U", 90_000],
  ["V", 40_000],
  ["U", 200],
  ["F", 40_000],
  ["U", 0],
];
const TRAFFIC = 175_000;

let root: TemporaryFolder;
beforeAll(async () => {
  root = await temporaryFolder("waybill-cuts-");
});
afterAll(() => root.remove());

interface Side {
  readonly name: string;
  readonly station: OftpStation;
  readonly entry: Partner;
  readonly received: string[];
  readonly receipts: string[];
  hashes: Record<string, string>;
}

/** What happened in all runs. */
const seen = { cuts: 0, restarts: 0, whole: 0, receiptBeforeEfpa: 0 };

async function openSide(name: string, other: string, folder: string, level: ProtocolLevel): Promise<Side> {
  const entry = partnerEntry(other, { level });
  const station = await openStation({ name, folder, partners: [entry], bufferSize: 2048, credit: 4 });
  const side: Side = { name, station, entry, received: [], receipts: [], hashes: {} };
  station.on("fileReceived", ({ file }) => side.received.push(file.sfid.datasetName));
  station.on("endResponseReceived", ({ response, file }) => {
    side.receipts.push(`${response.kind} ${file?.datasetName}`);
  });
  station.on("trail", ({ entry: { direction, command } }) => {
    if (direction === "sent" && command?.kind === "SFPA" && command.restartPosition > 0) seen.restarts += 1;
  });
  return side;
}

async function queueFiles({ station, entry, hashes }: Side, folder: string, random: Random): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [index, [format, size]] of SIZES.entries()) {
    const content = contentFor(format, size, random);
    const datasetName = `${index}.${format}`;
    const path = join(folder, datasetName);
    await writeFile(path, content);
    hashes[datasetName] = sha256(content);
    const records = format === "F" || format === "V" ? { maxRecordSize: RECORD_SIZE } : {};
    await station.send(entry.name, { path, datasetName, format, ...records });
  }
}

async function session(caller: Side, called: Side, direction: Direction, octets: number): Promise<boolean> {
  const pair = await cutPair(direction, octets);
  const sessions = [called.station.answer(pair.far), caller.station.initiate(caller.entry, pair.near)];
  const ends = await Promise.all(sessions.map(({ ended }) => ended));
  if (!pair.wasCut) expect(ends.map(({ error }) => error)).toEqual([undefined, undefined]);
  return pair.wasCut;
}

async function runWith(seed: number): Promise<void> {
  const random = randomFrom(seed);
  const folder = join(root.path, String(seed));
  const level = ([1, 2, 4, 5] as const)[random(4)]!;
  const one = await openSide("one", "two", join(folder, "one"), level);
  const two = await openSide("two", "one", join(folder, "two"), level);
  for (const side of [one, two]) await queueFiles(side, join(folder, `files-${side.name}`), random);
  for (let cuts = 0; ; ) {
    const [caller, called] = random(2) === 0 ? [one, two] : [two, one];
    const goesOn = cuts < MOST_CUTS_OF_A_RUN;
    const direction = random(2) === 0 ? "near" : "far";
    // Every third one early: in the dialogue before and between the files.
    const octets = goesOn ? 1 + random(random(3) === 0 ? 1500 : TRAFFIC) : Number.POSITIVE_INFINITY;
    if (await session(caller, called, direction, octets)) {
      cuts += 1;
      seen.cuts += 1;
    } else {
      seen.whole += 1;
      break;
    }
  }
  for (const [sender, receiver] of [
    [one, two],
    [two, one],
  ] as const) {
    const names = Object.keys(sender.hashes).sort();
    expect(await hashesIn(join(folder, receiver.name, "inbox", sender.name))).toEqual(sender.hashes);
    expect([...receiver.received].sort()).toEqual(names);
    expect([...sender.receipts].sort()).toEqual(names.map((name) => `EERP ${name}`));
    expect(await sender.station.queued(receiver.name)).toEqual([]);
    expect(await sender.station.partnersWithWork([receiver.name])).toEqual([]);
    expect(await readdir(join(folder, receiver.name, "state", "partial"))).toEqual([]);
    expect(await readdir(join(folder, receiver.name, "state", "locks"))).toEqual([]);
  }
}

describe(`sessions that are cut at ${CUTS} random octets and resumed`, () => {
  test("bring every file once, whole, with one EERP", async () => {
    for (let seed = 1; seen.cuts < CUTS; seed += 1) {
      try {
        await runWith(seed);
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
      }
    }
    // Restart positions were used, not only whole files sent again.
    expect(seen.restarts).toBeGreaterThan(CUTS / 10);
  }, 120_000);
});
