import { describe, expect, test } from "@jest/globals";
import { isTransferError } from "@waybill/net-core";
import {
  decodeAccountNames,
  decodeLimits,
  decodeName,
  decodeReply,
  decodeRequest,
  decodeStatistics,
  encodeAccountNames,
  encodeLimits,
  encodeName,
  encodeReply,
  encodeRequest,
  encodeStatistics,
  PacketType,
} from "@waybill/sftp-server";
import fc from "fast-check";
import { anyName, anyReply, anyRequest } from "./support/arbitraries.js";

const CODES = ["ERR_SFTP_MALFORMED", "ERR_SFTP_OUT_OF_RANGE"];

/** A value, or one of the codec's own errors: nothing else may happen. */
function decodesOrRefuses(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    if (!isTransferError(error) || !CODES.includes(error.code)) throw error;
  }
}

/** The bytes in pieces of the given lengths, again and again. */
function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index += 1) {
    const length = lengths[index % lengths.length]!;
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

describe("the codec", () => {
  test("gives every request back, in one piece or many", () => {
    fc.assert(
      fc.property(
        anyRequest,
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (request, lengths) => {
          const packet = encodeRequest(request);
          expect(packet.readUInt32BE(0)).toBe(packet.length - 4);
          expect(decodeRequest(packet.subarray(4))).toEqual(request);
          const decoded = decodeRequest(cut(packet.subarray(4), lengths));
          if (decoded.kind !== "write" || request.kind !== "write") {
            expect(decoded).toEqual(request);
            return;
          }
          expect(Buffer.concat(decoded.data).equals(Buffer.concat(request.data))).toBe(true);
          expect({ ...decoded, data: request.data }).toEqual(request);
        },
      ),
      { numRuns: 1500 },
    );
  });

  test("gives every reply back", () => {
    fc.assert(
      fc.property(anyReply, (reply) => {
        const packet = encodeReply(reply);
        expect(packet.readUInt32BE(0)).toBe(packet.length - 4);
        expect(decodeReply(packet.subarray(4))).toEqual(reply);
      }),
      { numRuns: 1500 },
    );
  });

  test("refuses each packet that lacks its last byte or has one too many", () => {
    const openEnded = new Set(["unknown", "unknown-extension"]);
    fc.assert(
      fc.property(anyRequest, (request) => {
        fc.pre(!openEnded.has(request.kind) && request.kind !== "write");
        // An INIT without its pairs, or with one more empty pair, is another INIT.
        fc.pre(request.kind !== "init" || request.extensions.length > 0);
        const packet = encodeRequest(request).subarray(4);
        expect(() => decodeRequest(packet.subarray(0, -1))).toThrow("malformed");
        expect(() => decodeRequest(Buffer.concat([packet, Buffer.alloc(1)]))).toThrow("malformed");
      }),
      { numRuns: 600 },
    );
  });

  test("takes from a WRITE what it says, and ignores what follows, as some clients need it", () => {
    const request = fc
      .tuple(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }))
      .map(([data, surplus]) => ({ data: Buffer.from(data), surplus }));
    const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 });
    fc.assert(
      fc.property(request, lengths, ({ data, surplus }, pieces) => {
        const write = {
          kind: "write",
          id: 1,
          handle: "handle",
          offset: 5,
          data: [data],
          length: data.length,
        } as const;
        const packet = Buffer.concat([encodeRequest(write).subarray(4), surplus]);
        const decoded = decodeRequest(cut(packet, pieces));
        expect(decoded).toMatchObject({
          kind: "write",
          id: 1,
          handle: "handle",
          offset: 5,
          length: data.length,
        });
        expect(decoded.kind === "write" && Buffer.concat(decoded.data).equals(data)).toBe(true);
        expect(() => decodeRequest(encodeRequest({ ...write, length: data.length + 1 }).subarray(4))).toThrow(
          "malformed",
        );
      }),
    );
  });

  test("makes a value or an error of any bytes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 120 }), (type, body) => {
        const packet = Buffer.concat([Buffer.of(type), body]);
        decodesOrRefuses(() => decodeRequest(packet));
        decodesOrRefuses(() => decodeReply(packet));
        decodesOrRefuses(() => decodeStatistics(packet));
        decodesOrRefuses(() => decodeLimits(packet));
        decodesOrRefuses(() => decodeAccountNames(packet));
      }),
      { numRuns: 3000 },
    );
    decodesOrRefuses(() => decodeRequest(Buffer.alloc(0)));
    decodesOrRefuses(() => decodeRequest([]));
  });

  test("does not believe counts that the packet cannot hold", () => {
    const names = Buffer.from([PacketType.NAME, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]);
    expect(() => decodeReply(names)).toThrow("more names");
    const extended = Buffer.from([PacketType.ATTRS, 0, 0, 0, 1, 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    expect(() => decodeReply(extended)).toThrow("more extended attributes");
  });

  test("refuses attribute flags that version 3 does not have", () => {
    expect(() => decodeReply(Buffer.from([PacketType.ATTRS, 0, 0, 0, 1, 0, 0, 0, 0x10]))).toThrow(
      "malformed",
    );
  });

  test("tells an offset beyond 2^53 from a malformed packet", () => {
    const packet = encodeRequest({ kind: "read", id: 1, handle: "h", offset: 0, length: 1 });
    packet.writeBigUInt64BE(2n ** 53n, packet.length - 12);
    expect(() => decodeRequest(packet.subarray(4))).toThrow(
      expect.objectContaining({ code: "ERR_SFTP_OUT_OF_RANGE" }),
    );
    packet.writeBigUInt64BE(2n ** 53n - 1n, packet.length - 12);
    expect(decodeRequest(packet.subarray(4))).toMatchObject({ offset: Number.MAX_SAFE_INTEGER });
  });

  test("takes the target of SYMLINK first, as OpenSSH does", () => {
    const packet = encodeRequest({ kind: "symlink", id: 7, target: "t", path: "link" });
    expect(packet.subarray(9).toString("latin1")).toBe("\0\0\0\x01t\0\0\0\x04link");
  });

  test("does not tie extended attributes to the memory of their packet", () => {
    const extended = [{ type: "note@example.com", data: Buffer.from("kept") }];
    const packet = encodeRequest({ kind: "setstat", id: 1, path: "/f", attributes: { extended } }).subarray(
      4,
    );
    const request = decodeRequest(packet);
    packet.fill(0xee);
    expect(request).toMatchObject({ attributes: { extended } });
  });

  test("gives the bodies of extended replies back", () => {
    const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const statistics = fc.record({
      blockSize: uint64,
      fragmentSize: uint64,
      blocks: uint64,
      freeBlocks: uint64,
      availableBlocks: uint64,
      files: uint64,
      freeFiles: uint64,
      availableFiles: uint64,
      fileSystemId: uint64,
      flags: uint64,
      maxNameLength: uint64,
    });
    fc.assert(
      fc.property(statistics, (value) => expect(decodeStatistics(encodeStatistics(value))).toEqual(value)),
    );
    const limits = fc.record({
      maxPacketLength: uint64,
      maxReadLength: uint64,
      maxWriteLength: uint64,
      maxOpenHandles: uint64,
    });
    fc.assert(fc.property(limits, (value) => expect(decodeLimits(encodeLimits(value))).toEqual(value)));
    const names = fc.record({ users: fc.array(anyName), groups: fc.array(anyName) });
    fc.assert(
      fc.property(names, (value) => expect(decodeAccountNames(encodeAccountNames(value))).toEqual(value)),
    );
  });
});

describe("names", () => {
  test("lose nothing, whatever their bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(encodeName(decodeName(Buffer.from(bytes))).equals(Buffer.from(bytes))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("are plain text when they are UTF-8", () => {
    expect(decodeName(Buffer.from("zażółć 🚀"))).toBe("zażółć 🚀");
    expect(decodeName(Buffer.from([0x61, 0xff, 0xc3, 0xa9]))).toBe("a\udcffé");
    expect(decodeName(Buffer.from([0xc3]))).toBe("\udcc3");
  });
});
