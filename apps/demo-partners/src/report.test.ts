import { expect, test } from "@jest/globals";
import { Report } from "./report.js";

test("one thing that does not hold is shown, and is not forgotten", () => {
  const lines: string[] = [];
  const report = new Report((line) => lines.push(line));
  report.chapter("1. A chapter");
  report.check(true, "it is so");
  expect(report.good).toBe(true);
  report.check(false, "it is not so");
  report.check(true, "it is so again");
  expect(report.good).toBe(false);
  expect(lines).toEqual([
    "",
    "1. A chapter",
    "  ok  it is so",
    "  FAILED  it is not so",
    "  ok  it is so again",
  ]);
});
