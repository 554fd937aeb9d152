import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { matchesFromPatterns, problemOfFromPatterns } from "./from-patterns.js";

describe("the ranges of from=", () => {
  test.each([
    "10.0.0.0/8",
    "10.0.0.1/32",
    "0.0.0.0/0",
    "::/0",
    "::1/128",
    "2001:db8::/32",
    "2001:db8:1:2:3:4:5:6/128",
    "1::/16",
    "64:ff9b::1.2.3.0/120",
    "::ffff:1.2.3.0/120",
    "1:2:3:4:5:6:1.2.3.4/128",
  ])("%s is fine", (range) => {
    expect(problemOfFromPatterns(`host,!${range}`)).toBeUndefined();
  });

  test.each([
    "10.0.0.1/8",
    "10.0.0.0/",
    "10.0.0.0/33",
    "::1/127",
    "2001:db8::1/64",
    "1::/15",
    "64:ff9b::1.2.3.1/120",
    "::/129",
    "host/8",
    "1.0.0.0/8/8",
    "/8",
  ])("%s is not", (range) => {
    expect(problemOfFromPatterns(`host,${range}`)).toContain(range);
  });

  test("clearing the bits behind the length makes every range fine", () => {
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(bytes, fc.integer({ min: 0, max: 127 }), fc.boolean(), (address, length, isSet) => {
        const bits = [...address].map((byte) => byte.toString(2).padStart(8, "0")).join("");
        const kept = bits.slice(0, length).padEnd(127, "0") + (isSet ? "1" : "0");
        const groups = kept.match(/.{16}/g) ?? [];
        const text = new URL(
          `http://[${groups.map((group) => Number.parseInt(group, 2).toString(16)).join(":")}]/`,
        ).hostname;
        const problem = problemOfFromPatterns(`${text.slice(1, -1)}/${length}`);
        expect(problem === undefined).toBe(!isSet);
      }),
    );
  });
});

test("a client without an IP address fits no address", () => {
  expect(matchesFromPatterns("0.0.0.0/0,::/0,10.0.0.1", { address: "somewhere" })).toBe(false);
  expect(matchesFromPatterns("some*", { address: "somewhere" })).toBe(true);
});
