import { describe, expect, test } from "@jest/globals";
import { DataBufferDecoder, DataBufferEncoder, type DataBufferEncoderOptions } from "../src/index.js";
import { rimeBuffer, rimeText } from "./appendix-a.js";

const HEADER = 4;

/** All that an encoder has ready, without stream transmission headers. */
function take(encoder: DataBufferEncoder): Buffer[] {
  const taken: Buffer[] = [];
  for (let next = encoder.next(); next !== undefined; next = encoder.next()) {
    expect(next.readUInt32BE()).toBe(0x10000000 | next.length);
    taken.push(next.subarray(HEADER));
  }
  return taken;
}

/** The exchange buffers of a file in one piece. */
function encode(options: DataBufferEncoderOptions, octets: Uint8Array): Buffer[] {
  const encoder = new DataBufferEncoder(options);
  encoder.write(octets);
  encoder.end();
  const buffers = take(encoder);
  expect(encoder.finished).toBe(true);
  return buffers;
}

const failing = (code: string) => expect.objectContaining({ name: "TransferError", code });

describe("RFC 5024 appendix A", () => {
  test("the text gives the RFC's exchange buffer", () => {
    expect(encode({ bufferSize: 2048, format: "T" }, rimeText)).toEqual([rimeBuffer]);
  });

  test("the exchange buffer gives the text", () => {
    const decoder = new DataBufferDecoder({ format: "T" });
    expect(decoder.decode(rimeBuffer.subarray(1)).toString()).toBe(rimeText.toString());
    expect(decoder).toMatchObject({ unitCount: rimeText.length, recordCount: 0, endOfRecord: true });
  });

  test("buffer compression changes nothing: four full stops in a row are not in it", () => {
    expect(encode({ bufferSize: 2048, format: "T", compression: true }, rimeText)).toEqual([rimeBuffer]);
  });
});

