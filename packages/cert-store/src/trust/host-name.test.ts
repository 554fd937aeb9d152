import { describe, expect, test } from "@jest/globals";
import type { Certificate, GeneralName } from "../certificate-types.js";
import { addressBytes, isForHost } from "./host-name.js";

const certificateFor = (...names: GeneralName[]) => ({ subjectAltNames: names }) as unknown as Certificate;
const dns = (value: string): GeneralName => ({ kind: "dns", value });

describe("isForHost", () => {
  test.each([
    ["example.com", "EXAMPLE.com", true],
    ["example.com", "example.com.", true],
    ["example.com", "www.example.com", false],
    ["*.example.com", "www.example.com", true],
    ["*.example.com", "example.com", false],
    ["*.example.com", ".example.com", false],
    ["*.com", "example.com", false],
    ["*", "example", false],
    ["w*.example.com", "www.example.com", false],
    ["www.*.com", "www.example.com", false],
    ["xn--bcher-kva.example", "bücher.example", true],
    ["192.0.2.1", "192.0.2.1", false],
    ["", "", false],
    ["example.com\0.example.org", "example.com", false],
  ])("the name %j for the host %j: %j", (name, host, expected) => {
    expect(isForHost(certificateFor(dns(name)), host, false)).toBe(expected);
  });
});

describe("addressBytes", () => {
  test.each([
    ["192.0.2.1", "c0000201"],
    ["::", "00".repeat(16)],
    ["::1", `${"00".repeat(15)}01`],
    ["2001:db8::a:0:1", "20010db8000000000000000a00000001"],
    ["::ffff:192.0.2.1", "00000000000000000000ffffc0000201"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
  ])("%s", (text, hex) => {
    expect(addressBytes(text)?.toString("hex")).toBe(hex);
  });

  test.each(["", "1.2.3", "256.1.1.1", "::g", "fe80::1%eth0", "example.com"])("%j is none", (text) => {
    expect(addressBytes(text)).toBeUndefined();
  });
});
