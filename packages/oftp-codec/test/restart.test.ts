import { describe, expect, test } from "@jest/globals";
import {
  countsAtRestart,
  DataBufferDecoder,
  DataBufferEncoder,
  type FileFormat,
  restartPositionAt,
  sizeInBlocks,
} from "../src/index.js";

test("file sizes are rounded up to blocks", () => {
  expect([0, 1, 1024, 1025].map(sizeInBlocks)).toEqual([0, 1, 1, 2]);
});

test("positions count blocks for U and T, records for F and V", () => {
  const counts = { recordCount: 7, unitCount: 2047 };
  const formats: FileFormat[] = ["U", "T", "F", "V"];
  expect(formats.map((format) => restartPositionAt(format, counts))).toEqual([1, 1, 7, 7]);
});

test("a position says where the file goes on", () => {
  expect(countsAtRestart("U", 3)).toEqual({ recordCount: 0, unitCount: 3072 });
  expect(countsAtRestart("F", 3, 80)).toEqual({ recordCount: 3, unitCount: 240 });
  expect(countsAtRestart("V", 3, 80, [5, 0, 7, 9])).toEqual({ recordCount: 3, unitCount: 12 });
  expect(countsAtRestart("V", 0, 80, [5])).toEqual({ recordCount: 0, unitCount: 0 });
});

describe("a transfer that was cut goes on, and the counts are those of the whole file", () => {
  const file = Buffer.from(Array.from({ length: 8000 }, (_, index) => (index * 7) & 0xff));

  test.each(["U", "T", "F"] as const)("format %s", (format) => {
    const maxRecordSize = format === "F" ? 80 : 0;
    const options = { bufferSize: 300, format, maxRecordSize };
    const first = new DataBufferEncoder(options);
    const receiver = new DataBufferDecoder(options);
    first.write(file);
    const kept: Buffer[] = [];
    for (let sent = 0; sent < 11; sent += 1)
      kept.push(Buffer.from(receiver.decode(first.next()!.subarray(5))));
    const position = restartPositionAt(format, receiver);
    expect(position).toBeGreaterThan(0);

    const startAt = countsAtRestart(format, position, maxRecordSize);
    const again = new DataBufferEncoder({ ...options, startAt });
    const rest = new DataBufferDecoder({ ...options, startAt });
    again.write(file.subarray(startAt.unitCount));
    again.end();
    const parts = [Buffer.concat(kept).subarray(0, startAt.unitCount)];
    for (let next = again.next(); next !== undefined; next = again.next()) {
      parts.push(Buffer.from(rest.decode(next.subarray(5))));
    }
    expect(Buffer.concat(parts).equals(file)).toBe(true);
    const counts = { recordCount: format === "F" ? 100 : 0, unitCount: 8000 };
    expect(again).toMatchObject(counts);
    expect(rest).toMatchObject(counts);
  });
});
