import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { AddressMatcher } from "./address-matcher.js";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const ipv4Text = (address: Uint8Array) => address.join(".");
const ipv6Text = (address: Uint8Array) =>
  Array.from({ length: 8 }, (_, at) => ((address[2 * at]! << 8) | address[2 * at + 1]!).toString(16)).join(
    ":",
  );
const bitAt = (address: Uint8Array, at: number) => (address[at >> 3]! >> (7 - (at & 7))) & 1;

/** The definition, bit by bit. */
function sharesPrefix(one: Uint8Array, other: Uint8Array, bits: number): boolean {
  for (let at = 0; at < bits; at += 1) if (bitAt(one, at) !== bitAt(other, at)) return false;
  return true;
}

/** Two addresses that often have a long beginning in common, and a prefix length. */
const pair = (length: number) =>
  fc
    .tuple(bytes(length), fc.nat(length * 8 - 1), fc.nat(length * 8), fc.boolean())
    .map(([address, flip, bits, near]) => {
      const other = Uint8Array.from(address);
      if (near) other[flip >> 3]! ^= 128 >> (flip & 7);
      return { address, other, bits };
    });

describe("AddressMatcher", () => {
  test("IPv4 ranges hold what shares their first bits", () => {
    fc.assert(
      fc.property(pair(4), ({ address, other, bits }) => {
        const matcher = new AddressMatcher([`${ipv4Text(address)}/${bits}`]);
        const expected = sharesPrefix(address, other, bits);
        expect(matcher.matches(ipv4Text(other))).toBe(expected);
        expect(matcher.matches(`::ffff:${ipv4Text(other)}`)).toBe(expected);
        const mapped = new AddressMatcher([`::ffff:${ipv4Text(address)}/${bits + 96}`]);
        expect(mapped.matches(ipv4Text(other))).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  test("IPv6 ranges hold what shares their first bits", () => {
    fc.assert(
      fc.property(pair(16), ({ address, other, bits }) => {
        const matcher = new AddressMatcher([`${ipv6Text(address)}/${bits}`]);
        expect(matcher.matches(ipv6Text(other))).toBe(sharesPrefix(address, other, bits));
      }),
      { numRuns: 500 },
    );
  });

  test("several entries are joined", () => {
    const matcher = new AddressMatcher(["192.0.2.7", "10.0.0.0/8", "2001:db8::/32", "::1"]);
    expect(matcher.size).toBe(4);
    for (const address of ["192.0.2.7", "10.255.0.1", "2001:db8:ffff::1", "::1"]) {
      expect([address, matcher.matches(address)]).toEqual([address, true]);
    }
    for (const address of ["192.0.2.8", "11.0.0.0", "2001:db9::", "::2"]) {
      expect([address, matcher.matches(address)]).toEqual([address, false]);
    }
  });

  test("a range of one family says nothing about the other", () => {
    expect(new AddressMatcher(["::/0"]).matches("192.0.2.1")).toBe(false);
    expect(new AddressMatcher(["::/0"]).matches("::ffff:192.0.2.1")).toBe(false);
    expect(new AddressMatcher(["0.0.0.0/0"]).matches("2001:db8::1")).toBe(false);
    expect(new AddressMatcher(["0.0.0.0/0"]).matches("::ffff:192.0.2.1")).toBe(true);
  });

  test("zones of link-local addresses do not count", () => {
    expect(new AddressMatcher(["fe80::/10"]).matches("fe80::1%eth0")).toBe(true);
  });

  test("an empty set holds nothing", () => {
    const matcher = new AddressMatcher([]);
    expect(matcher.size).toBe(0);
    expect(matcher.matches("127.0.0.1")).toBe(false);
  });

  test.each([
    "",
    "localhost",
    "10.0.0.0/33",
    "::/129",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "10.0.0.0/08",
    "10.0.0.0/8.0",
    "10.0.0/8",
    "010.0.0.1",
    " 10.0.0.1",
    "fe80::1%eth0",
    "[::1]",
    "/8",
  ])("refuses the entry %p and names it", (range) => {
    expect(() => new AddressMatcher(["127.0.0.1", range])).toThrow(
      expect.objectContaining({
        code: "ERR_ADDRESS_RANGE_INVALID",
        message: expect.stringContaining(JSON.stringify(range)),
      }),
    );
  });

  test("any text is a range or a typed error", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f:.%/]{0,40}$/)), (text) => {
        try {
          expect(new AddressMatcher([text]).size).toBe(1);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_ADDRESS_RANGE_INVALID" });
        }
      }),
    );
  });

  test("what is no address is an error, not a miss that lets it through", () => {
    const matcher = new AddressMatcher(["0.0.0.0/0"]);
    for (const address of ["", "localhost", "10.0.0.0/8"]) {
      expect(() => matcher.matches(address)).toThrow(
        expect.objectContaining({ code: "ERR_ADDRESS_INVALID" }),
      );
    }
  });
});
