import { describe, expect, test } from "@jest/globals";
import { factLines, tableLines, textLines, widthOf } from "./text-table.js";

describe("facts", () => {
  const facts = [
    ["one", "a"],
    ["several", ["b", "c\u001b[2J"]],
  ] as const;

  test("stand below each other, without control characters", () => {
    expect(factLines(facts, undefined, " ")).toEqual([
      " one          a",
      " several      b",
      "              c?[2J",
    ]);
  });

  test("a long name moves all values", () => {
    expect(
      factLines(
        [
          ["a", "1"],
          ["criticalExtension", "2"],
        ],
        undefined,
      ),
    ).toEqual(["a                  1", "criticalExtension  2"]);
  });

  test("go on in the next line after a space or a comma, or where the line is full", () => {
    expect(factLines([["n", "CN=files.example.com,O=Example and Sons"]], 40)).toEqual([
      "n            CN=files.example.com,",
      "             O=Example and Sons",
    ]);
    expect(factLines([["n", "0123456789".repeat(4)]], 40)).toEqual([
      "n            012345678901234567890123456",
      "             7890123456789",
    ]);
    expect(textLines("a b c", undefined)).toEqual(["a b c"]);
  });
});

describe("tables", () => {
  const rows = [
    ["a", "long enough to be cut"],
    ["bcd", "e"],
  ];

  test("are aligned on a terminal, the widest column cut", () => {
    expect(tableLines(["x", "header"], rows, 16)).toEqual(["x    header", "a    long enoug…", "bcd  e"]);
  });

  test("are tabs for programs, whole and without a header", () => {
    expect(tableLines(["x", "header"], rows, undefined)).toEqual(["a\tlong enough to be cut", "bcd\te"]);
    expect(tableLines(["x"], [["a\tb\nc"]], undefined)).toEqual(["a?b?c"]);
  });
});

test("the width is that of a terminal, less one", () => {
  expect(widthOf({ isTTY: true, columns: 100 })).toBe(99);
  expect(widthOf({ isTTY: true })).toBe(79);
  expect(widthOf({ columns: 100 })).toBeUndefined();
});
