import { describe, expect, test } from "@jest/globals";
import { parseRemotePath, remoteJoin } from "./remote-path.js";

describe("parseRemotePath", () => {
  test.each([
    ["/data/in box/*.xml", "'/data/in box/'*.xml"],
    ["*.txt", "./*.txt"],
    ["-*", "./-*"],
    ["~/in box/[a-c]?", "~/'in box/'[a-c]?"],
    ["a*/b c/d", "./a*'/b c/d'"],
    ["/x/[ab]/;id", "/x/[ab]'/;id'"],
    ["/x/[a;b]", "/x/[a';'b]"],
    ["plain", "plain"],
  ])("%j becomes %j", (path, argument) => {
    expect(parseRemotePath(path, true).argument).toBe(argument);
  });

  test("without masks a path is only itself", () => {
    const request = parseRemotePath("/data/*.xml", false);
    expect(request).toMatchObject({ argument: "'/data/*.xml'", masked: false, folder: "/data" });
    expect(request.accepts("*.xml")).toBe(true);
    expect(request.accepts("a.xml")).toBe(false);
  });

  test("only what was asked for is accepted", () => {
    const plain = parseRemotePath("/data/a.xml", true);
    expect(["a.xml", "b.xml", ".", "", "/data/a.xml"].map((name) => plain.accepts(name))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
    const masked = parseRemotePath("/data/*/[ab].xml", true);
    expect(["a.xml", "c.xml", ".bashrc"].map((name) => masked.accepts(name))).toEqual([true, false, false]);
    const broken = parseRemotePath("/data/a\nb", true);
    expect(["a\\^Jb", "b", "a"].map((name) => broken.accepts(name))).toEqual([true, false, false]);
  });

  test.each(["", ".", "/", "..", "a/..", "a/.", "~", "~ann", "./", "~/"])("%j asks for contents", (path) => {
    expect(parseRemotePath(path, true).contents).toBe(true);
  });

  test.each([
    ["a", ""],
    ["/a", "/"],
    ["/a/b/", "/a"],
    ["~/a", "~"],
    ["a*/b", undefined],
    ["a/b*", "a"],
  ])("the folder of %j is %j", (path, folder) => {
    expect(parseRemotePath(path, true).folder).toBe(folder);
  });
});

describe("remoteJoin", () => {
  test.each([
    ["", "a", "a"],
    [".", "a", "a"],
    [".", "~a", "./~a"],
    ["/", "a", "/a"],
    ["x/", "a", "x/a"],
    ["~", "a", "~/a"],
  ])("%j and %j give %j", (parent, name, path) => {
    expect(remoteJoin(parent, name)).toBe(path);
  });
});
