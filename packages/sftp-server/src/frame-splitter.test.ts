import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { FrameSplitter } from "./frame-splitter.js";

function frame(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

function drain(splitter: FrameSplitter): Buffer[] {
  const packets: Buffer[] = [];
  for (let packet = splitter.next(); packet !== undefined; packet = splitter.next()) {
    expect(packet.every((piece) => piece.length > 0)).toBe(true);
    packets.push(Buffer.concat(packet));
  }
  return packets;
}

describe("FrameSplitter", () => {
  test("cuts the same packets wherever the chunks end", () => {
    const bodies = [Buffer.from("first"), Buffer.from("second one"), Buffer.alloc(5, 7)];
    const stream = Buffer.concat(bodies.map(frame));
    for (let first = 0; first <= stream.length; first += 1) {
      for (let second = first; second <= stream.length; second += 1) {
        const splitter = new FrameSplitter(100);
        const packets: Buffer[] = [];
        for (const chunk of [
          stream.subarray(0, first),
          stream.subarray(first, second),
          stream.subarray(second),
        ]) {
          splitter.push(chunk);
          packets.push(...drain(splitter));
        }
        expect(packets).toEqual(bodies);
        expect(splitter.available).toBe(0);
      }
    }
  });

  test("cuts the same packets from any chunks", () => {
    const bodies = fc.array(fc.uint8Array({ minLength: 5, maxLength: 9000 }), { maxLength: 6 });
    const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 900, max: 5000 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(bodies, lengths, fc.boolean(), (arrays, cuts, drainAtEnd) => {
        const expected = arrays.map((array) => Buffer.from(array));
        const stream = Buffer.concat(expected.map(frame));
        const splitter = new FrameSplitter(9000);
        const packets: Buffer[] = [];
        for (let at = 0, index = 0; at < stream.length; index += 1) {
          const length = cuts[index % cuts.length]!;
          splitter.push(Buffer.from(stream.subarray(at, at + length)));
          if (!drainAtEnd) packets.push(...drain(splitter));
          at += length;
        }
        packets.push(...drain(splitter));
        expect(packets.map((packet) => packet.toString("hex"))).toEqual(
          expected.map((body) => body.toString("hex")),
        );
      }),
      { numRuns: 300 },
    );
  });

  test("does not copy a packet that lies inside one chunk", () => {
    const chunk = Buffer.concat([frame(Buffer.from("hello")), frame(Buffer.from("world"))]);
    const splitter = new FrameSplitter(100);
    splitter.push(chunk);
    const [first] = splitter.next()!;
    expect(first!.buffer).toBe(chunk.buffer);
    expect(first!.toString()).toBe("hello");
    const [second] = splitter.next()!;
    expect(second!.buffer).toBe(chunk.buffer);
  });

  test("joins chunks that follow each other in memory, and only those", () => {
    const stream = frame(Buffer.alloc(9000, 1));
    const apart = Buffer.alloc(6000, 1);
    const splitter = new FrameSplitter(20_000);
    splitter.push(stream.subarray(0, 3000));
    splitter.push(stream.subarray(3000, 5000));
    splitter.push(stream.subarray(5000));
    expect(splitter.next()).toHaveLength(1);
    splitter.push(stream.subarray(0, 3004));
    splitter.push(apart.subarray(0, 3000));
    splitter.push(apart.subarray(3000));
    const packet = splitter.next()!;
    expect(packet.map((piece) => piece.length)).toEqual([3000, 6000]);
    expect(Buffer.concat(packet).equals(Buffer.alloc(9000, 1))).toBe(true);
  });

  test("keeps a packet that drips in byte by byte in few pieces", () => {
    const body = Buffer.alloc(200_000, 1);
    const splitter = new FrameSplitter(body.length);
    for (const byte of frame(body)) splitter.push(Buffer.of(byte));
    const packet = splitter.next()!;
    expect(packet.length).toBeLessThan(60);
    expect(Buffer.concat(packet).equals(body)).toBe(true);
  });

  test("refuses a packet that is too long as soon as its length is known", () => {
    const splitter = new FrameSplitter(1000);
    splitter.push(Buffer.from([0, 0, 0x03, 0xe9]));
    expect(() => splitter.next()).toThrow(expect.objectContaining({ code: "ERR_SFTP_PACKET_TOO_LONG" }));
    const huge = new FrameSplitter(1000);
    huge.push(Buffer.from([0xff]));
    expect(huge.next()).toBeUndefined();
    huge.push(Buffer.from([0xff, 0xff, 0xff]));
    expect(() => huge.next()).toThrow(expect.objectContaining({ code: "ERR_SFTP_PACKET_TOO_LONG" }));
  });

  test("refuses a packet without room for a type and an id", () => {
    for (const length of [0, 1, 4]) {
      const splitter = new FrameSplitter(1000);
      splitter.push(Buffer.from([0, 0, 0, length]));
      expect(() => splitter.next()).toThrow(expect.objectContaining({ code: "ERR_SFTP_PACKET_TOO_SHORT" }));
    }
  });
});
