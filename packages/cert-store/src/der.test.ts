import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { DER_TAG, derObjectIdentifier, derParts, derSmallInteger, encodeDer, readDer } from "./der.js";
import { errorSource } from "./error-source.js";

const source = errorSource(undefined);
const read = (hex: string) => readDer(Buffer.from(hex, "hex"), source);
const damaged = expect.objectContaining({ code: "ERR_KEY_DAMAGED" });

describe("DER", () => {
  test("what is encoded is read, with any length", () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 127, 128, 255, 256, 65535, 65536, 70000), (length) => {
        const contents = Buffer.alloc(length, 7);
        const value = readDer(encodeDer(DER_TAG.octetString, contents), source);
        expect(value.tag).toBe(DER_TAG.octetString);
        expect(value.contents.equals(contents)).toBe(true);
      }),
    );
  });

  test.each([
    ["06032b6570", "1.3.101.112"],
    ["06092a864886f70d010101", "1.2.840.113549.1.1.1"],
    ["06052b81040022", "1.3.132.0.34"],
    ["0603883703", "2.999.3"],
  ])("the object identifier %s", (hex, dotted) => {
    expect(derObjectIdentifier(read(hex), source)).toBe(dotted);
  });

  test("small integers", () => {
    expect(derSmallInteger(read("020103"), source)).toBe(3);
    expect(derSmallInteger(read("02030186a0"), source)).toBe(100000);
    expect(derSmallInteger(read(`0207${"7f".repeat(7)}`), source)).toBe(Number.POSITIVE_INFINITY);
    for (const wrong of ["0200", "0201ff", "040101"])
      expect(() => derSmallInteger(read(wrong), source)).toThrow(damaged);
  });

  test.each(["", "30", "3005", "3081", "30820001", "3080", "3085ffffffffff", "3084ffffffff", "02010100"])(
    "%j is damaged",
    (hex) => {
      expect(() => read(hex)).toThrow(damaged);
    },
  );

  test("parts", () => {
    expect(derParts(read("3006020101020102"), source)).toHaveLength(2);
    expect(() => derParts(read("30020201"), source)).toThrow(damaged);
    expect(() => derParts(readDer(encodeDer(0x30, Buffer.alloc(200)), source), source)).toThrow(damaged);
  });
});
