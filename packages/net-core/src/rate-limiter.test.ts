import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Clock, RateLimiter } from "./rate-limiter.js";

/** Time that passes only when told, in steps from one timer to the next. */
class ManualClock implements Clock {
  time = 0;
  readonly timers = new Set<{ readonly at: number; readonly action: () => void }>();
  readonly #lateMs: number;

  constructor(lateMs = 0) {
    this.#lateMs = lateMs;
  }

  now(): number {
    return this.time;
  }

  schedule(action: () => void, ms: number): () => void {
    const timer = { at: this.time + ms + this.#lateMs, action };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Fires every timer that is due until `time`, and those that they lead to. */
  async runUntil(time: number): Promise<void> {
    for (;;) {
      await settled();
      const next = [...this.timers].sort((one, other) => one.at - other.at)[0];
      if (next === undefined || next.at > time) break;
      this.timers.delete(next);
      this.time = Math.max(this.time, next.at);
      next.action();
    }
    if (Number.isFinite(time)) this.time = time;
  }
}

/** Lets all promises go as far as they can. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("RateLimiter", () => {
  test("starts with a full bucket, then keeps to the rate", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(1000, { burstBytes: 100, clock });
    await limiter.take(100);
    const times: number[] = [];
    const takes = [50, 50, 100].map((bytes) => limiter.take(bytes).then(() => times.push(clock.time)));
    await clock.runUntil(Number.POSITIVE_INFINITY);
    await Promise.all(takes);
    expect(times).toEqual([50, 100, 200]);
  });

  test("fills up no further than the burst", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(1000, { burstBytes: 100, clock });
    await clock.runUntil(60_000);
    await limiter.take(100);
    const next = limiter.take(1).then(() => clock.time);
    await clock.runUntil(Number.POSITIVE_INFINITY);
    expect(await next).toBe(60_001);
  });

  test("is neither faster nor slower than the rate, whatever the pieces and however late the timers", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 10_000_000 }),
        fc.array(fc.integer({ min: 0, max: 300_000 }), { minLength: 1, maxLength: 8 }),
        fc.nat(50),
        async (rate, sizes, lateMs) => {
          const clock = new ManualClock(lateMs);
          const limiter = new RateLimiter(rate, { burstBytes: Math.max(1000, rate), clock });
          const burst = limiter.burstBytes;
          let taken = 0;
          const all = (async () => {
            for (const size of sizes) {
              await limiter.take(size);
              taken += size;
              expect(taken).toBeLessThanOrEqual(burst + (rate * clock.time) / 1000 + 0.001);
            }
          })();
          await clock.runUntil(Number.POSITIVE_INFINITY);
          await all;
          const ideal = Math.max(0, ((taken - burst) * 1000) / rate);
          expect(clock.time).toBeLessThanOrEqual(ideal + lateMs + 2);
        },
      ),
      { numRuns: 50 },
    );
  });

  test("serves in order; a large request lets the others take turns", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(1000, { burstBytes: 100, clock });
    await limiter.take(100);
    const done: string[] = [];
    const takes = [
      limiter.take(300).then(() => done.push(`large ${clock.time}`)),
      limiter.take(100).then(() => done.push(`first ${clock.time}`)),
      limiter.take(100).then(() => done.push(`second ${clock.time}`)),
    ];
    await clock.runUntil(Number.POSITIVE_INFINITY);
    await Promise.all(takes);
    expect(done).toEqual(["first 200", "second 300", "large 500"]);
  });

  test("a new rate holds for requests that wait, also one larger than the new burst", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(4000, { clock });
    expect(limiter.burstBytes).toBe(1000);
    await limiter.take(1000);
    const time = limiter.take(1000).then(() => clock.time);
    await clock.runUntil(100);
    limiter.bytesPerSecond = 400;
    expect(limiter.bytesPerSecond).toBe(400);
    expect(limiter.burstBytes).toBe(100);
    await clock.runUntil(Number.POSITIVE_INFINITY);
    expect(await time).toBe(100 + 600 / 0.4);
  });

  test("a higher rate shortens the wait", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(1000, { burstBytes: 1000, clock });
    await limiter.take(1000);
    const time = limiter.take(1000).then(() => clock.time);
    await clock.runUntil(500);
    limiter.bytesPerSecond = 5000;
    await clock.runUntil(Number.POSITIVE_INFINITY);
    expect(await time).toBe(600);
  });

  test("with a large burst, too, a large request takes turns", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(1_000_000, { burstBytes: 1_000_000, clock });
    await limiter.take(1_000_000);
    const done: string[] = [];
    const takes = ["large", "small"].map((name) =>
      limiter.take(name === "large" ? 300_000 : 1).then(() => done.push(name)),
    );
    await clock.runUntil(Number.POSITIVE_INFINITY);
    await Promise.all(takes);
    expect(done).toEqual(["small", "large"]);
  });

  test("an aborted request leaves the queue, and the next one is served in its place", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(1000, { burstBytes: 100, clock });
    await limiter.take(100);
    const controller = new AbortController();
    const aborted = limiter.take(100, controller.signal);
    const next = limiter.take(10).then(() => clock.time);
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(aborted).rejects.toMatchObject({ code: "ERR_ABORTED", cause: reason });
    await clock.runUntil(Number.POSITIVE_INFINITY);
    expect(await next).toBe(10);
    await expect(limiter.take(1, controller.signal)).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });

  test("nothing is left behind by the last request, served or aborted", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(1000, { burstBytes: 100, clock });
    const controller = new AbortController();
    await limiter.take(100, controller.signal);
    const waiting = limiter.take(100, controller.signal);
    await settled();
    expect(clock.timers.size).toBe(1);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(clock.timers.size).toBe(0);
  });

  test("a waiting request keeps the process alive", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const limiter = new RateLimiter(1, { burstBytes: 1 });
    await limiter.take(1);
    const controller = new AbortController();
    const before = timers();
    const waiting = limiter.take(1, controller.signal);
    expect(timers()).toBe(before + 1);
    controller.abort();
    expect(timers()).toBe(before);
    await expect(waiting).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses %p for rate and burst", (value) => {
    const invalid = (option: string) =>
      expect.objectContaining({ code: "ERR_OPTION_INVALID", details: { option } });
    expect(() => new RateLimiter(value)).toThrow(invalid("bytesPerSecond"));
    expect(() => new RateLimiter(1, { burstBytes: value })).toThrow(invalid("burstBytes"));
    const limiter = new RateLimiter(7);
    expect(() => {
      limiter.bytesPerSecond = value;
    }).toThrow(invalid("bytesPerSecond"));
    expect(limiter.bytesPerSecond).toBe(7);
  });

  test("refuses a negative request", async () => {
    await expect(new RateLimiter(1).take(-1)).rejects.toMatchObject({ code: "ERR_OPTION_INVALID" });
  });
});

describe("RateLimiter.stream", () => {
  test("passes every byte on, in pieces no larger than the burst", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(100_000, { burstBytes: 999, clock });
    const content = randomBytes(100_000);
    const hash = createHash("sha256");
    let largest = 0;
    const stream = limiter.stream();
    const done = pipeline(
      Readable.from([content.subarray(0, 70_001), content.subarray(70_001)]),
      stream,
      async (pieces) => {
        for await (const piece of pieces as AsyncIterable<Buffer>) {
          largest = Math.max(largest, piece.length);
          hash.update(piece);
        }
      },
    );
    const ended = { done: false };
    void done.finally(() => {
      ended.done = true;
    });
    while (!ended.done) await clock.runUntil(Number.POSITIVE_INFINITY);
    await done;
    expect(hash.digest("hex")).toBe(createHash("sha256").update(content).digest("hex"));
    expect(largest).toBe(999);
    expect(clock.time).toBeGreaterThanOrEqual(990);
    expect(clock.time).toBeLessThanOrEqual(1010);
  });

  test("streams share one limit and take turns", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(1000, { burstBytes: 100, clock });
    const order: string[] = [];
    for (const name of ["a", "b"]) {
      const stream = limiter.stream();
      stream.on("data", (piece: Buffer) => order.push(`${name}${piece.length}`));
      stream.end(Buffer.alloc(250));
    }
    await clock.runUntil(Number.POSITIVE_INFINITY);
    expect(order).toEqual(["a100", "b100", "a100", "b100", "a50", "b50"]);
    expect(clock.time).toBe(400);
  });

  test("holds back while nobody reads", async () => {
    const stream = new RateLimiter(1_000_000_000).stream();
    const chunk = Buffer.alloc(64 * 1024);
    let accepted = 0;
    stream.write(chunk, () => {
      accepted += 1;
    });
    stream.write(chunk, () => {
      accepted += 1;
    });
    await settled();
    expect(accepted).toBe(0);
    const received = buffer(stream);
    stream.end();
    expect((await received).length).toBe(2 * chunk.length);
    expect(accepted).toBe(2);
  });

  test("destroying a stream that waits takes its request back", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(1000, { burstBytes: 100, clock });
    await limiter.take(100);
    const stream = limiter.stream();
    const failure = new Error("the other side left");
    const seen = new Promise((resolve) => stream.once("error", resolve));
    stream.write(Buffer.alloc(100));
    expect(clock.timers.size).toBe(1);
    stream.destroy(failure);
    expect(await seen).toBe(failure);
    await settled();
    expect(clock.timers.size).toBe(0);
  });
});
