import { describe, expect, test } from "@jest/globals";
import { isTransferError } from "@waybill/net-core";
import fc from "fast-check";
import { endReasonOf, frameExchangeBuffer, STREAM_HEADER_SIZE, StreamBufferDecoder } from "../src/index.js";

const failing = (code: string) => expect.objectContaining({ name: "TransferError", code });

function all(decoder: StreamBufferDecoder): Uint8Array[] {
  const buffers: Uint8Array[] = [];
  for (let next = decoder.next(); next !== undefined; next = decoder.next()) buffers.push(next);
  return buffers;
}

describe("frameExchangeBuffer", () => {
  test("puts version, flags and length in front (RFC 5024 section 8.2)", () => {
    expect(frameExchangeBuffer(Buffer.from("R"))).toEqual(Buffer.from([0x10, 0, 0, 5, 0x52]));
    expect(frameExchangeBuffer(new Uint8Array(99999)).subarray(0, 4)).toEqual(
      Buffer.from([0x10, 0x01, 0x86, 0xa3]),
    );
    expect(STREAM_HEADER_SIZE).toBe(4);
  });

  test.each([0, 100000])("refuses %i octets", (size) => {
    expect(() => frameExchangeBuffer(new Uint8Array(size))).toThrow(failing("ERR_OFTP_STREAM_LENGTH"));
  });
});

