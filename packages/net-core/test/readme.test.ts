import { readFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";

const read = (path: string) => readFile(new URL(path, import.meta.url), "utf8");

test("the README's example is the file that runs here", async () => {
  const readme = await read("../README.md");
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1];
  expect(example).toBe(await read("./readme-example.ts"));
  await import("./readme-example.js");
});

test("the README's table has every error code of the sources, and no other", async () => {
  const files = ["abort", "address-matcher", "dial", "listen", "option-checks", "socket-settings"];
  const sources = await Promise.all(files.map((name) => read(`../src/${name}.ts`)));
  const raised = sources.join("\n").match(/"ERR_\w+"/g) ?? [];
  const listed = (await read("../README.md")).match(/^\| `ERR_\w+`/gm) ?? [];
  const names = (found: readonly string[]) =>
    [...new Set(found.map((text) => /ERR_\w+/.exec(text)?.[0]))].sort();
  expect(names(listed)).toEqual(names(raised));
});
