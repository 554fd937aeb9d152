import { describe, expect, test } from "@jest/globals";
import { checkInteger, checkPort, checkTimeMs, MAX_TIMER_MS, optionError } from "./option-checks.js";

describe("checkInteger", () => {
  test.each([2, 3, 5])("takes %p within 2 to 5", (value) =>
    expect(checkInteger("n", value, 2, 5)).toBe(value),
  );

  test.each([1, 6, 2.5, Number.NaN, Number.POSITIVE_INFINITY, "3", null])("refuses %p", (value) => {
    expect(() => checkInteger("n", value as number, 2, 5)).toThrow(
      expect.objectContaining({ code: "ERR_OPTION_INVALID", details: { option: "n" } }),
    );
  });

  test("says what it wants and what it got", () => {
    expect(() => checkPort("port", 70_000)).toThrow(
      "option port must be an integer from 0 to 65535, not 70000",
    );
    expect(() => checkPort("port", "22" as unknown as number)).toThrow("not '22'");
  });
});

test("ports and times have their limits", () => {
  expect(checkPort("port", 0)).toBe(0);
  expect(checkPort("port", 65_535)).toBe(65_535);
  expect(checkTimeMs("t", 0, 0)).toBe(0);
  expect(() => checkTimeMs("t", 0, 1)).toThrow("option t");
  expect(checkTimeMs("t", MAX_TIMER_MS, 1)).toBe(MAX_TIMER_MS);
  expect(() => checkTimeMs("t", MAX_TIMER_MS + 1, 1)).toThrow("option t");
});

test("optionError names the option", () => {
  expect(optionError("host", "must be a name")).toMatchObject({
    code: "ERR_OPTION_INVALID",
    message: "option host must be a name",
  });
});
