import { describe, expect, test } from "@jest/globals";
import forge from "node-forge";
import { derivePkcs12, PKCS12_PURPOSE, pkcs12Password } from "./pkcs12-derivation.js";

describe("the key derivation of PKCS#12", () => {
  const salt = Buffer.from("0a58cf64530d823f", "hex");

  // node-forge has it for SHA-1: what both calculate is right.
  test.each([
    ["smeg", 1, 24],
    ["größer", 7, 8],
    ["a password that is longer than a block of the hash: it goes on, and on", 3, 50],
    ["", 2, 20],
  ])("as node-forge derives: %p", async (password, iterations, length) => {
    for (const purpose of Object.values(PKCS12_PURPOSE)) {
      const expected = forge.pkcs12.generateKey(
        password,
        forge.util.createBuffer(salt.toString("latin1")),
        purpose as never,
        iterations,
        length,
      );
      const actual = await derivePkcs12("sha1", purpose, pkcs12Password(password), salt, iterations, length);
      expect(actual.toString("hex")).toBe(expected.toHex());
    }
  });

  test("no password is not the same as an empty one", () => {
    expect(pkcs12Password(undefined)).toHaveLength(0);
    expect(pkcs12Password("")).toEqual(Buffer.alloc(2));
    expect(pkcs12Password("ü")).toEqual(Buffer.from("00fc0000", "hex"));
  });
});
