import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { checkText, normalizePath } from "./virtual-path.js";

describe("normalizePath", () => {
  test.each([
    ["", "/"],
    [".", "/"],
    ["..", "/"],
    ["/", "/"],
    ["//", "/"],
    ["a", "/a"],
    ["/a/", "/a"],
    ["/a/./b//c", "/a/b/c"],
    ["/a/../../b", "/b"],
    ["a/b/../..", "/"],
    ["/.a/..b/c..", "/.a/..b/c.."],
    ["/a\n/..", "/"],
    ["/a\n/", "/a\n"],
  ])("%j is %j", (path, expected) => {
    expect(normalizePath(path)).toBe(expected);
  });

  test("gives absolute paths without special names, and leaves those alone", () => {
    const names = fc.constantFrom("", ".", "..", "a", "...", " ", "b.c", "\n");
    fc.assert(
      fc.property(fc.array(names, { maxLength: 8 }), (parts) => {
        const normal = normalizePath(parts.join("/"));
        expect(normal.startsWith("/")).toBe(true);
        const inside = normal === "/" ? [] : normal.slice(1).split("/");
        for (const name of inside) expect(["", ".", ".."]).not.toContain(name);
        expect(normalizePath(normal)).toBe(normal);
      }),
    );
  });

  test("refuses zero bytes and what is too long", () => {
    expect(() => normalizePath("/a\0")).toThrow(expect.objectContaining({ code: "ERR_INVALID_NAME" }));
    expect(() => checkText("é".repeat(2049))).toThrow(expect.objectContaining({ code: "ERR_NAME_TOO_LONG" }));
    expect(() => checkText("é".repeat(2048))).not.toThrow();
  });
});
