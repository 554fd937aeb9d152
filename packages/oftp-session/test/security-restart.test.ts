import { writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, truncate, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { errorCode, listen } from "@waybill/net-core";
import type { FileFormat } from "@waybill/oftp-codec";
import {
  type FileSecurityWishes,
  memoryStateStore,
  type PartnerSecurity,
  type QueuedFile,
  type StateStore,
} from "@waybill/oftp-session";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { cutPair } from "./support/cut-pair.js";
import { newIdentity, type TestIdentity } from "./support/identities.js";
import { type Random, randomFrom } from "./support/random-buffers.js";
import { openSecure, type SecureSide, type SecureStation, sealedFilesOf } from "./support/receipt-pair.js";
import { eventsOf, exchange, filesIn } from "./support/stations.js";
import { contentFor, hashesIn, RECORD_SIZE, sha256 } from "./support/test-files.js";

const SEALED: FileSecurityWishes = { sign: true, encrypt: true, compress: true, signedReceipt: true };
const NAME = "INVOICE";
const CONTENT = "invoice ".repeat(20_000);

let root: TemporaryFolder;
let rsa: TestIdentity;
let ec: TestIdentity;
let run = 0;
const at = (...names: string[]) => join(root.path, String(run), ...names);

beforeAll(async () => {
  root = await temporaryFolder("waybill-sealed-restart-");
  [rsa, ec] = await Promise.all([newIdentity("here"), newIdentity("there", { type: "ec" })]);
});
afterAll(() => root.remove());
beforeEach(async () => {
  run += 1;
  await mkdir(at("files"), { recursive: true });
});

const sides = (security: PartnerSecurity = {}): readonly [SecureSide, SecureSide] => [
  { name: "here", folder: at("here"), identity: rsa, security, entry: {} },
  { name: "there", folder: at("there"), identity: ec },
];
const SMALL = { bufferSize: 4096, credit: 4 };

async function openBoth(
  security: PartnerSecurity = {},
  newStore?: () => StateStore,
): Promise<readonly [SecureStation, SecureStation]> {
  const [here, there] = sides(security);
  const options = () => (newStore === undefined ? SMALL : { ...SMALL, store: newStore() });
  return [await openSecure(here, there, options()), await openSecure(there, here, options())];
}

/** A session that `caller` begins, and that breaks after so many octets of it. */
async function cutSession(caller: SecureStation, called: SecureStation, octets: number): Promise<boolean> {
  const pair = await cutPair("near", octets);
  const sessions = [called.station.answer(pair.far), caller.station.initiate(caller.partner, pair.near)];
  const ends = await Promise.all(sessions.map(({ ended }) => ended));
  if (!pair.wasCut) expect(ends).toEqual([{ error: undefined }, { error: undefined }]);
  return pair.wasCut;
}

const sealedFiles = (name = "here") => sealedFilesOf({ folder: at(name) });

describe("connections that are cut while secured files go", () => {
  const FILES: readonly (readonly [FileFormat, number, FileSecurityWishes])[] = [
    ["U", 300_000, SEALED],
    ["V", 100_000, { sign: true, encrypt: true, signedReceipt: true }],
    ["F", 160_000, SEALED],
    ["U", 120_000, { signedReceipt: true }],
    ["V", 90_000, { signedReceipt: true }],
    ["F", 90_000, { signedReceipt: true }],
  ];
  /** Octets of a session at most: several are needed for all files. */
  const CUT_WITHIN = 200_000;
  const CUTS = 50;
  const MOST_CUTS_OF_A_RUN = 7;
  const seen = { cuts: 0, restarted: {} as Record<string, number> };

  async function queueFiles({ station, partner }: SecureStation, name: string, random: Random) {
    const hashes: Record<string, string> = {};
    const folder = at("files", name);
    await mkdir(folder, { recursive: true });
    for (const [index, [format, size, security]] of FILES.entries()) {
      const content = contentFor(format, size, random);
      const datasetName = `${index}.${format}`;
      const path = join(folder, datasetName);
      await writeFile(path, content);
      hashes[datasetName] = sha256(content);
      const records = format === "F" || format === "V" ? { maxRecordSize: RECORD_SIZE } : {};
      await station.send(partner.name, { path, datasetName, format, security, ...records });
    }
    return hashes;
  }

  /** Files go from the one that calls to the other one, or the other way round. */
  async function runWith(seed: number): Promise<void> {
    const random = randomFrom(seed);
    // Nothing is opened anew here: what is remembered need not outlive the stations.
    const [first, second] = await openBoth({}, memoryStateStore);
    const [sender, receiver] = seed % 2 === 0 ? [first, second] : [second, first];
    const hashes = await queueFiles(sender, receiver.partner.name, random);
    for (let cuts = 0; ; cuts += 1) {
      const octets = cuts < MOST_CUTS_OF_A_RUN ? 1 + random(CUT_WITHIN) : Number.POSITIVE_INFINITY;
      if (!(await cutSession(sender, receiver, octets))) break;
      seen.cuts += 1;
    }
    const names = Object.keys(hashes).sort();
    const [inboxOwner, from] = [sender.partner.name, receiver.partner.name];
    expect(await hashesIn(at(inboxOwner, "inbox", from))).toEqual(hashes);
    expect(receiver.received.map(({ file }) => file.sfid.datasetName).sort()).toEqual(names);
    expect(sender.invalid).toEqual([]);
    expect([...sender.heard].sort()).toEqual(names.map((name) => `EERP ${name}`));
    expect(await sender.station.queued(inboxOwner)).toEqual([]);
    expect(await sealedFiles(from)).toEqual([]);
    expect(await readdir(at(inboxOwner, "state", "partial"))).toEqual([]);
    const { wire } = sender;
    for (const response of wire.responses) {
      const { sfid, octets, positions } = wire.file(response.datasetName);
      expect(Buffer.from(response.hash).toString("hex")).toBe(sha256(octets));
      expect(response.signature.length).toBeGreaterThan(0);
      if (positions.some((position) => position > 0)) {
        const kind = `${sfid.envelope === 0 ? "plain" : "sealed"} ${sfid.format}`;
        seen.restarted[kind] = (seen.restarted[kind] ?? 0) + 1;
      }
    }
  }

  test("bring each of them once, right, with a signed receipt that holds", async () => {
    for (let seed = 1; seen.cuts < CUTS; seed += 1) {
      try {
        await runWith(seed);
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
      }
      run += 1;
    }
    expect(Object.keys(seen.restarted).sort()).toEqual([
      "plain F",
      "plain U",
      "plain V",
      "sealed F",
      "sealed U",
      "sealed V",
    ]);
  }, 120_000);
});

describe("a file that changes while it is queued", () => {
  const attempts = [false, true].flatMap((isThere) =>
    [SEALED, { signedReceipt: true }].map((wishes) => [isThere, wishes] as const),
  );
  test.each(attempts)(
    "is made ready anew, for a file of another time stamp; the partner has a part: %s, %j",
    async (isThere, wishes) => {
      const [here, there] = await openBoth();
      const random = randomFrom(3);
      const [before, after] = [contentFor("U", 200_000, random), contentFor("U", 200_000, random)];
      await writeFile(at("files", NAME), before);
      const { timestamp } = await here.station.send("there", { path: at("files", NAME), security: wishes });
      if (isThere) expect(await cutSession(here, there, 60_000)).toBe(true);
      await writeFile(at("files", NAME), after);

      await exchange(here.station, here.partner, there.station);

      expect(await hashesIn(at("there", "inbox", "here"))).toEqual({ [NAME]: sha256(after) });
      const [file] = [...here.wire.files.values()].slice(-1);
      expect(file?.sfid.timestamp).not.toEqual(timestamp);
      expect(file?.positions).toEqual([0]);
      expect(here.invalid).toEqual([]);
      expect(here.heard).toEqual([`EERP ${NAME}`]);
      expect(await sealedFiles()).toEqual([]);
    },
  );
});

describe("what was sealed, and somebody else changes", () => {
  const harm: readonly [string, (path: string) => Promise<void>][] = [
    ["is removed", unlink],
    ["is cut off", (path) => truncate(path, 1000)],
    ["is emptied", (path) => truncate(path, 0)],
    [
      "is damaged",
      async (path) => {
        const content = await readFile(path);
        content[content.length >> 1]! ^= 1;
        await writeFile(path, content);
      },
    ],
  ];
  const wishes: readonly FileSecurityWishes[] = [SEALED, { encrypt: true }, { compress: true }];
  const cases = harm.flatMap(([what, change], row) =>
    wishes.map((each, column) => [what, each, (row + column) % 2 > 0, change] as const),
  );
  test.each(cases)(
    "%s (%j): it is sealed anew; the partner has a part: %s",
    async (_what, security, isThere, change) => {
      const [here, there] = await openBoth();
      const content = contentFor("U", 100_000, randomFrom(4));
      await writeFile(at("files", NAME), content);
      await here.station.send("there", { path: at("files", NAME), security });
      if (isThere) expect(await cutSession(here, there, 30_000)).toBe(true);
      const [sealed] = await sealedFiles();
      await change(sealed!);

      await exchange(here.station, here.partner, there.station);

      expect(await hashesIn(at("there", "inbox", "here"))).toEqual({ [NAME]: sha256(content) });
      expect(here.invalid).toEqual([]);
      expect(here.heard).toEqual([`EERP ${NAME}`]);
    },
  );
});

describe("what was sealed, and somebody else changes while it is being sent", () => {
  test("is not sent to its end, and is sealed anew for the next session", async () => {
    const [here, there] = await openBoth();
    // Read in several pieces.
    const content = contentFor("U", 2_000_000, randomFrom(6));
    await writeFile(at("files", NAME), content);
    await here.station.send("there", { path: at("files", NAME), security: { encrypt: true } });
    const [sealed] = await sealedFiles();
    here.station.once("progress", () => {
      here.station.once("progress", () => writeFileSync(sealed!, "something else"));
    });
    const interrupted = eventsOf(here.station, "fileInterrupted");
    const sessions = await exchange(here.station, here.partner, there.station);
    expect((await sessions[1]!.ended).error).toBeDefined();
    expect(interrupted.map(({ dropped }) => dropped)).toEqual([false]);
    expect(there.received).toEqual([]);

    await exchange(here.station, here.partner, there.station);
    expect(await hashesIn(at("there", "inbox", "here"))).toEqual({ [NAME]: sha256(content) });
    expect(here.heard).toEqual([`EERP ${NAME}`]);
  });
});

describe("a station that is closed while a large file is made ready", () => {
  const SIZE = 200 * 1024 * 1024;
  const ways: readonly [string, FileSecurityWishes][] = [
    ["sealed", { encrypt: true }],
    ["hashed for its receipt", { signedReceipt: true }],
  ];
  test.each(ways)(
    "%s when it is queued: nothing is left of it, and it can be queued later",
    async (_what, security) => {
      const [here, there] = await openBoth();
      await writeFile(at("files", NAME), "");
      await truncate(at("files", NAME), SIZE);
      const sealing = eventsOf(here.station, "sealing");
      const begun = new Promise((resolve) => here.station.once("sealing", resolve));
      const queueing = here.station.send("there", { path: at("files", NAME), security });
      const result = queueing.then(
        () => "queued",
        (error) => error.code,
      );
      await begun;
      await here.station.close();
      expect(await result).toBe("ERR_ABORTED");
      expect(sealing.at(-1)?.octets).toBeLessThan(SIZE / 2);
      expect(await here.station.queued("there")).toEqual([]);
      expect(await sealedFiles()).toEqual([]);

      await truncate(at("files", NAME), 5000);
      const [again] = await openBoth();
      await again.station.send("there", { path: at("files", NAME), security });
      await exchange(again.station, again.partner, there.station);
      expect(await hashesIn(at("there", "inbox", "here"))).toEqual({ [NAME]: sha256(Buffer.alloc(5000)) });
      expect(again.heard).toEqual([`EERP ${NAME}`]);
    },
  );

  test.each(ways)("%s in a session: nothing of it is sent, and it stays queued", async (_what, security) => {
    const [here, there] = await openBoth(security);
    await mkdir(at("here", "outbox", "there"), { recursive: true });
    const path = at("here", "outbox", "there", NAME);
    await writeFile(path, "");
    await truncate(path, SIZE);
    const sealing = eventsOf(here.station, "sealing");
    const begun = new Promise((resolve) => here.station.once("sealing", resolve));
    const session = exchange(here.station, here.partner, there.station);
    await begun;
    await here.station.close();
    await session;
    expect(sealing.at(-1)?.octets).toBeLessThan(SIZE / 2);
    expect(here.wire.files.size).toBe(0);
    expect(await here.station.queued("there")).toMatchObject([{ datasetName: NAME, transmitted: undefined }]);
    expect(await sealedFiles()).toEqual([]);

    await truncate(path, 5000);
    const [again] = await openBoth(security);
    await exchange(again.station, again.partner, there.station);
    expect(await hashesIn(at("there", "inbox", "here"))).toEqual({ [NAME]: sha256(Buffer.alloc(5000)) });
    expect(again.heard).toEqual([`EERP ${NAME}`]);
  });
});

describe("files in the outbox of a partner whose files are encrypted", () => {
  const PLAIN_TEXT = "nobody may read this ".repeat(50);

  async function outboxWithFiles() {
    const [here, there] = await openBoth(SEALED);
    await mkdir(at("here", "outbox", "there"), { recursive: true });
    for (const name of ["A", "B"]) await writeFile(at("here", "outbox", "there", name), PLAIN_TEXT);
    return [here, there] as const;
  }

  async function expectSealed({ wire, heard, invalid }: SecureStation) {
    expect(await filesIn(at("there", "inbox", "here"))).toEqual({ A: PLAIN_TEXT, B: PLAIN_TEXT });
    const files = [...wire.files.values()];
    expect(files.map(({ sfid }) => sfid)).toMatchObject([
      { datasetName: "A", securityLevel: 3, envelope: 1, compression: 1, signedReceipt: true },
      { datasetName: "B", securityLevel: 3, envelope: 1, compression: 1, signedReceipt: true },
    ]);
    for (const { octets } of files) expect(octets.includes("nobody")).toBe(false);
    expect(invalid).toEqual([]);
    expect([...heard].sort()).toEqual(["EERP A", "EERP B"]);
    expect(await readdir(at("here", "outbox", "there"))).toEqual([]);
    expect(await sealedFiles()).toEqual([]);
  }

  test("go sealed when the partner calls", async () => {
    const [here, there] = await outboxWithFiles();
    await exchange(there.station, there.partner, here.station);
    await expectSealed(here);
  });

  test("go sealed when the station calls, and are so before it does", async () => {
    const [, there] = await outboxWithFiles();
    const [side, other] = sides(SEALED);
    const listener = await listen({ port: 0 }, (socket) => void there.station.answer(socket));
    const address = { host: "127.0.0.1", port: listener.port };
    const here = await openSecure({ ...side, entry: { address } }, other);
    const order: string[] = [];
    here.station.on("sealing", ({ file }) => order.push(`sealed ${file.datasetName}`));
    here.station.on("sessionOpened", () => order.push("opened"));
    const { ended } = await here.station.call("there");
    expect((await ended).error).toBeUndefined();
    await listener.close();
    expect(order).toEqual(["sealed A", "sealed B", "opened"]);
    await expectSealed(here);
  });
});

describe("a sealed file that is withdrawn", () => {
  test("takes what was sealed with it", async () => {
    const [here, there] = await openBoth();
    await writeFile(at("files", NAME), CONTENT);
    const queued = await here.station.send("there", { path: at("files", NAME), security: SEALED });
    expect(await sealedFiles()).toHaveLength(1);
    expect(await here.station.withdraw(queued)).toBe(true);
    expect(await sealedFiles()).toEqual([]);
    expect(await here.station.queued("there")).toEqual([]);
    await exchange(here.station, here.partner, there.station);
    expect(here.wire.files.size).toBe(0);
  });

  test("also when the entry is one of before it was sealed", async () => {
    const [here, there] = await openBoth(SEALED);
    await mkdir(at("here", "outbox", "there"), { recursive: true });
    await writeFile(at("here", "outbox", "there", NAME), CONTENT);
    const entries: QueuedFile[] = [];
    here.station.on("sealing", ({ file }) => entries.push(file));
    expect(await cutSession(here, there, 600)).toBe(true);
    expect(await sealedFiles()).toHaveLength(1);
    expect(await here.station.withdraw(entries[0]!)).toBe(true);
    expect(await sealedFiles()).toEqual([]);
  });
});

/** A store in which one thing does not work. */
function storeWithout(store: StateStore, broken: Partial<StateStore>): StateStore {
  return {
    get: (...args) => store.get(...args),
    put: (...args) => store.put(...args),
    create: (...args) => store.create(...args),
    remove: (...args) => store.remove(...args),
    list: (...args) => store.list(...args),
    ...broken,
  };
}

describe("what goes wrong on this side", () => {
  test("a process that ends before it has put a file away that was sent: the file is not missed afterwards", async () => {
    const store = memoryStateStore();
    const [side, other] = sides(SEALED);
    const remove: StateStore["remove"] = async (table, key) => {
      if (table === "outgoing.there") throw new Error("the process ends here");
      await store.remove(table, key);
    };
    const before = await openSecure(side, other, { ...SMALL, store: storeWithout(store, { remove }) });
    const there = await openSecure(other, side, SMALL);
    const path = at("here", "outbox", "there", NAME);
    await mkdir(at("here", "outbox", "there"), { recursive: true });
    await writeFile(path, CONTENT);
    await exchange(before.station, before.partner, there.station);
    expect(await before.station.queued("there")).toHaveLength(1);
    expect(await filesIn(at("here", "outbox", "there"))).toEqual({});

    const here = await openSecure(side, other, { ...SMALL, store });
    const interrupted = eventsOf(here.station, "fileInterrupted");
    await exchange(here.station, here.partner, there.station);
    expect(interrupted.map(({ error, dropped }) => [errorCode(error), dropped])).toEqual([]);
    expect(await here.station.queued("there")).toEqual([]);
    expect((await here.station.sent()).map(({ state }) => state)).toEqual(["acknowledged"]);
    expect(await readdir(at("here", "outbox", "there"))).toEqual([]);
    expect(there.received).toHaveLength(1);
    expect(await sealedFiles()).toEqual([]);
  });

  test("a file that cannot be recorded leaves nothing sealed behind", async () => {
    const store = memoryStateStore();
    const put: StateStore["put"] = async (table, ...rest) => {
      if (table === "outgoing.there") throw new Error("the disk is full");
      await store.put(table, ...rest);
    };
    const [here] = await openBoth({}, () => storeWithout(store, { put }));
    await writeFile(at("files", NAME), CONTENT);
    const sending = here.station.send("there", { path: at("files", NAME), security: SEALED });
    await expect(sending).rejects.toThrow("the disk is full");
    expect(await sealedFiles()).toEqual([]);
  });

  test("an answer that cannot be signed any more waits for a new certificate, and keeps no station from being opened", async () => {
    const DAY = 24 * 3600 * 1000;
    const validity = { notBefore: new Date(Date.now() - DAY), notAfter: new Date(Date.now() + DAY) };
    const brief = await newIdentity("there", { type: "ec" }, validity);
    const [side, other] = sides();
    const here = await openSecure(side, {
      ...other,
      identity: brief,
    });
    let later = 0;
    const open = (identity: TestIdentity) =>
      openSecure({ ...other, identity }, side, {
        now: () => new Date(Date.now() + later),
        hooks: {
          endResponse: () => {
            later = 3 * DAY;
            return "eerp";
          },
        },
      });
    const there = await open(brief);
    await writeFile(at("files", NAME), CONTENT);
    await here.station.send("there", { path: at("files", NAME), security: SEALED });
    await exchange(here.station, here.partner, there.station);
    expect(await filesIn(at("there", "inbox", "here"))).toEqual({ [NAME]: CONTENT });
    expect(here.heard).toEqual([]);
    await there.station.close();

    const still = await open(brief);
    await exchange(here.station, here.partner, still.station);
    expect(here.heard).toEqual([]);
    await still.station.close();

    const renewed = await open(ec);
    const knowing = await openSecure(side, other);
    await exchange(knowing.station, knowing.partner, renewed.station);
    expect(knowing.invalid).toEqual([]);
    expect(knowing.heard).toEqual([`EERP ${NAME}`]);
  });
});
