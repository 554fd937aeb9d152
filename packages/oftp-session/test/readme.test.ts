import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { readmeErrorCodes, readmeExample, temporaryFolder } from "@waybill/testing";
import { exchange } from "./readme-example.js";

test("the README's example is the file that runs here", async () => {
  const { inReadme, inFile } = await readmeExample(import.meta.url);
  expect(inReadme).toBe(inFile);
  const folder = await temporaryFolder("waybill-readme-");
  try {
    expect(await exchange(folder.path)).toEqual(["invoice.xml: 10 octets sent", "invoice.xml: EERP"]);
    expect(await readFile(join(folder.path, "acme", "inbox", "zulu", "invoice.xml"), "utf8")).toBe(
      "<invoice/>",
    );
  } finally {
    await folder.remove();
  }
});

test("the README's table has every error code of the sources, and no other", async () => {
  const { listed, raised } = await readmeErrorCodes(import.meta.url);
  // Those of cms-security are in its README.
  expect(listed).toEqual(raised.filter((code) => !code.startsWith("ERR_CMS_")));
});
