import { writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, truncate, unlink, writeFile } from "node:fs/promises";
import { describe, expect, test } from "@jest/globals";
import { errorCode } from "@waybill/net-core";
import {
  type FileSecurityWishes,
  memoryStateStore,
  type QueuedFile,
  type StateStore,
} from "@waybill/oftp-session";
import { randomFrom } from "./support/random-buffers.js";
import { openSecure } from "./support/receipt-pair.js";
import { cutSession, receiptScenes, SEALED, SMALL } from "./support/receipt-scenes.js";
import { eventsOf, exchange, filesIn } from "./support/stations.js";
import { contentFor, hashesIn, sha256 } from "./support/test-files.js";

const NAME = "INVOICE";
const CONTENT = "invoice ".repeat(20_000);

const { at, sides, openBoth, sealedFiles } = receiptScenes("waybill-sealed-copies-");

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
});
