import { describe, expect, test } from "@jest/globals";
import { checkEntryName, decodeName } from "./entry-name.js";

describe("checkEntryName", () => {
  test.each(["", ".", "..", "/", "a/b", "../x", "/etc/passwd", "a\0b"])("%j is refused", (name) => {
    expect(() => checkEntryName(name, "linux")).toThrow(
      expect.objectContaining({ code: "ERR_SCP_UNSAFE_NAME" }),
    );
  });

  test.each(["...", "..a", ".hidden", "a\\b", "C:x", "con", "-rf", " ", "a\nb"])("%j is a name", (name) => {
    expect(checkEntryName(name, "linux")).toBe(name);
  });

  test.each(["a\\b", "..\\x", "C:x", "file:stream", "con", "NUL.txt", "com1", "a.", "a ", "what?"])(
    "%j is refused on Windows",
    (name) => {
      expect(() => checkEntryName(name, "win32")).toThrow(
        expect.objectContaining({ code: "ERR_SCP_UNSAFE_NAME" }),
      );
    },
  );

  test("the message shows no control characters", () => {
    expect(() => checkEntryName("\u001b[2J/", "linux")).toThrow('named "?[2J/"');
  });
});

describe("decodeName", () => {
  test("takes UTF-8 as it is and nothing else", () => {
    expect(decodeName(Buffer.from("\ufeffgrüße"))).toBe("\ufeffgrüße");
    expect(decodeName(Buffer.from([0x67, 0xfc]))).toBeUndefined();
  });
});
