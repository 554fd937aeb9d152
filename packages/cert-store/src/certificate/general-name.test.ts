import { isIP } from "node:net";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { addressOctets } from "../making/extension-encoder.js";
import { addressText } from "./general-name.js";

describe("IP addresses", () => {
  test.each([
    ["192.0.2.1", "c0000201"],
    ["::", "0".repeat(32)],
    ["::1", `${"0".repeat(31)}1`],
    ["2001:db8::1", "20010db8000000000000000000000001"],
    ["2001:db8:0:1:1:1:1:1", "20010db8000000010001000100010001"],
    ["2001:0:0:1::1", "20010000000000010000000000000001"],
    ["2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
    ["1::", "00010000000000000000000000000000"],
    ["fe80::a00:0:0", "fe8000000000000000000a0000000000"],
  ])("%s as RFC 5952 writes it", (text, octets) => {
    expect(addressText(Buffer.from(octets, "hex"))).toBe(text);
    expect(addressOctets(text)?.toString("hex")).toBe(octets);
  });

  test("there and back", () => {
    const octets = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc
        .array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 })
        .map((list) => Uint8Array.from(list)),
    );
    fc.assert(
      fc.property(octets, (bytes) => {
        const text = addressText(Buffer.from(bytes)) ?? "";
        expect(isIP(text)).toBe(bytes.length === 4 ? 4 : 6);
        expect(addressOctets(text)).toEqual(Buffer.from(bytes));
      }),
    );
    expect(addressText(Buffer.alloc(5))).toBeUndefined();
    expect(addressOctets("::ffff:192.0.2.1")?.toString("hex")).toBe("00000000000000000000ffffc0000201");
    expect(addressOctets("fe80::1%eth0")).toBeUndefined();
    expect(addressOctets("host")).toBeUndefined();
  });
});
