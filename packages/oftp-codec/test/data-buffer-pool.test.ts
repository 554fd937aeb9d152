import { expect, test } from "@jest/globals";
import { DataBufferEncoder, DataBufferPool } from "../src/index.js";

const failing = expect.objectContaining({ name: "TransferError", code: "ERR_OFTP_DATA_OPTIONS" });

/** The buffers of a file of `size` octets. */
function encode(pool: DataBufferPool, size: number, fill: string): Buffer[] {
  const encoder = new DataBufferEncoder({ bufferSize: pool.bufferSize, format: "U", pool });
  encoder.write(Buffer.alloc(size, fill));
  encoder.end();
  const buffers: Buffer[] = [];
  for (let next = encoder.next(); next !== undefined; next = encoder.next()) buffers.push(next);
  return buffers;
}

const places = (buffers: Buffer[]) => buffers.map(({ buffer, byteOffset }) => [buffer, byteOffset] as const);

test("a buffer that was released is used for another file", () => {
  const pool = new DataBufferPool(1000);
  const [first] = encode(pool, 5, "a");
  pool.release(first!);
  const [second] = encode(pool, 900, "b");
  expect(places([second!])).toEqual(places([first!]));
  expect(second!.subarray(5, 8)).toEqual(Buffer.from("\x3fbb"));
});

test("buffers that were not released are not touched", () => {
  const pool = new DataBufferPool(128);
  const kept = encode(pool, 5000, "a");
  const copies = kept.map((buffer) => Buffer.from(buffer));
  encode(pool, 50_000, "b");
  expect(kept).toEqual(copies);
});

test("releasing twice, or what is not of the pool, gives nothing out twice", () => {
  const pool = new DataBufferPool(128);
  const [first] = encode(pool, 5, "a");
  pool.release(first!);
  pool.release(first!);
  pool.release(Buffer.alloc(132));
  pool.release(encode(new DataBufferPool(128), 5, "x")[0]!);
  const starts = new Set<string>();
  const buffers = encode(pool, 20_000, "c");
  for (const { buffer, byteOffset } of buffers) {
    starts.add(`${buffers.findIndex((other) => other.buffer === buffer)}:${byteOffset}`);
  }
  expect(starts.size).toBe(buffers.length);
});

test("a pool is for one buffer size", () => {
  const pool = new DataBufferPool(128);
  expect(() => new DataBufferEncoder({ bufferSize: 129, format: "U", pool })).toThrow(failing);
  expect(() => new DataBufferPool(127)).toThrow(failing);
});
