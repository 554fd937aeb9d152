import { beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { pooledBufferBytes, takeBuffer } from "./buffer-pool.js";
import { RequestIntake, type TakenPacket } from "./request-intake.js";

const BLOCK_BYTES = 256 * 1024;

beforeEach(() => {
  // The tests count what comes back.
  while (pooledBufferBytes() > 0) takeBuffer(BLOCK_BYTES);
});

function frame(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

function drain(intake: RequestIntake): TakenPacket[] {
  const taken: TakenPacket[] = [];
  for (let next = intake.next(); next !== undefined; next = intake.next()) taken.push(next);
  return taken;
}

function numbered(count: number, bytes: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => Buffer.alloc(bytes, index + 1));
}

describe("RequestIntake", () => {
  test("gives out the same packets however they arrive and in whatever order they are finished, and all memory back", () => {
    const bodies = fc.array(fc.oneof(fc.integer({ min: 5, max: 40 }), fc.integer({ min: 5, max: 300_000 })), {
      minLength: 1,
      maxLength: 12,
    });
    const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: 400_000 })), {
      minLength: 1,
      maxLength: 8,
    });
    const held = fc.integer({ min: 0, max: 6 });
    fc.assert(
      fc.property(bodies, cuts, held, fc.boolean(), (lengths, parts, kept, newestFirst) => {
        const expected = lengths.map((length, index) => Buffer.alloc(length, index + 1));
        const stream = Buffer.concat(expected.map(frame));
        const intake = new RequestIntake(300_000);
        const waiting: TakenPacket[] = [];
        let checked = 0;
        const finish = (left: number) => {
          while (waiting.length > left) {
            const taken = (newestFirst ? waiting.pop() : waiting.shift())!;
            const body = Buffer.concat(taken.packet);
            expect(body.equals(expected[body[0]! - 1]!)).toBe(true);
            intake.finish(taken);
            checked += 1;
          }
        };
        for (let at = 0, index = 0; at < stream.length; index += 1) {
          const chunk = Buffer.from(stream.subarray(at, at + parts[index % parts.length]!));
          intake.push(chunk);
          // As a socket whose memory is used again.
          chunk.fill(0xee);
          waiting.push(...drain(intake));
          finish(kept);
          at += chunk.length;
        }
        finish(0);
        expect(checked).toBe(expected.length);
        expect(intake.available).toBe(0);
        const blocks = pooledBufferBytes() / BLOCK_BYTES;
        while (pooledBufferBytes() > 0) takeBuffer(BLOCK_BYTES);
        expect(blocks).toBeGreaterThanOrEqual(1);
      }),
      { numRuns: 60 },
    );
  });

  test("needs no more memory for a long stream than for what is under way", () => {
    const intake = new RequestIntake(BLOCK_BYTES);
    const packet = frame(Buffer.alloc(200_000, 1));
    const buffers = new Set<ArrayBufferLike>();
    for (let count = 0; count < 200; count += 1) {
      intake.push(packet);
      const taken = intake.next()!;
      for (const piece of taken.packet) buffers.add(piece.buffer);
      intake.finish(taken);
    }
    expect(buffers.size).toBeLessThanOrEqual(2);
    expect(pooledBufferBytes()).toBeLessThanOrEqual(2 * BLOCK_BYTES);
  });

  test("keeps the memory of a packet that is not finished, and of one that is not complete", () => {
    const [first, second, third] = numbered(3, 200_000);
    const intake = new RequestIntake(BLOCK_BYTES);
    intake.push(Buffer.concat([first!, second!, third!].map(frame)).subarray(0, -1));
    const taken = drain(intake);
    expect(taken).toHaveLength(2);
    intake.finish(taken[1]!);
    // The first block ends with the beginning of the second packet, the second one with that of the third.
    expect(pooledBufferBytes()).toBe(0);
    expect(Buffer.concat(taken[0]!.packet).equals(first!)).toBe(true);
    intake.finish(taken[0]!);
    expect(pooledBufferBytes()).toBe(BLOCK_BYTES);
    intake.push(third!.subarray(-1));
    const last = intake.next()!;
    expect(Buffer.concat(last.packet).equals(third!)).toBe(true);
    intake.finish(last);
    expect(pooledBufferBytes()).toBe(3 * BLOCK_BYTES);
  });

  test("has no memory while nothing is under way", () => {
    const intake = new RequestIntake(1000);
    for (let round = 0; round < 3; round += 1) {
      intake.push(frame(Buffer.alloc(20)));
      intake.finish(intake.next()!);
      expect(pooledBufferBytes()).toBe(BLOCK_BYTES);
    }
  });

  test("does not give memory back that may still be read when it is cleared", () => {
    const intake = new RequestIntake(1000);
    intake.push(frame(Buffer.alloc(20, 7)));
    const taken = intake.next()!;
    intake.clear();
    expect(pooledBufferBytes()).toBe(0);
    intake.finish(taken);
    expect(pooledBufferBytes()).toBe(0);
    expect(Buffer.concat(taken.packet).equals(Buffer.alloc(20, 7))).toBe(true);
  });

  test("puts a packet that came in many chunks together again", () => {
    const intake = new RequestIntake(BLOCK_BYTES);
    const packet = frame(Buffer.alloc(200_000, 3));
    for (let at = 0; at < packet.length; at += 30_000) intake.push(packet.subarray(at, at + 30_000));
    expect(intake.next()!.packet).toHaveLength(1);
  });
});
