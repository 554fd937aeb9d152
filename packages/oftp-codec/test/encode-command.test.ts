import { describe, expect, test } from "@jest/globals";
import {
  type Command,
  cutText,
  decodeCommand,
  describeCommand,
  encodeCommand,
  type ProtocolLevel,
  virtualFileTime,
} from "../src/index.js";
import { samples } from "./sample-commands.js";

type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;

function sample<K extends Command["kind"]>(
  kind: K,
  level: ProtocolLevel,
  change: Partial<Of<K>> = {},
): Of<K> {
  const found = samples.find(({ command, levels }) => command.kind === kind && levels.includes(level))!;
  return { ...found.command, ...change } as Of<K>;
}

describe("what is not sent", () => {
  const name = "x".repeat(27);
  test.each<[string, Command, ProtocolLevel, string, string]>([
    ["a name that is too long", sample("SFID", 5, { datasetName: name }), 5, "LENGTH", "SFIDDSN"],
    ["no name", sample("SFID", 5, { datasetName: " " }), 5, "LENGTH", "SFIDDSN"],
    [
      "a name with a control character",
      sample("SFID", 5, { datasetName: "a\nb" }),
      5,
      "CHARACTERS",
      "SFIDDSN",
    ],
    ["a name with an umlaut", sample("SFID", 5, { datasetName: "für" }), 5, "CHARACTERS", "SFIDDSN"],
    ["a code in lower case", sample("SSID", 5, { code: "acme" }), 5, "CHARACTERS", "SSIDCODE"],
    ["no code", sample("SSID", 5, { code: "" }), 5, "LENGTH", "SSIDCODE"],
    ["a code that is too long", sample("SFID", 5, { destination: "A".repeat(26) }), 5, "LENGTH", "SFIDDEST"],
    ["a long password", sample("SSID", 5, { password: "SECRETS99" }), 5, "LENGTH", "SSIDPSWD"],
    ["a buffer that is too small", sample("SSID", 5, { bufferSize: 127 }), 5, "RANGE", "SSIDSDEB"],
    ["a buffer that is too large", sample("SSID", 5, { bufferSize: 100000 }), 5, "RANGE", "SSIDSDEB"],
    ["no credit", sample("SSID", 5, { credit: 0 }), 5, "RANGE", "SSIDCRED"],
    ["half a credit", sample("SSID", 5, { credit: 1.5 }), 5, "RANGE", "SSIDCRED"],
    ["no record length for V", sample("SFID", 4, { maxRecordSize: 0 }), 4, "RANGE", "SFIDLRECL"],
    ["a record length for U", sample("SFID", 5, { format: "U", maxRecordSize: 9 }), 5, "RANGE", "SFIDLRECL"],
    ["a file too big for 1.4", sample("SFID", 4, { fileSize: 10000000 }), 4, "RANGE", "SFIDFSIZ"],
    ["counts too big for 1.4", sample("EFID", 4, { unitCount: 1e12 }), 4, "RANGE", "EFIDUCNT"],
    ["a negative position", sample("SFPA", 5, { restartPosition: -1 }), 5, "RANGE", "SFPAACNT"],
    ["a format that does not exist", sample("SFID", 5, { format: "X" as "U" }), 5, "VALUE", "SFIDFMT"],
    [
      "a day that does not exist",
      sample("SFID", 5, { timestamp: { date: "20260230", time: "1200000001" } }),
      5,
      "VALUE",
      "SFIDDATE",
    ],
    [
      "a time that does not exist",
      sample("SFID", 5, { timestamp: { date: "20260228", time: "2400000001" } }),
      5,
      "VALUE",
      "SFIDTIME",
    ],
    [
      "a year that two digits do not tell",
      sample("SFID", 1, { timestamp: { date: "19790101", time: "1200000001" } }),
      1,
      "VALUE",
      "SFIDDATE",
    ],
    ["a short date", sample("EERP", 5, { timestamp: { date: "261120", time: "1" } }), 5, "VALUE", "EERPDATE"],
    ["1000 octets of text", sample("ESID", 5, { text: `${"x".repeat(998)}é` }), 5, "LENGTH", "ESIDREAST"],
    ["control characters in text", sample("ESID", 5, { text: "\x1b[2J" }), 5, "CHARACTERS", "ESIDREAST"],
    ["half a character in text", sample("ESID", 5, { text: "\ud83d" }), 5, "CHARACTERS", "ESIDREAST"],
    ["a hash of 64 KiB", sample("EERP", 5, { hash: new Uint8Array(65536) }), 5, "LENGTH", "EERPHSH"],
    ["a response of 19 octets", sample("AURP", 5, { response: new Uint8Array(19) }), 5, "LENGTH", "AURPRSP"],
  ])("%s", (_, command, level, code, field) => {
    expect(() => encodeCommand(command, level)).toThrow(
      expect.objectContaining({
        name: "TransferError",
        code: `ERR_OFTP_FIELD_${code}`,
        message: expect.stringContaining(field),
        details: { command: command.kind, field },
      }),
    );
  });

  test("what does not exist at the level is not looked at", () => {
    const text = "x".repeat(2000);
    expect(encodeCommand(sample("SFNA", 1, { text }), 1).length).toBe(4);
  });
});

