import { describe, expect, test } from "@jest/globals";
import { CallScheduler } from "./call-scheduler.js";

const direct = () => "direct";
const pooled = async () => "pooled";

/** A scheduler, and the clock that it goes by. */
function schedulerWithClock() {
  const clock = { now: 1000 };
  return { clock, scheduler: new CallScheduler(true, () => clock.now) };
}

async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

describe("CallScheduler", () => {
  test("calls directly when it may, and never when it may not", async () => {
    expect(schedulerWithClock().scheduler.call(direct, pooled)).toBe("direct");
    expect(await new CallScheduler(false).call(direct, pooled)).toBe("pooled");
  });

  test("leaves the rest of a turn to the thread pool when the event loop had to wait long enough", async () => {
    const { clock, scheduler } = schedulerWithClock();
    expect(scheduler.call(direct, pooled)).toBe("direct");
    clock.now += 3;
    expect(scheduler.call(direct, pooled)).toBe("direct");
    clock.now += 3;
    expect(await scheduler.call(direct, pooled)).toBe("pooled");
    await nextTurn();
    expect(scheduler.call(direct, pooled)).toBe("direct");
  });

  test("goes to the thread pool for a while after a slow call, also one that failed", async () => {
    const { clock, scheduler } = schedulerWithClock();
    const slow = () => {
      clock.now += 15;
      throw new Error("slow and failed");
    };
    expect(() => scheduler.call(slow, pooled)).toThrow("slow and failed");
    await nextTurn();
    expect(await scheduler.call(direct, pooled)).toBe("pooled");
    clock.now += 1001;
    expect(scheduler.call(direct, pooled)).toBe("direct");
  });
});
