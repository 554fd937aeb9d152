import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { decodeVisual } from "./visual-name.js";

/** What OpenSSH's `strnvis` with `VIS_NL` makes of a name in the C locale. */
function encode(name: string): string {
  let text = "";
  for (const byte of Buffer.from(name)) {
    const low = byte & 0x7f;
    if (byte === 0x5c) text += "\\\\";
    else if (byte === 0x20 || byte === 0x09 || (byte > 0x20 && byte < 0x7f))
      text += String.fromCharCode(byte);
    else if (byte === 0xa0) text += "\\240";
    else {
      const meta = byte >= 0x80 ? "\\M" : "\\";
      text +=
        low < 0x20 || low === 0x7f
          ? `${meta}^${String.fromCharCode(low ^ 0x40)}`
          : `${meta}-${String.fromCharCode(low)}`;
    }
  }
  return text;
}

describe("decodeVisual", () => {
  test("undoes what OpenSSH does to a name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (name) => {
        const whole = Buffer.from(name).toString();
        expect(decodeVisual(encode(whole))).toBe(whole);
      }),
    );
  });

  test.each([
    ["a\\^Jb", "a\nb"],
    ["u\\M-C\\M-)\\^J\\^A z\\\\", "ué\n\u0001 z\\"],
    ["plain", "plain"],
    ["\\", "\\"],
    ["\\^", "\\^"],
    ["\\M-", "\\M-"],
    ["\\q", "\\q"],
    ["\\400", "\\400"],
  ])("%j is %j", (encoded, name) => {
    expect(decodeVisual(encoded)).toBe(name);
  });
});