test("a relayed command may hold what was accepted", () => {
  const odd = sample("SFID", 5, {
    datasetName: "für",
    originator: "lower",
    timestamp: { date: "00000000", time: "9999999999" },
  });
  expect(() => encodeCommand(odd, 5)).toThrow();
  expect(decodeCommand(encodeCommand(odd, 5, { relayed: true }), 5)).toEqual(odd);
});

test("an SSID has the layout of its own level", () => {
  const ssid = sample("SSID", 4);
  expect(encodeCommand(ssid, 5)).toEqual(encodeCommand(ssid, 4));
});

test("codes may have spaces inside, and padding is no part of a value", () => {
  const ssid = sample("SSID", 5, { code: "O0013 ACME (1)-A/B.C&D   " });
  expect(decodeCommand(encodeCommand(ssid, 5), 5)).toMatchObject({ code: "O0013 ACME (1)-A/B.C&D" });
});

describe("cutText", () => {
  test("cuts at 999 octets, never within a character", () => {
    expect(cutText("short")).toBe("short");
    expect(cutText("x".repeat(1200))).toBe("x".repeat(999));
    expect(cutText(`${"x".repeat(998)}é!`)).toBe("x".repeat(998));
    expect(cutText("a😀b", 4)).toBe("a");
    expect(cutText("a😀b", 5)).toBe("a😀");
    expect(cutText("é", 1)).toBe("");
    expect(cutText("é", 0)).toBe("");
  });

  test("what it leaves can be sent", () => {
    const text = cutText("😀".repeat(400));
    expect(Buffer.byteLength(text)).toBe(996);
    expect(decodeCommand(encodeCommand({ kind: "EFNA", reason: 99, text }, 5), 5)).toMatchObject({ text });
  });
});

test("virtualFileTime writes local time and a counter", () => {
  expect(virtualFileTime(new Date(2026, 0, 2, 3, 4, 5), 7)).toEqual({ date: "20260102", time: "0304050007" });
});

describe("describeCommand", () => {
  test("gives the RFC's names, without passwords, padding and reserved fields", () => {
    expect(describeCommand(sample("SSID", 5), 5)).toEqual([
      { name: "SSIDCMD", value: "X" },
      { name: "SSIDLEV", value: "5" },
      { name: "SSIDCODE", value: "O0013000000WAYBILL" },
      { name: "SSIDPSWD", value: "********" },
      { name: "SSIDSDEB", value: "32768" },
      { name: "SSIDSR", value: "B" },
      { name: "SSIDCMPR", value: "Y" },
      { name: "SSIDREST", value: "Y" },
      { name: "SSIDSPEC", value: "N" },
      { name: "SSIDCRED", value: "099" },
      { name: "SSIDAUTH", value: "Y" },
      { name: "SSIDUSER", value: "HELLO" },
    ]);
  });

  test("shows binary values as hexadecimal, their lengths as numbers, payloads as a size", () => {
    expect(describeCommand(sample("EERP", 5), 5).slice(-4)).toEqual([
      { name: "EERPHSHL", value: "3" },
      { name: "EERPHSH", value: "000dff" },
      { name: "EERPSIGL", value: "2" },
      { name: "EERPSIG", value: "3080" },
    ]);
    expect(describeCommand(sample("DATA", 5), 5)[1]).toEqual({ name: "DATABUF", value: "4 octets" });
  });

  test("keeps each value on its line, and never fails for one that cannot be sent", () => {
    const esid = sample("ESID", 5, { reason: 1000, text: "one\r\ntwo\x1b é" });
    expect(describeCommand(esid, 5)).toEqual([
      { name: "ESIDCMD", value: "F" },
      { name: "ESIDREAS", value: "1000" },
      { name: "ESIDREASL", value: "012" },
      { name: "ESIDREAST", value: "one\\x0D\\x0Atwo\\x1B é" },
    ]);
  });
});
