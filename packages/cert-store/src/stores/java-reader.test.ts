import { describe, expect, test } from "@jest/globals";
import { JavaReader } from "./java-reader.js";
import { storeSource } from "./store-source.js";

describe("Java's data streams", () => {
  const reader = (hex: string) => new JavaReader(Buffer.from(hex, "hex"), storeSource("x"));

  test("modified UTF-8", () => {
    // Zero as two bytes, an umlaut, the euro sign, and a smiley as two surrogates of three bytes each.
    expect(
      reader("000d 61c080 c3bc e282ac eda0bdedb880".replaceAll(" ", "").replace("000d", "000e")).text(),
    ).toBe("a\0ü€😀");
  });

  test.each(["0002c3", "0001c3", "0002c361", "0003e28261"])("malformed or short text %s", (hex) => {
    expect(() => reader(hex).text()).toThrow(expect.objectContaining({ code: "ERR_STORE_DAMAGED" }));
  });

  test("lengths are checked before anything is taken", () => {
    expect(() => reader("ffffffff00").block()).toThrow(
      expect.objectContaining({ code: "ERR_STORE_DAMAGED" }),
    );
    expect(reader("0000000200ff").block()).toEqual(Buffer.from("00ff", "hex"));
  });
});
