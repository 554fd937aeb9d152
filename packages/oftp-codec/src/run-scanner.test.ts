import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { findRun, MIN_RUN, runLength } from "./run-scanner.js";

test("findRun finds what looking at every place finds", () => {
  const octets = fc.uint8Array({ max: 2, maxLength: 60 });
  fc.assert(
    fc.property(octets, fc.nat({ max: 60 }), fc.nat({ max: 60 }), (bytes, one, other) => {
      const from = Math.min(one, other, bytes.length);
      const to = Math.min(Math.max(one, other), bytes.length);
      let expected = from;
      while (expected < to && runLength(bytes, expected, to, MIN_RUN) < MIN_RUN) expected += 1;
      expect(findRun(bytes, from, to)).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

test("runLength stops at the limit and at the end", () => {
  const octets = Uint8Array.of(7, 7, 7, 7, 1);
  expect(runLength(octets, 0, 5, 63)).toBe(4);
  expect(runLength(octets, 0, 5, 3)).toBe(3);
  expect(runLength(octets, 1, 3, 63)).toBe(2);
  expect(runLength(octets, 4, 5, 63)).toBe(1);
});
