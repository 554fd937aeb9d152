import { expect, test } from "@jest/globals";
import { readmeErrorCodes, readmeExample } from "@waybill/testing";

test("the README's example is the file that runs here", async () => {
  const { inReadme, inFile } = await readmeExample(import.meta.url);
  expect(inReadme).toBe(inFile);
  await import("./readme-example.js");
});

test("the README's table has every error code of the sources, and no other", async () => {
  const { listed, raised } = await readmeErrorCodes(import.meta.url);
  expect(listed).toEqual(raised);
});
