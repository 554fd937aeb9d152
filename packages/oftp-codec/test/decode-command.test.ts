import { describe, expect, test } from "@jest/globals";
import { type Command, decodeCommand, encodeCommand, endReasonOf, type ProtocolLevel } from "../src/index.js";
import { sampleOctets, samples } from "./sample-commands.js";

function octetsOf(kind: string, level: ProtocolLevel): Buffer {
  return sampleOctets(
    samples.find(({ command, levels }) => command.kind === kind && levels.includes(level))!,
  );
}

/** Sample `kind` with `text` written over it at a position. */
function changed(kind: string, level: ProtocolLevel, at: number, text: string): Buffer {
  const octets = octetsOf(kind, level);
  octets.write(text, at, "latin1");
  return octets;
}

function failure(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("what is refused", () => {
  test.each([
    ["an octet that is no command", Buffer.from("Q"), "ERR_OFTP_COMMAND_UNKNOWN", 1],
    ["nothing", Buffer.alloc(0), "ERR_OFTP_BUFFER_LENGTH", 7],
    ["an SFPA that is cut", octetsOf("SFPA", 5).subarray(0, 17), "ERR_OFTP_BUFFER_LENGTH", 7],
    ["a CD that is too long", Buffer.from("R "), "ERR_OFTP_BUFFER_LENGTH", 7],
    [
      "an SFNA whose text is shorter than its length",
      Buffer.from("301N005text"),
      "ERR_OFTP_BUFFER_LENGTH",
      7,
    ],
    ["an SFNA whose text is longer than its length", Buffer.from("301N003text"), "ERR_OFTP_BUFFER_LENGTH", 7],
    ["an EERP of level 4 at level 5", octetsOf("EERP", 4), "ERR_OFTP_BUFFER_LENGTH", 7],
    ["a hash longer than the buffer", changed("EERP", 5, 106, "\xff\xff"), "ERR_OFTP_BUFFER_LENGTH", 7],
    ["letters in a number", Buffer.from("20000000000000000A"), "ERR_OFTP_FIELD_INVALID", 6],
    ["blanks behind a number", Buffer.from("200000000000000 7 "), "ERR_OFTP_FIELD_INVALID", 6],
    ["a number above 2^53", Buffer.from("299999999999999999"), "ERR_OFTP_FIELD_INVALID", 6],
    ["an indicator that is neither Y nor N", Buffer.from("4X"), "ERR_OFTP_FIELD_INVALID", 6],
    ["a format that does not exist", changed("SFID", 5, 106, "X"), "ERR_OFTP_FIELD_INVALID", 6],
    ["security level 4", changed("SFID", 5, 155, "04"), "ERR_OFTP_FIELD_INVALID", 6],
    ["a control character in a name", changed("SFID", 5, 5, "\n"), "ERR_OFTP_FIELD_INVALID", 6],
    ["a zero octet in a name", changed("SFID", 5, 5, "\0"), "ERR_OFTP_FIELD_INVALID", 6],
    ["a date with blanks", changed("SFID", 5, 30, "2026 120"), "ERR_OFTP_FIELD_INVALID", 6],
    ["a buffer of 127", changed("SSID", 5, 35, "00127"), "ERR_OFTP_FIELD_INVALID", 6],
    ["credit 0", changed("SSID", 5, 44, "000"), "ERR_OFTP_FIELD_INVALID", 6],
    ["level 0", changed("SSID", 5, 1, "0"), "ERR_OFTP_FIELD_INVALID", 6],
    ["level A", changed("SSID", 5, 1, "A"), "ERR_OFTP_FIELD_INVALID", 6],
    ["another octet for the carriage return", changed("SSID", 5, 60, "\n"), "ERR_OFTP_FIELD_INVALID", 6],
    ["another ready message", changed("SSRM", 5, 1, "HELLO"), "ERR_OFTP_FIELD_INVALID", 6],
  ])("%s", (_, octets, code, reason) => {
    const error = failure(() => decodeCommand(octets, 5));
    expect(error).toMatchObject({ name: "TransferError", code });
    expect(endReasonOf(error)).toBe(reason);
  });

  test("the error names the command and the field, and never the value", () => {
    const error = failure(() => decodeCommand(changed("SSID", 5, 27, "pass\tword"), 5));
    expect(error).toMatchObject({ details: { command: "SSID", field: "SSIDPSWD" } });
    expect(JSON.stringify([error, String(error)])).not.toContain('word"');
    expect(String(error)).not.toContain("pass\tword");
  });

  test("other errors end the session for an unspecified reason", () => {
    expect(endReasonOf(new Error("x"))).toBe(99);
  });
});

describe("what is accepted although no one should send it", () => {
  test.each(["SSRM", "SSID", "ESID"])("%s that ends with 8D, and without a carriage return", (kind) => {
    const octets = octetsOf(kind, 5);
    const expected = decodeCommand(octets, 5);
    octets[octets.length - 1] = 0x8d;
    expect(decodeCommand(octets, 5)).toEqual(expected);
    expect(decodeCommand(octets.subarray(0, -1), 5)).toEqual(expected);
  });

  test("SSID levels that do not exist count as the next lower one", () => {
    const levelRead = (digit: string) => {
      const low = changed("SSID", Number(digit) >= 5 ? 5 : 4, 1, digit);
      return (decodeCommand(low, 1) as Extract<Command, { kind: "SSID" }>).level;
    };
    expect(["1", "2", "3", "4", "5", "6", "9"].map(levelRead)).toEqual([1, 2, 2, 4, 5, 5, 5]);
  });

  test("an SSID is read by its own level, whatever the session's is", () => {
    for (const level of [1, 2, 4, 5] as const) {
      expect(decodeCommand(octetsOf("SSID", level), 5)).toMatchObject({ kind: "SSID", level });
    }
  });

  test("an ESID of another level", () => {
    expect(decodeCommand(Buffer.from("F03\r"), 5)).toEqual({ kind: "ESID", reason: 3, text: "" });
    expect(decodeCommand(Buffer.from("F03"), 5)).toEqual({ kind: "ESID", reason: 3, text: "" });
    expect(decodeCommand(Buffer.from("F03002no\r"), 1)).toEqual({ kind: "ESID", reason: 3, text: "no" });
  });

  test("blanks for N, blanks in front of numbers, anything in reserved fields, unknown reasons", () => {
    expect(decodeCommand(Buffer.from("4 "), 5)).toMatchObject({ changeDirection: false });
    expect(decodeCommand(Buffer.from("2       77"), 1)).toMatchObject({ restartPosition: 77 });
    expect(decodeCommand(Buffer.from("C\0\xff", "latin1"), 1)).toEqual({ kind: "CDT" });
    expect(decodeCommand(Buffer.from("377Y"), 1)).toMatchObject({ reason: 77 });
  });

  test("names in lower case and in ISO 8859-1, codes that are empty", () => {
    const octets = changed("SFID", 5, 1, "Stückliste.xml            ");
    octets.fill(" ", 56, 81);
    expect(decodeCommand(octets, 5)).toMatchObject({ datasetName: "Stückliste.xml", destination: "" });
  });

  test("text in ISO 8859-1", () => {
    expect(decodeCommand(Buffer.from("599004f\xfcr!", "latin1"), 5)).toMatchObject({ text: "für!" });
  });

  test("SFIDLRECL of an unstructured file", () => {
    expect(decodeCommand(changed("SFID", 5, 107, "00080"), 5)).toMatchObject({
      format: "U",
      maxRecordSize: 0,
    });
  });

  test("short dates are of the century around 2000", () => {
    const date = (digits: string) =>
      (decodeCommand(changed("EERP", 1, 36, digits), 1) as Extract<Command, { kind: "EERP" }>).timestamp.date;
    expect(["800101", "991231", "000229", "791231"].map(date)).toEqual([
      "19800101",
      "19991231",
      "20000229",
      "20791231",
    ]);
  });
});

test("only the payload of DATA shares the memory of the buffer", () => {
  const data = Buffer.from("D\x01x");
  const { payload } = decodeCommand(data, 5) as Extract<Command, { kind: "DATA" }>;
  data.fill(0);
  expect(payload).toEqual(Buffer.alloc(2));
  const auch = Buffer.from("A\0\x01x");
  const { challenge } = decodeCommand(auch, 5) as Extract<Command, { kind: "AUCH" }>;
  auch.fill(0);
  expect(challenge).toEqual(Uint8Array.of(0x78));
});

test("an end response repeats the odd SFID that it answers", () => {
  const octets = changed("SFID", 4, 1, "Stückliste.xml            ");
  octets.write("00000000", 30);
  octets.write("o0013-lower case         ", 81);
  const { datasetName, timestamp, destination, originator } = decodeCommand(octets, 4) as Extract<
    Command,
    { kind: "SFID" }
  >;
  const eerp: Command = {
    kind: "EERP",
    datasetName,
    timestamp,
    destination: originator,
    originator: destination,
    userData: "",
    hash: new Uint8Array(),
    signature: new Uint8Array(),
  };
  for (const level of [1, 2, 4, 5] as const) {
    const again = decodeCommand(encodeCommand(eerp, level), level);
    expect(again).toMatchObject({ datasetName, destination: originator, originator: destination });
  }
});
