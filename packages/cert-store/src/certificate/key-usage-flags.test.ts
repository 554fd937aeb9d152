import { expect, test } from "@jest/globals";
import { KEY_USAGES } from "../certificate-types.js";
import { keyUsageFlags } from "./key-usage-flags.js";

test("each usage has its flag", () => {
  expect(KEY_USAGES.map((usage) => keyUsageFlags([usage]))).toEqual([
    0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01, 0x8000,
  ]);
  expect(keyUsageFlags(["digitalSignature", "keyEncipherment"])).toBe(0xa0);
  expect(keyUsageFlags([])).toBe(0);
});
