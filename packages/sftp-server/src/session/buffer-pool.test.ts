import { describe, expect, test } from "@jest/globals";
import { pooledBufferBytes, returnBuffer, takeBuffer } from "./buffer-pool.js";

describe("the buffer pool", () => {
  test("gives a returned buffer out again, once", () => {
    const first = takeBuffer(100_000);
    expect(first).toHaveLength(100_000);
    returnBuffer(first);
    expect(takeBuffer(100_001)).not.toBe(first);
    expect(takeBuffer(100_000)).toBe(first);
    expect(takeBuffer(100_000)).not.toBe(first);
  });

  test("keeps a bounded number of bytes, and no small buffers", () => {
    for (let index = 0; index < 100; index += 1) returnBuffer(Buffer.alloc(300_000 + index));
    expect(pooledBufferBytes()).toBeLessThanOrEqual(16 * 1024 * 1024);
    const before = pooledBufferBytes();
    returnBuffer(Buffer.alloc(1000));
    expect(pooledBufferBytes()).toBe(before);
  });
});
