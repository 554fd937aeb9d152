import { describe, expect, test } from "@jest/globals";
import { runProgram } from "@waybill/testing";
import fc from "fast-check";
import { quoteRemotePath, shellQuote } from "./shell-quote.js";

/** The words that a shell makes of quoted ones. */
async function wordsOf(quoted: readonly string[]): Promise<string[]> {
  const { stdout } = await runProgram("/bin/sh", ["-c", `printf '%s\\0' ${quoted.join(" ")}`], {
    env: { PATH: process.env.PATH, HOME: "/home/ann" },
  });
  return stdout.split("\0").slice(0, -1);
}

describe("shellQuote", () => {
  test("a shell reads every word as it was", async () => {
    const special = fc.string({
      unit: fc.constantFrom(..." \t\n'\"\\$`!*?[]{}()<>|&;#~=%^-/az\u00e9\u0001\u{1f600}"),
      maxLength: 20,
    });
    const words = fc.sample(fc.oneof(special, fc.string()), 500).map((word) => word.replaceAll("\0", ""));
    expect(await wordsOf(words.map(shellQuote))).toEqual(words);
  });

  test("a plain path needs no quotes", () => {
    expect(shellQuote("/data/in_box/file-1.xml")).toBe("/data/in_box/file-1.xml");
    expect(shellQuote("in box")).toBe("'in box'");
    expect(shellQuote("")).toBe("''");
    expect(shellQuote("it's")).toBe("'it'\\''s'");
  });
});

describe("quoteRemotePath", () => {
  test.each([
    ["", "."],
    ["-rf", "./-rf"],
    ["- x", "./- x"],
    ["~", "/home/ann"],
    ["~/two words", "/home/ann/two words"],
    ["./~", "./~"],
    ["a~", "a~"],
    ["~ x", "~ x"],
    ["~$(id)/x", "~$(id)/x"],
    ["$HOME/*", "$HOME/*"],
  ])("%j is %j", async (path, word) => {
    expect(await wordsOf([quoteRemotePath(path)])).toEqual([word]);
  });

  test("NUL is refused", () => {
    expect(() => quoteRemotePath("a\0b")).toThrow(expect.objectContaining({ code: "ERR_OPTION_INVALID" }));
  });
});
