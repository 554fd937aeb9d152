import { basename, join, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { numberedName } from "./final-name.js";
import { checkNamePattern, type ReceivedFileFacts, receivedFileName } from "./received-file-name.js";
import { isSafeFileName, safeFileName } from "./safe-file-name.js";

const FACTS: ReceivedFileFacts = {
  sfid: {
    datasetName: "INVOIC.DAT",
    timestamp: { date: "20240229", time: "0905030042" },
    destination: "O0013000000BETA          ",
    originator: "O0013000000ALPHA",
    userData: "7",
  },
  now: new Date(2025, 11, 31, 23, 59, 58, 70),
  guid: "6c84fb90-12c4-11e1-840d-7b25c5ee775a",
};

test.each([
  ["%VirtualFileName%", "INVOIC.DAT"],
  ["%virtualfilename%_%VirtualFileDate%_%Destination%", "INVOIC.DAT_202402290905030042_O0013000000BETA"],
  ["%VirtualFileDate:yyyyMMddHHmmssffff%", "202402290905030042"],
  ["%VirtualFileDate:yy-M-d H.m.s%", "24-2-29 9.5.3"],
  ["%VirtualFileDate:hh:mm tt%", "09_05 AM"],
  ["%VirtualFileDate:ff%%VirtualFileDate:fffffff%", "000042000"],
  ["%CurrentTime:yyyy-MM-dd'T'HH\\hmm%", "2025-12-31T23h59"],
  ["%CurrentTime%", "202512312359580700"],
  ["%CurrentTime:h%", "11"],
  ["%Originator%-%UserData%-%GUID%.dat", "O0013000000ALPHA-7-6c84fb90-12c4-11e1-840d-7b25c5ee775a.dat"],
  ["100%%-%UserData%", "100%-7"],
  ["fixed", "fixed"],
])("%s", (pattern, expected) => {
  expect(receivedFileName(checkNamePattern(pattern), FACTS)).toBe(expected);
});

test("a name has a new GUID each time unless it is given", () => {
  const { guid: _, ...facts } = FACTS;
  const names = new Set(Array.from({ length: 10 }, () => receivedFileName("%GUID%", facts)));
  expect(names.size).toBe(10);
});

test.each([
  "",
  "%Nothing%",
  "%VirtualFileName",
  "a%",
  "%toString%",
  "%__proto__%",
  "%VirtualFileName:yyyy%",
  "%VirtualFileDate:MMM%",
  "%VirtualFileDate:ffffffff%",
  "%VirtualFileDate:toString%",
  "%CurrentTime:'open%",
  "%CurrentTime:yyyy\\%",
  "in/folder",
  "..\\%VirtualFileName%",
])("pattern %j: ERR_OFTP_NAME_PATTERN", (pattern) => {
  let error: unknown;
  try {
    checkNamePattern(pattern);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: "ERR_OFTP_NAME_PATTERN" });
});

describe("safeFileName", () => {
  test.each([
    ["../../etc/passwd", "___.._etc_passwd"],
    ["..", "__"],
    [".", "_"],
    ["", "_"],
    [" ", "_"],
    ["-rf", "_rf"],
    [".bashrc", "_bashrc"],
    ["a\0b\nc\u0085d\u202ee", "a_b_c_d_e"],
    ["C:\\x|y*?", "C__x_y__"],
    ["nul", "_nul"],
    ["Com1.txt", "_Com1.txt"],
    ["COM¹", "_COM¹"],
    ["conx", "conx"],
    ["ends. . ", "ends____"],
    ["e\u0301", "\u00e9"],
    ["\ud800x", "\ufffdx"],
    ["Größe (1).DAT", "Größe (1).DAT"],
  ])("%j", (text, expected) => {
    expect(safeFileName(text)).toBe(expected);
  });

  test("cuts before the extension, between characters", () => {
    expect(safeFileName(`${"x".repeat(300)}.DAT`)).toBe(`${"x".repeat(251)}.DAT`);
    expect(safeFileName("ü".repeat(200))).toBe("ü".repeat(127));
    expect(safeFileName(`a.${"x".repeat(300)}`)).toBe(`a.${"x".repeat(253)}`);
    expect(numberedName(`${"ü".repeat(127)}`, 12)).toBe(`${"ü".repeat(126)}-12`);
    expect(numberedName("a.tar.gz", 3)).toBe("a.tar-3.gz");
  });

  test("is one name in the folder for any text, whatever the partner sends", () => {
    const any = fc.oneof(
      fc.string({ unit: "binary", maxLength: 400 }),
      fc.string({ unit: fc.constantFrom(".", "/", "\\", "-", " ", "\0", "a", "~", ":", "ü", "\u202e") }),
      fc.constantFrom("CON", "aux.", "LPT9.x", "nul ", "com1  .txt"),
    );
    const property = fc.property(any, fc.nat({ max: 5000 }), (text, number) => {
      const facts = { ...FACTS, sfid: { ...FACTS.sfid, datasetName: text, userData: text } };
      for (const raw of [safeFileName(text), receivedFileName("%VirtualFileName%", facts)]) {
        for (const name of [raw, numberedName(raw, number)]) {
          expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
          expect(name).not.toBe("");
          expect(basename(name)).toBe(name);
          expect(resolve("/inbox", name)).toBe(join("/inbox", name));
          expect(resolve("/inbox", name).startsWith("/inbox/")).toBe(true);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
          expect(name).not.toMatch(/^[.\- ]|[. ]$|[/\\:*?"<>|\u0000-\u001f\u007f]/);
          expect(name).not.toMatch(/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i);
        }
        expect(safeFileName(raw)).toBe(raw);
        expect(isSafeFileName(raw)).toBe(true);
      }
    });
    fc.assert(property, { numRuns: 500 });
  });
});
