import { describe, expect, test } from "@jest/globals";
import { isTransferError } from "@waybill/net-core";
import fc from "fast-check";
import { decodeControlLine, encodeEntry, encodeTimes, encodeWarning, type WireTime } from "./control-line.js";

const wireName = fc
  .uint8Array({ minLength: 1, maxLength: 300 })
  .filter((bytes) => !bytes.includes(0x0a) && !bytes.includes(0));
const wireTime: fc.Arbitrary<WireTime> = fc.record({
  seconds: fc.integer({ min: 0, max: 8_640_000_000_000 }),
  microseconds: fc.integer({ min: 0, max: 999_999 }),
});

/** The line without its line break, which has to be its only one. */
function lineOf(encoded: Buffer): Buffer {
  expect(encoded.indexOf("\n")).toBe(encoded.length - 1);
  return encoded.subarray(0, -1);
}

function decode(text: string) {
  return decodeControlLine(Buffer.from(text, "latin1"));
}

describe("control lines", () => {
  test("every entry comes back as it was written", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("file", "directory"),
        fc.integer({ min: 0, max: 0o7777 }),
        fc.maxSafeNat(),
        wireName,
        (kind, mode, size, name) => {
          const decoded = decodeControlLine(lineOf(encodeEntry(kind, { mode, size, name })));
          expect(decoded).toEqual({ kind, mode, size, name: Buffer.from(name) });
        },
      ),
    );
  });

  test("every pair of times comes back as it was written", () => {
    fc.assert(
      fc.property(wireTime, wireTime, (modified, accessed) => {
        const decoded = decodeControlLine(lineOf(encodeTimes({ modified, accessed })));
        expect(decoded).toEqual({ kind: "times", modified, accessed });
      }),
    );
  });

  test("any bytes give a line or ERR_SCP_PROTOCOL", () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.constantFrom("C0644 ", "D0755 0 ", "T1 0 ", "E", "C", "T"), fc.string())
        .map(([head, tail]) => Buffer.from(head + tail)),
    );
    fc.assert(
      fc.property(anything, (bytes) => {
        try {
          const line = decodeControlLine(bytes);
          if ("size" in line) expect(Number.isSafeInteger(line.size) && line.size >= 0).toBe(true);
          if ("mode" in line) expect(line.mode).toBeLessThanOrEqual(0o7777);
        } catch (error) {
          expect(isTransferError(error, "ERR_SCP_PROTOCOL")).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    "",
    "X0644 3 name",
    "C644 3 name",
    "C00644 3 name",
    "C0844 3 name",
    "C0644 -3 name",
    "C0644 +3 name",
    "C0644 3",
    "C0644 3 ",
    "C0644  3 name",
    "C0644 0x3 name",
    "C0644 9007199254740992 name",
    "C0644 999999999999999999999999 name",
    "T1 0 1",
    "T-1 0 1 0",
    "T1 1000000 1 0",
    "T8640000000001 0 1 0",
    "E ",
    "EE",
    "\0",
  ])("%j is refused", (text) => {
    expect(() => decode(text)).toThrow(expect.objectContaining({ code: "ERR_SCP_PROTOCOL" }));
  });

  test("reads OpenSSH's lines", () => {
    expect(decode("C0644 12 a name")).toEqual({
      kind: "file",
      mode: 0o644,
      size: 12,
      name: Buffer.from("a name"),
    });
    expect(decode("D6755 0 d")).toEqual({ kind: "directory", mode: 0o6755, size: 0, name: Buffer.from("d") });
    expect(decode("T1183828267 0 1183828267 5")).toEqual({
      kind: "times",
      modified: { seconds: 1183828267, microseconds: 0 },
      accessed: { seconds: 1183828267, microseconds: 5 },
    });
    expect(decode("E")).toEqual({ kind: "end" });
    expect(decode("\u0001scp: no")).toEqual({ kind: "warning", text: "scp: no" });
    expect(decode("\u0002bye")).toEqual({ kind: "fatal", text: "bye" });
  });

  test("what the protocol cannot carry is not written", () => {
    const header = { mode: 0o644, size: 1, name: Buffer.from("x") };
    for (const wrong of [
      { name: Buffer.from("a\nb") },
      { name: Buffer.from("a\0b") },
      { name: Buffer.alloc(0) },
      { size: -1 },
      { size: 1.5 },
      { size: Number.MAX_SAFE_INTEGER + 1 },
      { mode: 0o10000 },
      { mode: -1 },
    ])
      expect(() => encodeEntry("file", { ...header, ...wrong })).toThrow(
        expect.objectContaining({ code: "ERR_SCP_PROTOCOL" }),
      );
  });

  test("times before 1970 become 1970", () => {
    const early = { seconds: -5, microseconds: 7 };
    expect(encodeTimes({ modified: early, accessed: early }).toString()).toBe("T0 0 0 0\n");
  });

  test("a warning stays on one line", () => {
    expect(encodeWarning("a\nb\0c").toString()).toBe("\u0001scp: a b c\n");
  });
});
