import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { errorSource } from "./error-source.js";
import { WireReader } from "./wire-reader.js";
import { wireMpint, wireString, wireUint32 } from "./wire-writer.js";

const source = errorSource("a file");

describe("the data types of RFC 4251", () => {
  test("what is written is read", () => {
    const magnitude = fc.uint8Array({ minLength: 1, maxLength: 40 }).filter((bytes) => bytes[0] !== 0);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), magnitude, fc.nat(), (string, number, integer) => {
        const bytes = Buffer.concat([
          wireString(string),
          wireMpint(number),
          wireUint32(integer),
          wireString("größe"),
        ]);
        const reader = new WireReader(bytes, source);
        expect([...reader.string()]).toEqual([...string]);
        expect([...reader.mpint()]).toEqual([...number]);
        expect(reader.uint32()).toBe(integer);
        expect(reader.string().toString("utf8")).toBe("größe");
        reader.end();
      }),
    );
  });

  test("the examples of RFC 4251 section 5", () => {
    expect(wireMpint(Buffer.from("09a378f9b2e332a7", "hex")).toString("hex")).toBe(
      "0000000809a378f9b2e332a7",
    );
    expect(wireMpint(Buffer.from("0080", "hex")).toString("hex")).toBe("000000020080");
    expect(wireMpint(Buffer.alloc(3)).toString("hex")).toBe("00000000");
  });

  test.each([
    ["a string that is cut", (reader: WireReader) => reader.string(), "00000005aabb"],
    ["a length that is cut", (reader: WireReader) => reader.string(), "0000"],
    ["the largest length", (reader: WireReader) => reader.string(), "ffffffff00"],
    ["a negative number", (reader: WireReader) => reader.mpint(), "0000000180"],
    ["zero", (reader: WireReader) => reader.mpint(), "00000000"],
    ["zero in another way", (reader: WireReader) => reader.mpint(), "0000000100"],
    ["a number with leading zeros", (reader: WireReader) => reader.mpint(), "000000020001"],
    ["a name with a space", (reader: WireReader) => reader.name(), "000000036120ff"],
    ["an empty name", (reader: WireReader) => reader.name(), "00000000"],
    ["more than the end", (reader: WireReader) => reader.end(), "00"],
  ])("%s is damaged", (_, read, hex) => {
    const reader = new WireReader(Buffer.from(hex, "hex"), source);
    expect(() => read(reader)).toThrow(
      expect.objectContaining({ code: "ERR_KEY_DAMAGED", message: expect.stringMatching(/^a file: /) }),
    );
  });
});
