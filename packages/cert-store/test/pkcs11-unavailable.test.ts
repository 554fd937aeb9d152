import { expect, jest, test } from "@jest/globals";

test("without the optional package it says what to install", async () => {
  jest.unstable_mockModule("pkcs11js", () => {
    throw new Error("Cannot find package 'pkcs11js'");
  });
  const { openPkcs11Store } = await import("../src/pkcs11/pkcs11-store.js");
  // Twice: the failure must not be kept for a module that is loaded.
  for (let index = 0; index < 2; index += 1)
    await expect(openPkcs11Store({ module: "libsofthsm2.so" })).rejects.toMatchObject({
      code: "ERR_PKCS11_UNAVAILABLE",
      message: expect.stringContaining("npm install pkcs11js"),
    });
});
