import { describe, expect, test } from "@jest/globals";
import { isTransferError } from "@waybill/net-core";
import fc from "fast-check";
import { parseHeader, TAG } from "./ber-header.js";
import { endOfValue, octetsOf, oidFromContents, parseBer, timeOf, toDer } from "./ber-value.js";
import { ByteReader } from "./byte-reader.js";
import { derOid, derTime, encodeDer, encodeHeader } from "./der-writer.js";
import { readOctets } from "./octet-content.js";

/** An octet string as some encoder might write it, and what is in it. */
interface Encoded {
  readonly bytes: Buffer;
  readonly content: Buffer;
}

/** Lengths in the short form, or longer than they need to be. */
const encodedLength = (tag: number, length: number, extra: number): Buffer => {
  if (extra === 0) return encodeHeader(tag, length);
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(length);
  return Buffer.concat([Buffer.from([tag, 0x84]), octets]);
};

const { octetString } = fc.letrec<{ octetString: Encoded }>((tie) => ({
  octetString: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.nat(1)).map(([content, extra]): Encoded => {
      const bytes = Buffer.concat([encodedLength(TAG.octetString, content.length, extra), content]);
      return { bytes, content: Buffer.from(content) };
    }),
    fc.tuple(fc.array(tie("octetString"), { maxLength: 4 }), fc.nat(2)).map(([parts, form]): Encoded => {
      const inner = Buffer.concat(parts.map(({ bytes }) => bytes));
      const bytes =
        form === 2
          ? Buffer.concat([Buffer.from([TAG.constructedOctetString, 0x80]), inner, Buffer.alloc(2)])
          : Buffer.concat([encodedLength(TAG.constructedOctetString, inner.length, form), inner]);
      return { bytes, content: Buffer.concat(parts.map(({ content }) => content)) };
    }),
  ),
}));

/** The same bytes cut at any places. */
async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0;
  for (let index = 0; start < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? bytes.length;
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

const chunkSizes = fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 8 });
const NOWHERE = { end: -1 };

async function readAll(bytes: Buffer, sizes: readonly number[]): Promise<Buffer> {
  const reader = new ByteReader(cut(bytes, sizes));
  const pieces: Buffer[] = [];
  for await (const piece of readOctets(reader, await reader.header(), NOWHERE)) pieces.push(piece);
  await reader.end();
  return Buffer.concat(pieces);
}

describe("octet strings", () => {
  test("of any shape come out whole, whatever the chunks", async () => {
    await fc.assert(
      fc.asyncProperty(octetString, chunkSizes, async ({ bytes, content }, sizes) => {
        expect((await readAll(bytes, sizes)).equals(content)).toBe(true);
        expect(octetsOf(parseBer(bytes)).equals(content)).toBe(true);
        expect(endOfValue(bytes, 0, bytes.length)).toBe(bytes.length);
        expect(toDer(parseBer(bytes)).equals(encodeDer(TAG.octetString, content))).toBe(true);
      }),
    );
  });

  test("cut off or continued are refused", async () => {
    await fc.assert(
      fc.asyncProperty(octetString, chunkSizes, fc.nat(), async ({ bytes }, sizes, place) => {
        const shorter = bytes.subarray(0, place % bytes.length);
        await expect(readAll(shorter, sizes)).rejects.toMatchObject({ code: "ERR_CMS_TRUNCATED" });
        const longer = Buffer.concat([bytes, Buffer.from([0])]);
        await expect(readAll(longer, sizes)).rejects.toMatchObject({ code: "ERR_CMS_TRAILING" });
        expect(endOfValue(bytes, 0, place % bytes.length)).toBeUndefined();
      }),
    );
  });
});

describe("any bytes at all", () => {
  const check = (work: () => unknown) => {
    try {
      work();
    } catch (error) {
      if (!isTransferError(error)) throw error;
    }
  };

  test("give a value or a typed error", async () => {
    const bytesLikeBer = fc.array(
      fc.oneof(
        fc.constantFrom(
          [0x30, 0x80],
          [0x24, 0x80],
          [0, 0],
          [4, 2, 1, 1],
          [0x30, 3],
          [4, 0x82, 0, 1, 7],
          [0x1f, 0x81, 1],
        ),
        fc.uint8Array({ maxLength: 3 }).map((bytes) => [...bytes]),
      ),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(bytesLikeBer, chunkSizes, async (parts, sizes) => {
        const bytes = Buffer.from(parts.flat());
        check(() => toDer(parseBer(bytes)));
        check(() => endOfValue(bytes, 0, bytes.length));
        check(() => parseHeader(bytes, 0, bytes.length));
        await readAll(bytes, sizes).catch((error: unknown) => {
          if (!isTransferError(error)) throw error;
        });
      }),
      { numRuns: 500 },
    );
  });

  test("values nested a hundred thousand times are refused, not followed", () => {
    const deep = Buffer.alloc(200_000, Buffer.from([0x30, 0x80]));
    expect(() => parseBer(deep)).toThrow(expect.objectContaining({ code: "ERR_CMS_DAMAGED" }));
    expect(() => endOfValue(deep, 0, deep.length)).toThrow(
      expect.objectContaining({ code: "ERR_CMS_DAMAGED" }),
    );
  });
});

describe("small values", () => {
  test("object identifiers are read as they are written", () => {
    fc.assert(
      fc.property(
        fc.nat(2),
        fc.nat(39),
        fc.array(fc.nat(2 ** 31 - 1), { minLength: 1, maxLength: 8 }),
        (a, b, rest) => {
          const oid = [a, b, ...rest].join(".");
          expect(oidFromContents(parseBer(derOid(oid)).contents)).toBe(oid);
        },
      ),
    );
    expect(() => oidFromContents(Buffer.from([0x2a, 0x86]))).toThrow(
      expect.objectContaining({ code: "ERR_CMS_DAMAGED" }),
    );
  });

  test("times are read as they are written", () => {
    const times = fc.date({
      min: new Date("1950-01-01T00:00:00Z"),
      max: new Date("9999-12-31T23:59:59Z"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(times, (time) => {
        const seconds = new Date(Math.floor(time.getTime() / 1000) * 1000);
        expect(timeOf(parseBer(derTime(seconds)))).toEqual(seconds);
      }),
    );
    for (const text of [
      "991301000000Z",
      "990230000000Z",
      "99010100000Z",
      "9901010000Z",
      "990101000000+0100",
    ]) {
      const value = parseBer(encodeDer(TAG.utcTime, Buffer.from(text)));
      expect(() => timeOf(value)).toThrow(expect.objectContaining({ code: "ERR_CMS_DAMAGED" }));
    }
  });

  test("sets are put in order", () => {
    const set = Buffer.from("3180" + "0402aabb" + "0401cc" + "24800401010000" + "0000", "hex");
    expect(toDer(parseBer(set)).toString("hex")).toBe("310a" + "040101" + "0401cc" + "0402aabb");
  });
});
