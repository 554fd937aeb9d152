import { describe, expect, test } from "@jest/globals";
import { parseCopy, parseCopySide } from "./remote-target.js";

describe("parseCopySide", () => {
  test.each([
    ["ann@host:/in/a b", { kind: "remote", user: "ann", host: "host", path: "/in/a b" }],
    ["host:", { kind: "remote", user: undefined, host: "host", path: "." }],
    ["ann@[::1]:x", { kind: "remote", user: "ann", host: "::1", path: "x" }],
    ["ann@corp@host:x", { kind: "remote", user: "ann@corp", host: "host", path: "x" }],
    ["host:a:b\nc", { kind: "remote", user: undefined, host: "host", path: "a:b\nc" }],
    ["./a:b", { kind: "local", path: "./a:b" }],
    ["/tmp/x@y:z", { kind: "local", path: "/tmp/x@y:z" }],
    ["plain.txt", { kind: "local", path: "plain.txt" }],
  ])("%s", (text, expected) => {
    expect(parseCopySide(text)).toEqual(expected);
  });
});

describe("parseCopy", () => {
  test("up and down", () => {
    expect(parseCopy(["a", "b"], "ann@h:in")).toMatchObject({
      direction: "up",
      sources: ["a", "b"],
      target: "in",
    });
    expect(parseCopy(["ann@h:a", "ann@h:b"], "d")).toMatchObject({
      direction: "down",
      sources: ["a", "b"],
      target: "d",
    });
  });

  test.each([
    [["a"], "b"],
    [["h:a"], "h:b"],
    [["h:a", "b"], "c"],
    [["h:a", "g:b"], "c"],
  ])("refuses %j to %s", (sources, target) => {
    expect(() => parseCopy(sources, target)).toThrow(/server|side/);
  });
});
