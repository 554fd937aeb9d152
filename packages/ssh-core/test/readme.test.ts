import { expect, test } from "@jest/globals";
import { readmeExample } from "@waybill/testing";

test("the README's example runs as it stands", async () => {
  const { inReadme, inFile } = await readmeExample(import.meta.url);
  expect(inFile).toBe(inReadme);
  const { answer } = await import("./readme-example.js");
  expect(answer).toBe("you said: hello");
});
