import { describe, expect, test } from "@jest/globals";
import {
  copyOctets,
  countSubrecords,
  extractSubrecords,
  insertSubrecords,
  OctetArea,
} from "./subrecord-copy.js";

const PIECES = 11;
const content = Buffer.from(Array.from({ length: PIECES * 63 }, (_, index) => (index * 31 + 7) & 0xff));
const subrecords = (pieces: number) =>
  Buffer.concat(
    Array.from({ length: pieces }, (_, piece) => [
      Buffer.of(63),
      content.subarray(piece * 63, piece * 63 + 63),
    ]).flat(),
  );

/** An area that starts at any alignment of its memory, with its octets. */
function area(alignment: number, octets: Uint8Array): OctetArea {
  const memory = new Uint8Array(new ArrayBuffer(alignment + octets.length), alignment, octets.length);
  memory.set(octets);
  return new OctetArea(memory);
}

const alignments = [0, 1, 2, 3, 4, 5, 6, 7];

describe.each(alignments)("target aligned at %i", (targetAlignment) => {
  test.each(alignments)("source aligned at %i", (sourceAlignment) => {
    for (let pieces = 0; pieces <= PIECES; pieces += 1) {
      for (const at of [0, 1, 2, 3, 5]) {
        const target = area(targetAlignment, Buffer.alloc(at + pieces * 64 + 3, 0xee));
        insertSubrecords(target, at, area(sourceAlignment, content.subarray(0, pieces * 63)), 0, pieces);
        const inserted = Buffer.concat([Buffer.alloc(at, 0xee), subrecords(pieces), Buffer.alloc(3, 0xee)]);
        expect(inserted.equals(target.octets)).toBe(true);

        const back = area(targetAlignment, Buffer.alloc(at + pieces * 63 + 3, 0xee));
        extractSubrecords(back, at, area(sourceAlignment, subrecords(pieces)), 0, pieces);
        const extracted = [Buffer.alloc(at, 0xee), content.subarray(0, pieces * 63), Buffer.alloc(3, 0xee)];
        expect(Buffer.concat(extracted).equals(back.octets)).toBe(true);
      }
    }
  });
});

test("subrecords are counted up to the first that is not full, flagged or cut", () => {
  const three = subrecords(3);
  expect(countSubrecords(three, 0)).toBe(3);
  expect(countSubrecords(three, 64)).toBe(2);
  expect(countSubrecords(three.subarray(0, -1), 0)).toBe(2);
  three[128] = 0xbf;
  expect(countSubrecords(three, 0)).toBe(2);
  three[0] = 62;
  expect(countSubrecords(three, 0)).toBe(0);
  expect(countSubrecords(new Uint8Array(), 0)).toBe(0);
});

test("parts are copied to the octet", () => {
  for (let length = 0; length < 63; length += 1) {
    const target = area(3, Buffer.alloc(70, 0xee));
    copyOctets(target.view, 2, area(5, content).view, 1, length);
    const expected = [
      Buffer.alloc(2, 0xee),
      content.subarray(1, 1 + length),
      Buffer.alloc(68 - length, 0xee),
    ];
    expect(Buffer.concat(expected).equals(target.octets)).toBe(true);
  }
});
