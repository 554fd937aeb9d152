import { describe, expect, test } from "@jest/globals";
import { isTransferError } from "@waybill/net-core";
import fc from "fast-check";
import { DataBufferDecoder, DataBufferEncoder, type FileFormat, StreamBufferDecoder } from "../src/index.js";

/** Octets with runs of all lengths, so that compression has something to do. */
const octets = (maxSegments: number) =>
  fc
    .array(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc
          .tuple(fc.nat({ max: 255 }), fc.nat({ max: 300 }))
          .map(([octet, length]) => new Uint8Array(length).fill(octet)),
      ),
      { maxLength: maxSegments },
    )
    .map((segments) => Buffer.concat(segments));

const bufferSize = fc.oneof(
  fc.integer({ min: 128, max: 400 }),
  fc.integer({ min: 128, max: 99999 }),
  fc.constantFrom(128, 129, 192, 193, 194, 195, 32768, 99999),
);

/** Cuts octets at arbitrary places, and puts each piece at another alignment. */
function chunks(whole: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, index) => {
    const piece = whole.subarray(from, places[index] ?? whole.length);
    const shifted = new Uint8Array(piece.length + 8).subarray(index % 8, (index % 8) + piece.length);
    shifted.set(piece);
    return shifted;
  });
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });

function drain(encoder: DataBufferEncoder, limit: number): Buffer[] {
  const frames: Buffer[] = [];
  for (let next = encoder.next(); next !== undefined; next = encoder.next()) {
    expect(next.length).toBeLessThanOrEqual(limit + 4);
    expect(next.length).toBeGreaterThan(5);
    expect([next.readUInt32BE(), next[4]]).toEqual([0x10000000 | next.length, 0x44]);
    frames.push(next);
  }
  return frames;
}

/** The payloads of frames, taken from a stream that is cut at arbitrary places. */
function throughStream(
  frames: readonly Buffer[],
  places: readonly number[],
  maxBufferSize: number,
): Uint8Array[] {
  const stream = new StreamBufferDecoder({ maxBufferSize });
  const payloads: Uint8Array[] = [];
  for (const chunk of chunks(Buffer.concat(frames), places)) {
    stream.push(chunk);
    for (let next = stream.next(); next !== undefined; next = stream.next()) payloads.push(next.subarray(1));
  }
  expect(stream.idle).toBe(true);
  return payloads;
}

describe.each<[FileFormat, boolean]>([
  ["U", false],
  ["U", true],
  ["T", false],
  ["T", true],
  ["F", false],
  ["F", true],
])("format %s, compression %p", (format, compression) => {
  test("what was encoded, in any pieces, is decoded", () => {
    const recordSize = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constantFrom(63, 64, 126, 1000));
    fc.assert(
      fc.property(
        octets(40),
        bufferSize,
        recordSize,
        cuts,
        cuts,
        (content, size, maxRecordSize, writes, reads) => {
          const records = Math.floor(content.length / maxRecordSize);
          const file = format === "F" ? content.subarray(0, records * maxRecordSize) : content;
          const encoder = new DataBufferEncoder({ bufferSize: size, format, compression, maxRecordSize });
          const frames: Buffer[] = [];
          for (const chunk of chunks(file, writes)) {
            encoder.write(chunk);
            frames.push(...drain(encoder, size));
          }
          encoder.end();
          frames.push(...drain(encoder, size));
          expect(encoder.finished).toBe(true);
          // Only the last buffer may have more than one octet to spare.
          for (const frame of frames.slice(0, -1)) expect(frame.length).toBeGreaterThanOrEqual(size + 3);

          const decoder = new DataBufferDecoder({ format, maxRecordSize });
          const target = Buffer.alloc(file.length + 16, 0xaa);
          let at = 5;
          for (const payload of throughStream(frames, reads, size))
            at += decoder.decodeInto(payload, target, at);
          expect(target.subarray(5, at).equals(file)).toBe(true);
          expect(target.subarray(at).every((octet) => octet === 0xaa)).toBe(true);
          const counts = { unitCount: file.length, recordCount: format === "F" ? records : 0 };
          expect(encoder).toMatchObject(counts);
          expect(decoder).toMatchObject({ ...counts, endOfRecord: file.length > 0, openRecordSize: 0 });
        },
      ),
      { numRuns: 300 },
    );
  });
});

test.each([false, true])("variable records, compression %p: their octets and their ends", (compression) => {
  const record = octets(6).filter(({ length }) => length <= 1800);
  fc.assert(
    fc.property(fc.array(record, { maxLength: 12 }), bufferSize, cuts, (records, size, places) => {
      const encoder = new DataBufferEncoder({
        bufferSize: size,
        format: "V",
        compression,
        maxRecordSize: 1800,
      });
      const frames: Buffer[] = [];
      for (const content of records) {
        const parts = chunks(content, places);
        parts.forEach((part, index) => {
          encoder.writeRecordPart(part, index === parts.length - 1);
          if (index % 2 === 0) frames.push(...drain(encoder, size));
        });
      }
      encoder.end();
      frames.push(...drain(encoder, size));

      const decoder = new DataBufferDecoder({ format: "V", maxRecordSize: 1800 });
      const decoded: Buffer[] = [];
      let open = Buffer.alloc(0);
      for (const frame of frames) {
        const bytes = decoder.decode(frame.subarray(5));
        let from = 0;
        for (const end of decoder.recordEnds) {
          decoded.push(Buffer.concat([open, bytes.subarray(from, end)]));
          open = Buffer.alloc(0);
          from = end;
        }
        open = Buffer.concat([open, bytes.subarray(from)]);
        expect(decoder.openRecordSize).toBe(open.length);
      }
      expect(open.length).toBe(0);
      expect(decoded.map((content) => content.toString("hex"))).toEqual(
        records.map((content) => content.toString("hex")),
      );
      expect(decoder.recordCount).toBe(records.length);
      expect(encoder.recordCount).toBe(records.length);
    }),
    { numRuns: 300 },
  );
});

test("compression never makes a file longer than without by more than a few octets, and runs much shorter", () => {
  const encoded = (content: Uint8Array, compression: boolean) => {
    const encoder = new DataBufferEncoder({ bufferSize: 4096, format: "U", compression });
    encoder.write(content);
    encoder.end();
    return drain(encoder, 4096).reduce((sum, { length }) => sum + length, 0);
  };
  fc.assert(
    fc.property(octets(20), (content) => {
      const plain = encoded(content, false);
      expect(encoded(content, true)).toBeLessThanOrEqual(plain + Math.ceil(plain / 64) + 2);
    }),
    { numRuns: 200 },
  );
  expect(encoded(new Uint8Array(63_000), true)).toBeLessThan(2100);
});

test.each<FileFormat>(["U", "F", "V"])("any payloads give octets or a typed error: format %s", (format) => {
  const hostile = fc.array(fc.oneof(fc.uint8Array({ maxLength: 400 }), octets(4)), { maxLength: 4 });
  let decoded = 0;
  fc.assert(
    fc.property(hostile, (payloads) => {
      const decoder = new DataBufferDecoder({ format, maxRecordSize: 2000 });
      let total = 0;
      for (const payload of payloads) {
        try {
          const size = decoder.measure(payload);
          expect(size).toBeLessThanOrEqual(payload.length * 31.5);
          total += decoder.decode(payload).length;
          decoded += 1;
        } catch (error) {
          if (!isTransferError(error)) throw error;
        }
        expect(decoder.unitCount).toBe(total);
      }
    }),
    { numRuns: 2000 },
  );
  expect(decoded).toBeGreaterThan(20);
});
