import { describe, expect, test } from "@jest/globals";
import { formatBytes, formatDuration, ProgressDisplay, terminalLine } from "./progress-display.js";

const half = {
  name: "a.csv",
  bytes: 512,
  totalBytes: 1024,
  bytesPerSecond: 256,
  elapsedMs: 2000,
  ended: false,
};

describe("terminalLine", () => {
  test("shows name, bar, percent, rate and time left in one line", () => {
    const line = terminalLine(half, 100);
    expect(line).toMatch(/^a\.csv +\[#{10} {10}\] {2}50% {6}512 B {6}256 B\/s 00:02$/);
    expect(line).toHaveLength(99);
  });

  test("cuts a long name at its beginning and never shows control characters", () => {
    const line = terminalLine({ ...half, name: `${"x".repeat(200)}\u001b[2Jend` }, 90);
    expect(line).toHaveLength(89);
    expect(line).toMatch(/^…x*\?\[2Jend /);
  });
});

test("formatBytes and formatDuration", () => {
  expect([0, 1023, 1536, 5 * 1024 ** 3].map(formatBytes)).toEqual(["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
  expect([0.2, 65, 7200, Number.POSITIVE_INFINITY].map(formatDuration)).toEqual([
    "00:01",
    "01:05",
    "2:00:00",
    "--:--",
  ]);
});

test("without a terminal there is one line for each finished file", () => {
  const lines: string[] = [];
  const display = new ProgressDisplay({ write: (text) => lines.push(text) });
  display.show(half);
  display.show({ ...half, bytes: 1024, ended: true });
  expect(lines).toEqual(["a.csv 1024 bytes 2.0 s\n"]);
});
