import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { encodeDer } from "../der.js";
import { errorSource } from "../error-source.js";
import { checkAsn1 } from "./asn1-guard.js";

const source = errorSource("some.file", "data");
const check = (bytes: Uint8Array, limits?: Parameters<typeof checkAsn1>[2]) => () =>
  checkAsn1(bytes, source, limits);
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const damaged = expect.objectContaining({
  code: "ERR_KEY_DAMAGED",
  message: expect.stringMatching(/^some\.file: /),
});
const unsupported = expect.objectContaining({ code: "ERR_KEY_UNSUPPORTED" });

function nested(depth: number): Buffer {
  let bytes: Buffer = Buffer.alloc(0);
  for (let level = 0; level < depth; level += 1) bytes = encodeDer(0x30, bytes);
  return bytes;
}

describe("checkAsn1", () => {
  test.each([
    ["an empty sequence", "3000"],
    ["a primitive value", "020105"],
    ["siblings", "3006 020105 020106"],
    ["empty values at the end of several levels", "3004 3002 3000"],
    ["a long length", "048101 05"],
    ["a tag number above 30", "bf8101 02 0500"],
  ])("takes %s", (_, text) => {
    expect(check(hex(text))).not.toThrow();
  });

  test.each([
    ["nothing", ""],
    ["a tag alone", "30"],
    ["a length alone", "3082"],
    ["half of a length", "308201"],
    ["a length beyond the end", "3003 0201"],
    ["a value beyond the one around it", "3003 020205 06"],
    ["a length of five octets", "30850000000001 00"],
    ["bytes behind", "3000 00"],
    ["an indefinite length", "3080 0000"],
    ["a primitive value of indefinite length", "0480 0000"],
    ["an end without a beginning", "3002 0000"],
    ["a tag number without end", "bfffffffffffff 00"],
  ])("refuses %s", (_, text) => {
    expect(check(hex(text))).toThrow(damaged);
  });

  test("indefinite lengths where they are allowed", () => {
    const limits = { allowIndefinite: true };
    expect(check(hex("3080 2480 040105 0000 0000"), limits)).not.toThrow();
    expect(check(hex("3004 3080 0000"), limits)).not.toThrow();
    for (const text of ["3080", "3080 040105", "3080 0000 0000", "0480 0000", "3004 3080 020105 0000"]) {
      expect(check(hex(text), limits)).toThrow(damaged);
    }
  });

  test("depth, size and number of values", () => {
    expect(check(nested(64))).not.toThrow();
    expect(check(nested(65))).toThrow(unsupported);
    expect(check(nested(65), { maxDepth: 65 })).not.toThrow();
    expect(check(nested(10_000))).toThrow(unsupported);
    expect(check(Buffer.alloc(100, 0x30), { maxBytes: 99 })).toThrow(unsupported);
    const wide = encodeDer(0x30, Buffer.alloc(2 * 100, Buffer.from([5, 0])));
    expect(check(wide, { maxValues: 101 })).not.toThrow();
    expect(check(wide, { maxValues: 100 })).toThrow(unsupported);
  });

  test("takes linear time", () => {
    const wide = encodeDer(0x30, Buffer.alloc(8 * 1024 * 1024, Buffer.from([5, 0])));
    const start = performance.now();
    expect(check(wide, { maxValues: 10_000_000 })).not.toThrow();
    expect(
      check(Buffer.alloc(8 * 1024 * 1024, Buffer.from([0x30, 0x80])), { allowIndefinite: true }),
    ).toThrow(unsupported);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test("any bytes are taken or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (bytes, allowIndefinite) => {
        try {
          checkAsn1(bytes, source, { allowIndefinite });
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_KEY_(DAMAGED|UNSUPPORTED)$/) });
        }
      }),
      { numRuns: 2000 },
    );
  });
});
