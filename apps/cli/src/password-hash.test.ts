import { expect, test } from "@jest/globals";
import { hashPassword, verifyPassword } from "./password-hash.js";

test("a hash verifies its password and no other; two hashes differ", async () => {
  const kept = await hashPassword("pässword");
  expect(kept).toMatch(/^scrypt\$[\w-]+\$[\w-]+$/);
  expect(await verifyPassword("pässword", kept)).toBe(true);
  expect(await verifyPassword("password", kept)).toBe(false);
  expect(await hashPassword("pässword")).not.toBe(kept);
});

test.each(["", "plain", "scrypt$$", "md5$AAAA$AAAA"])("%j matches nothing", async (kept) => {
  expect(await verifyPassword("", kept)).toBe(false);
});
