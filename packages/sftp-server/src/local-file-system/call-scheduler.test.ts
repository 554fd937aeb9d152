import { describe, expect, test } from "@jest/globals";
import { CallScheduler } from "./call-scheduler.js";

const direct = () => "direct";
const pooled = async () => "pooled";

/** A scheduler, and the clock that it goes by. */
function schedulerWithClock() {
  const clock = { now: 1000 };
  return { clock, scheduler: new CallScheduler(true, () => clock.now) };
}

describe("CallScheduler", () => {
  test("calls directly when it may, and never when it may not", async () => {
    expect(schedulerWithClock().scheduler.call(direct, pooled)).toBe("direct");
    expect(await new CallScheduler(false).call(direct, pooled)).toBe("pooled");
  });

  test("leaves the rest to the thread pool when direct calls have taken half of the time", async () => {
    const { clock, scheduler } = schedulerWithClock();
    const takes = (ms: number) => () => {
      clock.now += ms;
      return "direct";
    };
    expect(scheduler.call(takes(3), pooled)).toBe("direct");
    clock.now += 1;
    expect(scheduler.call(takes(3), pooled)).toBe("direct");
    expect(await scheduler.call(direct, pooled)).toBe("pooled");
    clock.now += 1;
    expect(scheduler.call(direct, pooled)).toBe("direct");
  });

  test("time between the calls does not count", () => {
    const { clock, scheduler } = schedulerWithClock();
    for (let call = 0; call < 100; call += 1) {
      clock.now += 7;
      expect(scheduler.call(direct, pooled)).toBe("direct");
    }
  });

  test("goes to the thread pool for a while after a slow call, also one that failed", async () => {
    const { clock, scheduler } = schedulerWithClock();
    const slow = () => {
      clock.now += 15;
      throw new Error("slow and failed");
    };
    expect(() => scheduler.call(slow, pooled)).toThrow("slow and failed");
    expect(await scheduler.call(direct, pooled)).toBe("pooled");
    clock.now += 1001;
    expect(scheduler.call(direct, pooled)).toBe("direct");
  });
});
