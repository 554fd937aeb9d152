import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { encodeDer } from "../der.js";
import { berName, berOctets, berParts, readBer } from "./ber.js";
import { storeSource } from "./store-source.js";

const source = storeSource("x");
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("BER", () => {
  test.each([
    ["definite", "30 06 02 01 05 02 01 06"],
    ["a long form of a short length", "30 84 00 00 00 06 02 01 05 02 01 06"],
    ["indefinite", "30 80 02 01 05 02 01 06 00 00"],
  ])("a sequence: %s", (_, text) => {
    expect(berParts(readBer(hex(text), source), source).map((part) => part.contents[0])).toEqual([5, 6]);
  });

  test.each([
    ["whole", "04 03 01 02 03"],
    ["in pieces", "24 08 04 01 01 04 03 02 03 04"],
    ["in pieces without a length", "24 80 04 01 01 04 02 02 03 00 00"],
    ["implicitly tagged", "80 02 09 09"],
    ["implicitly tagged, in pieces", "a0 80 04 01 01 04 01 02 00 00"],
  ])("bytes: %s", (_, text) => {
    expect(berOctets(readBer(hex(text), source), source).length).toBeGreaterThan(1);
  });

  test("indefinite lengths in each other end where they should", () => {
    const [first, second] = berParts(
      readBer(hex("30 80 30 80 02 01 00 00 00 02 01 07 00 00"), source),
      source,
    );
    expect([first?.contents.toString("hex"), second?.contents.toString("hex")]).toEqual(["020100", "07"]);
  });

  test.each([
    ["no end", "30 80 02 01 05"],
    ["a primitive without a length", "04 80 01 00 00"],
    ["more than there is", "30 05 02 01 05"],
    ["something behind", "30 00 00"],
    ["a length of five bytes", "30 85 00 00 00 00 01 00"],
    ["nothing", ""],
    ["pieces of another type", "24 03 02 01 00"],
  ])("refused: %s", (_, text) => {
    expect(() => berOctets(readBer(hex(text), source), source)).toThrow(
      expect.objectContaining({ code: "ERR_STORE_DAMAGED" }),
    );
  });

  test("names", () => {
    expect(berName(readBer(hex("1e 06 00 47 00 fc d8 3d"), source))?.slice(0, 2)).toBe("Gü");
    expect(berName(readBer(hex("0c 02 c3 bc"), source))).toBe("ü");
    expect(berName(readBer(hex("1e 03 00 47 00"), source))).toBeUndefined();
  });

  test("what is encoded is read back", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (values) => {
        const encoded = encodeDer(0x30, ...values.map((value) => encodeDer(4, value)));
        const parts = berParts(readBer(encoded, source), source);
        expect(parts.map((part) => [...berOctets(part, source)])).toEqual(values.map((value) => [...value]));
      }),
    );
  });
});
