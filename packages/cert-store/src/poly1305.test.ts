import { describe, expect, test } from "@jest/globals";
import { poly1305 } from "./poly1305.js";

const hex = (text: string) => Buffer.from(text.replace(/[\s:]/g, ""), "hex");

describe("poly1305", () => {
  test("the example of RFC 8439 section 2.5.2", () => {
    const key = hex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");
    const tag = poly1305(key, Buffer.from("Cryptographic Forum Research Group"));
    expect(tag.toString("hex")).toBe("a8061dc1305136c6c22b8baf0c0127a9");
  });

  test("the sum past the prime (RFC 8439 appendix A.3, vector 7)", () => {
    const data = hex(`${"ff".repeat(16)}f0${"ff".repeat(15)}11${"00".repeat(15)}`);
    expect(poly1305(hex(`01${"00".repeat(31)}`), data).toString("hex")).toBe(`05${"00".repeat(15)}`);
  });

  test("nothing", () => {
    const key = hex(`${"00".repeat(16)}${"ab".repeat(16)}`);
    expect(poly1305(key, Buffer.alloc(0)).toString("hex")).toBe("ab".repeat(16));
  });
});
