import { expect, test } from "@jest/globals";
import { formatAddress, normalizeAddress } from "./address.js";

test.each([
  ["127.0.0.1", 22, "127.0.0.1:22"],
  ["example.org", 2222, "example.org:2222"],
  ["::1", 22, "[::1]:22"],
  ["fe80::1%eth0", 22, "[fe80::1%eth0]:22"],
])("formatAddress(%p, %p) is %p", (host, port, text) => expect(formatAddress(host, port)).toBe(text));

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::FFFF:c000:0201", "192.0.2.1"],
  ["0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"],
  ["2001:DB8:0:0::0001", "2001:db8::1"],
  ["fe80::1%eth0", "fe80::1"],
  ["::", "::"],
  ["example.org", "example.org"],
])("normalizeAddress(%p) is %p", (address, normal) => expect(normalizeAddress(address)).toBe(normal));