describe("StreamBufferDecoder", () => {
  test("gives views of the chunk, without a copy, for what lies within it", () => {
    const chunk = Buffer.concat([
      frameExchangeBuffer(Buffer.from("R")),
      frameExchangeBuffer(Buffer.from("P")),
    ]);
    const decoder = new StreamBufferDecoder();
    decoder.push(chunk);
    const [first, second] = all(decoder);
    expect([first!.buffer, first!.byteOffset]).toEqual([chunk.buffer, chunk.byteOffset + 4]);
    expect(Buffer.from(second!).toString()).toBe("P");
    expect(decoder.idle).toBe(true);
  });

  test("with reusesMemory, data that crosses chunks shares one memory, and nothing else does", () => {
    const contents = ["Dfirst and long", "Dsecond", "EERP one", "EERP two", "Dthird, and the longest of all"];
    const stream = Buffer.concat(contents.map((content) => frameExchangeBuffer(Buffer.from(content))));
    const decoder = new StreamBufferDecoder({ reusesMemory: true });
    const seen: string[] = [];
    const memories: ArrayBufferLike[] = [];
    for (const octet of stream) {
      decoder.push(Uint8Array.of(octet));
      for (let next = decoder.next(); next !== undefined; next = decoder.next()) {
        seen.push(Buffer.from(next).toString());
        memories.push(next.buffer);
      }
    }
    expect(seen).toEqual(contents);
    expect(memories[1]).toBe(memories[0]);
    expect(new Set(memories).size).toBe(4);
  });

  test("puts together what crosses chunks, and goes on within the last", () => {
    const stream = Buffer.concat([
      frameExchangeBuffer(Buffer.from("DATA")),
      frameExchangeBuffer(Buffer.from("R")),
    ]);
    for (let first = 0; first <= stream.length; first += 1) {
      for (let second = first; second <= stream.length; second += 1) {
        const decoder = new StreamBufferDecoder();
        const taken: string[] = [];
        for (const chunk of [
          stream.subarray(0, first),
          stream.subarray(first, second),
          stream.subarray(second),
        ]) {
          decoder.push(chunk);
          taken.push(...all(decoder).map((buffer) => Buffer.from(buffer).toString()));
        }
        expect(taken).toEqual(["DATA", "R"]);
      }
    }
  });

  test("chunks may be pushed before the last one was used up", () => {
    const decoder = new StreamBufferDecoder();
    for (const octet of frameExchangeBuffer(Buffer.from("CDT"))) decoder.push(Uint8Array.of(octet));
    decoder.push(frameExchangeBuffer(Buffer.from("R")));
    expect(decoder.idle).toBe(false);
    expect(all(decoder).map((buffer) => Buffer.from(buffer).toString())).toEqual(["CDT", "R"]);
    expect(decoder.idle).toBe(true);
  });

  test("a buffer that crossed chunks keeps its octets", () => {
    const decoder = new StreamBufferDecoder();
    const taken: Uint8Array[] = [];
    for (const text of ["one", "two"]) {
      const framed = frameExchangeBuffer(Buffer.from(text));
      decoder.push(framed.subarray(0, 5));
      expect(decoder.next()).toBeUndefined();
      expect(decoder.idle).toBe(false);
      decoder.push(framed.subarray(5));
      taken.push(decoder.next()!);
    }
    expect(taken.map((buffer) => Buffer.from(buffer).toString())).toEqual(["one", "two"]);
  });

  test.each([
    ["another version", [0x20, 0, 0, 5], "ERR_OFTP_STREAM_VERSION"],
    ["text of another protocol", [...Buffer.from("GET ")], "ERR_OFTP_STREAM_VERSION"],
    ["no exchange buffer", [0x10, 0, 0, 4], "ERR_OFTP_STREAM_LENGTH"],
    ["a length below that of the header", [0x10, 0, 0, 0], "ERR_OFTP_STREAM_LENGTH"],
    ["an exchange buffer of 100000 octets", [0x10, 0x01, 0x86, 0xa4], "ERR_OFTP_STREAM_LENGTH"],
    [
      "a data exchange buffer above the negotiated size",
      [0x10, 0, 0x01, 0x05, 0x44],
      "ERR_OFTP_STREAM_LENGTH",
    ],
  ])("refuses %s as soon as it is seen, and again", (_, octets, code) => {
    const decoder = new StreamBufferDecoder({ maxBufferSize: 256 });
    decoder.push(Uint8Array.from(octets));
    for (let time = 0; time < 2; time += 1) {
      expect(() => decoder.next()).toThrow(failing(code));
    }
    try {
      decoder.next();
    } catch (error) {
      expect(endReasonOf(error)).toBe(7);
    }
  });

  test("flags may hold anything, and other commands may be longer than data", () => {
    const decoder = new StreamBufferDecoder({ maxBufferSize: 128 });
    decoder.push(Uint8Array.of(0x1f, 0, 0, 5, 0x52));
    expect(decoder.next()).toEqual(Uint8Array.of(0x52));
    decoder.push(frameExchangeBuffer(Buffer.alloc(165, "H")));
    expect(decoder.next()!.length).toBe(165);
    decoder.push(frameExchangeBuffer(Buffer.alloc(128, "D")));
    expect(decoder.next()!.length).toBe(128);
  });

  test("the size can be set when it is negotiated", () => {
    const decoder = new StreamBufferDecoder();
    decoder.maxBufferSize = 128;
    expect(decoder.maxBufferSize).toBe(128);
    expect(() => {
      decoder.maxBufferSize = 127;
    }).toThrow(failing("ERR_OFTP_DATA_OPTIONS"));
    decoder.push(frameExchangeBuffer(Buffer.alloc(129, "D")));
    expect(() => decoder.next()).toThrow(failing("ERR_OFTP_STREAM_LENGTH"));
  });

  test("any stream in any chunks gives buffers or a typed error", () => {
    const buffers = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });
    fc.assert(
      fc.property(
        buffers,
        fc.array(fc.nat(), { maxLength: 10 }),
        fc.uint8Array({ maxLength: 20 }),
        (sent, cuts, tail) => {
          const stream = Buffer.concat([...sent.map(frameExchangeBuffer), tail]);
          const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort(
            (a, b) => a - b,
          );
          const decoder = new StreamBufferDecoder();
          const received: Uint8Array[] = [];
          try {
            for (let index = 1; index < places.length; index += 1) {
              decoder.push(stream.subarray(places[index - 1], places[index]));
              received.push(...all(decoder).map((buffer) => Uint8Array.from(buffer)));
            }
          } catch (error) {
            if (!isTransferError(error) || tail.length < 4) throw error;
          }
          const whole = received.slice(0, sent.length).map((buffer) => Buffer.from(buffer).toString("hex"));
          const expected = sent.map((buffer) => Buffer.from(buffer).toString("hex"));
          expect(whole).toEqual(tail.length < 4 ? expected : expected.slice(0, whole.length));
          if (tail.length < 4) expect(decoder.idle).toBe(tail.length === 0);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
