import { describe, expect, test } from "@jest/globals";
import { LoginLimiter } from "./login-limiter.js";

describe("LoginLimiter", () => {
  test("refuses an address after its failures, and forgets them after the window", () => {
    let now = 1000;
    const limiter = new LoginLimiter({ maxFailuresPerAddress: 2, windowMs: 100 }, () => now);
    limiter.failed("10.0.0.1", "ann");
    expect(limiter.allows("10.0.0.1", "ann")).toBe(true);
    limiter.failed("10.0.0.1", "bob");
    expect(limiter.allows("10.0.0.1", "carol")).toBe(false);
    expect(limiter.allows("10.0.0.2", "ann")).toBe(true);
    now += 100;
    expect(limiter.allows("10.0.0.1", "carol")).toBe(true);
  });

  test("refuses a user after failures from many addresses", () => {
    const limiter = new LoginLimiter({ maxFailuresPerUser: 3 }, () => 0);
    for (const host of [1, 2, 3]) limiter.failed(`10.0.0.${host}`, "ann");
    expect(limiter.allows("10.0.0.9", "ann")).toBe(false);
    expect(limiter.allows("10.0.0.9", "bob")).toBe(true);
  });

  test("a success clears the address", () => {
    const limiter = new LoginLimiter({ maxFailuresPerAddress: 1 }, () => 0);
    limiter.failed("10.0.0.1", "ann");
    limiter.succeeded("10.0.0.1");
    expect(limiter.allows("10.0.0.1", "ann")).toBe(true);
  });

  test("a flood of names does not grow the table without end, and the latest failures still count", () => {
    const limiter = new LoginLimiter({ maxFailuresPerUser: 1 }, () => 0);
    for (let index = 0; index < 30_000; index++) limiter.failed("10.0.0.1", `user${index}`);
    expect(limiter.allows("10.0.0.2", "user29999")).toBe(false);
    expect(limiter.allows("10.0.0.2", "user0")).toBe(true);
  });
});
