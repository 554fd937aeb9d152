import { expect, test } from "@jest/globals";
import { readmeErrorCodes, readmeExample } from "@waybill/testing";

test("the README's example runs as it stands", async () => {
  const { inReadme, inFile } = await readmeExample(import.meta.url);
  expect(inFile).toBe(inReadme);
  const { answer } = await import("./readme-example.js");
  expect(answer).toBe("you said: hello");
});

test("the README's table has every error code of the sources, and no other", async () => {
  const { listed, raised } = await readmeErrorCodes(import.meta.url);
  expect(listed).toEqual(raised);
});
