import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import type { StateStore } from "../state-store.js";
import { fileStateStore } from "./file-state-store.js";
import { memoryStateStore } from "./memory-state-store.js";
import { VirtualFileClock } from "./virtual-file-clock.js";

const NOON = new Date(2024, 1, 29, 12, 0, 0);
const later = (seconds: number) => new Date(NOON.getTime() + seconds * 1000);
const stampOf = async (clock: VirtualFileClock) => {
  const { date, time } = await clock.next();
  return `${date} ${time}`;
};

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

describe("VirtualFileClock", () => {
  test("gives the local time and counts within a second", async () => {
    let now = NOON;
    const clock = new VirtualFileClock({ store: memoryStateStore(), now: () => now });
    expect(await stampOf(clock)).toBe("20240229 1200000001");
    expect(await stampOf(clock)).toBe("20240229 1200000002");
    now = later(1);
    expect(await stampOf(clock)).toBe("20240229 1200010001");
  });

  test("goes on in the next second after 9999, and over midnight of a leap day", async () => {
    const last = new Date(2024, 1, 29, 23, 59, 59);
    const clock = new VirtualFileClock({ store: memoryStateStore(), now: () => last });
    const stamps = await Promise.all(Array.from({ length: 10_001 }, () => stampOf(clock)));
    expect(stamps[9998]).toBe("20240229 2359599999");
    expect(stamps[9999]).toBe("20240301 0000000001");
    expect(new Set(stamps).size).toBe(10_001);
    expect([...stamps].sort()).toEqual(stamps);
  });

  test("never goes back with the clock or over a restart", async () => {
    const store = memoryStateStore();
    let now = later(3600);
    const first = new VirtualFileClock({ store, now: () => now });
    const stamps = [await stampOf(first)];
    now = NOON;
    stamps.push(await stampOf(first), await stampOf(new VirtualFileClock({ store, now: () => now })));
    expect([...stamps].sort()).toEqual(stamps);
    expect(new Set(stamps).size).toBe(3);
    expect(stamps[2]).toMatch(/^20240229 130000/);
  });

  test("many clocks on one store never give the same", async () => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => fileStateStore(folder.path)));
    let now = NOON;
    const clocks = stores.map((store) => new VirtualFileClock({ store, now: () => now }));
    const stamps: string[] = [];
    for (let round = 0; round < 6; round++) {
      now = later(round >> 1);
      const each = clocks.flatMap((clock) => Array.from({ length: 100 }, () => stampOf(clock)));
      stamps.push(...(await Promise.all(each)));
    }
    expect(new Set(stamps).size).toBe(2400);
    expect((await stores[0]!.list("virtual-file-clock")).length).toBeLessThan(16);
  });

  test("a process that slept over many reservations does not use an old number again", async () => {
    const inner = memoryStateStore();
    const given: string[] = [];
    let asleep = false;
    const other = new VirtualFileClock({ store: inner, now: () => NOON });
    const store: StateStore = {
      ...inner,
      async create(table, key, value) {
        if (asleep) {
          asleep = false;
          for (let i = 0; i < 3000; i++) given.push(await stampOf(other));
        }
        return inner.create(table, key, value);
      },
    };
    const slow = new VirtualFileClock({ store, now: () => NOON });
    given.push(await stampOf(slow));
    for (let i = 0; i < 127; i++) given.push(await stampOf(slow));
    asleep = true;
    for (let i = 0; i < 300; i++) given.push(await stampOf(slow));
    expect(new Set(given).size).toBe(given.length);
  });

  test("rejects when the store does, and goes on afterwards", async () => {
    const inner = memoryStateStore();
    let broken = true;
    const create: StateStore["create"] = (...args) =>
      broken ? Promise.reject(new Error("disk")) : inner.create(...args);
    const clock = new VirtualFileClock({ store: { ...inner, create }, now: () => NOON });
    await expect(clock.next()).rejects.toThrow("disk");
    broken = false;
    expect(await stampOf(clock)).toBe("20240229 1200000001");
  });

  test.each([null, 5, { second: "soon", first: 1, last: 2 }])(
    "stops at a damaged reservation: %j",
    async (value) => {
      const store = memoryStateStore();
      await new VirtualFileClock({ store, now: () => NOON }).next();
      await store.put("virtual-file-clock", "2", value);
      const clock = new VirtualFileClock({ store, now: () => NOON });
      await expect(clock.next()).rejects.toMatchObject({ code: "ERR_OFTP_STATE_DAMAGED" });
    },
  );

  test("writes once for many stamps", async () => {
    const inner = memoryStateStore();
    let creations = 0;
    const create: StateStore["create"] = (...args) => {
      creations += 1;
      return inner.create(...args);
    };
    const clock = new VirtualFileClock({ store: { ...inner, create }, now: () => NOON });
    for (let i = 0; i < 1000; i++) await clock.next();
    expect(creations).toBeLessThan(10);
  });
});