describe("subrecords, by hand", () => {
  const bytes = (...parts: (number | string)[]) =>
    Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.of(part))));

  test("a short unstructured file is one record", () => {
    expect(encode({ bufferSize: 128, format: "U" }, Buffer.from("abc"))).toEqual([bytes("D", 0x83, "abc")]);
  });

  test("an empty file has no data exchange buffers", () => {
    expect(encode({ bufferSize: 128, format: "U" }, new Uint8Array())).toEqual([]);
    expect(encode({ bufferSize: 128, format: "F", maxRecordSize: 1 }, new Uint8Array())).toEqual([]);
  });

  test("a subrecord that meets the end of the buffer is split", () => {
    const file = Buffer.from("x".repeat(200));
    expect(encode({ bufferSize: 128, format: "U" }, file)).toEqual([
      bytes("D", 63, "x".repeat(63), 62, "x".repeat(62)),
      bytes("D", 63, "x".repeat(63), 0x80 | 12, "x".repeat(12)),
    ]);
  });

  test("the end-of-record flag goes to the last subrecord even when the buffer was full", () => {
    const file = Buffer.from("x".repeat(125));
    const encoder = new DataBufferEncoder({ bufferSize: 128, format: "U" });
    encoder.write(file);
    expect(encoder.next()).toBeUndefined();
    encoder.end();
    expect(take(encoder)).toEqual([bytes("D", 63, "x".repeat(63), 0x80 | 62, "x".repeat(62))]);
  });

  test("a single octet is left free rather than used for an empty subrecord", () => {
    const encoder = new DataBufferEncoder({ bufferSize: 128, format: "V", maxRecordSize: 99 });
    encoder.writeRecordPart(Buffer.from("a".repeat(62)), true);
    encoder.writeRecordPart(Buffer.from("b".repeat(62)), true);
    encoder.writeRecordPart(Buffer.from("c"), true);
    encoder.end();
    expect(take(encoder)).toEqual([
      bytes("D", 0x80 | 62, "a".repeat(62), 0x80 | 62, "b".repeat(62)),
      bytes("D", 0x81, "c"),
    ]);
  });

  test("fixed records end every so many octets", () => {
    expect(encode({ bufferSize: 128, format: "F", maxRecordSize: 3 }, Buffer.from("abcdefghi"))).toEqual([
      bytes("D", 0x83, "abc", 0x83, "def", 0x83, "ghi"),
    ]);
    expect(encode({ bufferSize: 200, format: "F", maxRecordSize: 80 }, Buffer.from("y".repeat(160)))).toEqual(
      [
        bytes(
          "D",
          ...[63, "y".repeat(63), 0x80 | 17, "y".repeat(17)],
          ...[63, "y".repeat(63), 0x80 | 17, "y".repeat(17)],
        ),
      ],
    );
  });

  test("variable records end where the caller says, empty ones too", () => {
    const encoder = new DataBufferEncoder({ bufferSize: 128, format: "V", maxRecordSize: 10 });
    encoder.writeRecordPart(Buffer.from("ab"), false);
    encoder.writeRecordPart(Buffer.from("c"), true);
    encoder.writeRecordPart(new Uint8Array(), true);
    encoder.writeRecordPart(Buffer.from("de"), false);
    encoder.writeRecordPart(new Uint8Array(), true);
    encoder.end();
    expect(take(encoder)).toEqual([bytes("D", 0x83, "abc", 0x80, 0x82, "de")]);
    expect(encoder).toMatchObject({ recordCount: 3, unitCount: 5 });
  });

  test("runs of four and more are compressed", () => {
    const file = Buffer.from(`aaabbbbcd${"e".repeat(70)}f`);
    expect(encode({ bufferSize: 128, format: "U", compression: true }, file)).toEqual([
      bytes("D", 3, "aaa", 0x44, "b", 2, "cd", 0x40 | 63, "e", 0x40 | 7, "e", 0x81, "f"),
    ]);
  });

  test("a compressed subrecord can end the file", () => {
    const file = Buffer.alloc(64, 0);
    expect(encode({ bufferSize: 128, format: "U", compression: true }, file)).toEqual([
      bytes("D", 0x40 | 63, 0, 0x81, 0),
    ]);
    expect(encode({ bufferSize: 128, format: "U", compression: true }, file.subarray(1))).toEqual([
      bytes("D", 0xc0 | 63, 0),
    ]);
  });

  test("the decoder takes subrecords as others build them", () => {
    const decoder = new DataBufferDecoder({ format: "V", maxRecordSize: 100 });
    const payload = bytes(0, 0x80, 2, "ab", 0, 0x43, "c", 0xc2, "d", 0x40, "z", 0x81, "e", 1, "f");
    expect(decoder.measure(payload)).toBe(9);
    expect(decoder.decode(payload).toString()).toBe("abcccddef");
    expect(decoder.recordEnds).toEqual([0, 7, 8]);
    expect(decoder).toMatchObject({ recordCount: 3, unitCount: 9, openRecordSize: 1, endOfRecord: false });
    expect(decoder.decode(bytes(0x80)).length).toBe(0);
    expect(decoder.recordEnds).toEqual([0]);
    expect(decoder).toMatchObject({ recordCount: 4, unitCount: 9, openRecordSize: 0, endOfRecord: true });
  });

  test("an end of record in every buffer of an unstructured file is accepted", () => {
    const decoder = new DataBufferDecoder({ format: "U" });
    decoder.decode(bytes(0x81, "a"));
    expect(decoder.decode(bytes(0x81, "b")).toString()).toBe("b");
    expect(decoder).toMatchObject({ unitCount: 2, recordCount: 0, openRecordSize: 0 });
    expect(decoder.recordEnds).toEqual([]);
  });
});

