import { describe, expect, test } from "@jest/globals";
import { runProgram } from "@waybill/testing";
import fc from "fast-check";
import { hasMask, maskMatcher, quoteMask } from "./mask.js";
import { shellQuote } from "./shell-quote.js";

describe("masks", () => {
  test.each([
    ["*.xml", "a.xml", true],
    ["*.xml", ".xml", false],
    ["*.xml", "a.xml.bak", false],
    ["*", ".bashrc", false],
    [".*", ".bashrc", true],
    ["?[a-c]x", "1bx", true],
    ["?[a-c]x", "1dx", false],
    ["[!a-c]", "d", true],
    ["[!a-c]", "b", false],
    ["[^a-c]", "d", true],
    ["[]]", "]", true],
    ["[a-]", "-", true],
    ["[*]", "*", true],
    ["[*]", "x", false],
    ["[", "[", true],
    ["a[b", "a[b", true],
    ["{a,b}", "a", false],
    ["{a,b}", "{a,b}", true],
    ["+(a)", "aa", false],
    ["**", "a", true],
    ["a\\*", "a\\b", true],
    ["(a|b)", "a", false],
    ["?.txt", "é.txt", true],
    ["??.txt", "é.txt", true],
    ["?.txt", "😀.txt", true],
    ["*\n*", "a\nb", true],
    ["", "", true],
    ["", "a", false],
  ])("%j and %j: %j", (mask, name, expected) => {
    expect(maskMatcher(mask)(name)).toBe(expected);
  });

  test("a shell agrees, and takes the quoted mask for the same", async () => {
    const mask = fc.string({
      unit: fc.constantFrom(..."ab-*?[]!^ '\"\\$;é".split("")),
      minLength: 1,
      maxLength: 8,
    });
    const name = fc.string({
      unit: fc.constantFrom(..."ab-[]!^ '\"\\$;é".split("")),
      minLength: 1,
      maxLength: 6,
    });
    const pairs = fc.sample(fc.tuple(mask, name), 1500);
    const script = pairs
      .map(([mask, name]) => `case ${shellQuote(name)} in ${quoteMask(mask)}) printf 1;; *) printf 0;; esac`)
      .join("\n");
    const { stdout, stderr } = await runProgram("/bin/sh", ["-s"], { input: script, env: { LC_ALL: "C" } });
    expect(stderr).toBe("");
    const inBytes = (text: string) => Buffer.from(text).toString("latin1");
    const disagreed = pairs.filter(
      ([mask, name], index) => maskMatcher(inBytes(mask))(inBytes(name)) !== (stdout[index] === "1"),
    );
    expect(disagreed).toEqual([]);
  });

  test("a mask with many stars takes no longer than its length times the name's", () => {
    const matches = maskMatcher("*a*a*a*a*a*a*a*a*b");
    const startedAt = performance.now();
    expect(matches(`${"a".repeat(60_000)}c`)).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  test.each([
    ["plain", false],
    ["a[b", false],
    ["a]b", false],
    ["[]", false],
    ["a*", true],
    ["a?", true],
    ["[b]", true],
  ])("hasMask(%j) is %j", (text, expected) => {
    expect(hasMask(text)).toBe(expected);
  });
});
