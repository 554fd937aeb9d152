import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { matchesWildcard } from "./wildcard.js";

describe("matchesWildcard", () => {
  test.each([
    ["abc", "abc", true],
    ["ABC", "abc", true],
    ["abc", "a?c", true],
    ["abc", "a?", false],
    ["abc", "*", true],
    ["", "*", true],
    ["", "", true],
    ["", "?", false],
    ["abc", "a*b*c*", true],
    ["abcabd", "a*abd", true],
    ["abc", "*d", false],
    ["[a]:22", "[a]:*", true],
    ["a.c", "a\\.c", false],
  ])("%j and %j: %s", (text, pattern, expected) => {
    expect(matchesWildcard(text, pattern)).toBe(expected);
  });

  test("agrees with a regular expression", () => {
    const letters = (alphabet: string[]) => fc.array(fc.constantFrom(...alphabet), { maxLength: 8 });
    fc.assert(
      fc.property(letters(["a", "b"]), letters(["a", "b", "*", "?"]), (text, pattern) => {
        const source = pattern.map((letter) => ({ "*": ".*", "?": "." })[letter] ?? letter).join("");
        expect(matchesWildcard(text.join(""), pattern.join(""))).toBe(
          new RegExp(`^${source}$`).test(text.join("")),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test("many stars take no longer than the product of the lengths", () => {
    expect(matchesWildcard("a".repeat(2000), `${"*a".repeat(1000)}b`)).toBe(false);
  });
});