describe("what is refused", () => {
  test.each([
    ["a subrecord longer than the buffer", Buffer.of(5, 1, 2, 3, 4)],
    ["a compressed subrecord without its octet", Buffer.of(1, 1, 0x45)],
    ["a full subrecord that is cut", Buffer.alloc(63, 63)],
  ])("%s", (_, payload) => {
    const decoder = new DataBufferDecoder({ format: "U" });
    expect(() => decoder.decode(payload)).toThrow(failing("ERR_OFTP_DATA_TRUNCATED"));
    expect(() => decoder.decodeInto(payload, Buffer.alloc(200))).toThrow(failing("ERR_OFTP_DATA_TRUNCATED"));
    expect(decoder.unitCount).toBe(0);
  });

  test("a record that is too long, also over several buffers", () => {
    const decoder = new DataBufferDecoder({ format: "V", maxRecordSize: 5 });
    decoder.decode(Buffer.of(3, 1, 2, 3));
    decoder.decode(Buffer.of(2, 4, 5));
    expect(() => decoder.decode(Buffer.of(1, 6))).toThrow(failing("ERR_OFTP_RECORD_LENGTH"));
    expect(decoder.unitCount).toBe(5);
    const compressed = new DataBufferDecoder({ format: "F", maxRecordSize: 5 });
    expect(() => compressed.decode(Buffer.of(0xc6, 0))).toThrow(failing("ERR_OFTP_RECORD_LENGTH"));
  });

  test("a fixed record that is shorter, unless it is the last", () => {
    const decoder = new DataBufferDecoder({ format: "F", maxRecordSize: 3 });
    decoder.decode(Buffer.of(0x83, 1, 2, 3, 0x82, 4, 5));
    expect(decoder.recordCount).toBe(2);
    expect(() => decoder.decode(Buffer.of(0x83, 6, 7, 8))).toThrow(failing("ERR_OFTP_RECORD_LENGTH"));
  });

  test("too little room", () => {
    const decoder = new DataBufferDecoder({ format: "U" });
    expect(() => decoder.decodeInto(Buffer.of(0x7f, 0), Buffer.alloc(70), 8)).toThrow(
      failing("ERR_OFTP_DATA_OPTIONS"),
    );
    expect(() => decoder.decodeInto(Buffer.of(1, 0), Buffer.alloc(70), -1)).toThrow(
      failing("ERR_OFTP_DATA_OPTIONS"),
    );
    expect(decoder.decodeInto(Buffer.of(0x7f, 0), Buffer.alloc(70), 7)).toBe(63);
  });

  test.each([127, 100000, 1000.5, Number.NaN])("buffer size %p", (bufferSize) => {
    expect(() => new DataBufferEncoder({ bufferSize, format: "U" })).toThrow(
      failing("ERR_OFTP_DATA_OPTIONS"),
    );
  });

  test.each([undefined, 0, 100000, 1.5])("record size %p", (maxRecordSize) => {
    const options = {
      bufferSize: 128,
      format: "F" as const,
      ...(maxRecordSize === undefined ? {} : { maxRecordSize }),
    };
    expect(() => new DataBufferEncoder(options)).toThrow(failing("ERR_OFTP_DATA_OPTIONS"));
    expect(() => new DataBufferDecoder(options)).toThrow(failing("ERR_OFTP_DATA_OPTIONS"));
  });

  test("records that do not keep to the limit", () => {
    const variable = new DataBufferEncoder({ bufferSize: 128, format: "V", maxRecordSize: 3 });
    variable.writeRecordPart(Buffer.from("ab"), false);
    expect(() => variable.writeRecordPart(Buffer.from("cd"), true)).toThrow(
      failing("ERR_OFTP_RECORD_LENGTH"),
    );
    expect(() => variable.end()).toThrow(failing("ERR_OFTP_RECORD_LENGTH"));
    const fixed = new DataBufferEncoder({ bufferSize: 128, format: "F", maxRecordSize: 3 });
    fixed.write(Buffer.from("abcd"));
    expect(() => fixed.end()).toThrow(failing("ERR_OFTP_RECORD_LENGTH"));
  });

  test("methods that do not suit the format, and writing after the end", () => {
    const variable = new DataBufferEncoder({ bufferSize: 128, format: "V", maxRecordSize: 3 });
    expect(() => variable.write(Buffer.from("a"))).toThrow(failing("ERR_OFTP_DATA_OPTIONS"));
    const text = new DataBufferEncoder({ bufferSize: 128, format: "T" });
    expect(() => text.writeRecordPart(Buffer.from("a"), true)).toThrow(failing("ERR_OFTP_DATA_OPTIONS"));
    text.end();
    expect(() => text.write(Buffer.from("a"))).toThrow(failing("ERR_OFTP_DATA_OPTIONS"));
    expect(() => text.end()).toThrow(failing("ERR_OFTP_DATA_OPTIONS"));
  });
});

test("buffers are memory of their own: one is not changed by those after it", () => {
  const encoder = new DataBufferEncoder({ bufferSize: 500, format: "U" });
  const file = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
  encoder.write(file);
  encoder.end();
  const taken: Buffer[] = [];
  const copies: Buffer[] = [];
  for (let next = encoder.next(); next !== undefined; next = encoder.next()) {
    taken.push(next);
    copies.push(Buffer.from(next));
  }
  expect(taken).toEqual(copies);
  const decoder = new DataBufferDecoder({ format: "U" });
  const whole = Buffer.concat(taken.map((buffer) => Buffer.from(decoder.decode(buffer.subarray(5)))));
  expect(whole.equals(file)).toBe(true);
});

test("what decode gives holds until the next call; decodeInto writes nowhere else", () => {
  const decoder = new DataBufferDecoder({ format: "U" });
  const target = Buffer.alloc(10, 0xee);
  expect(decoder.decodeInto(Buffer.of(3, 1, 2, 3), target, 4)).toBe(3);
  expect([...target]).toEqual([0xee, 0xee, 0xee, 0xee, 1, 2, 3, 0xee, 0xee, 0xee]);
});
