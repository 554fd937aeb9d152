import { expect, test } from "@jest/globals";
import { jsonText, printable } from "./printable.js";

const EVIL = "a\u001b[2J\u009b\u202e\u2028\u{e0041}\nb ü 鍵 🔑";

test("what changes the screen or the direction of writing is not shown", () => {
  expect(printable(EVIL)).toBe("a?[2J?????b ü 鍵 🔑");
});

test("as JSON it is escaped, and comes back", () => {
  const text = jsonText({ name: EVIL });
  expect(text).not.toMatch(/[^\P{C}\n]|[\u2028\u2029]/u);
  expect(JSON.parse(text)).toEqual({ name: EVIL });
});
