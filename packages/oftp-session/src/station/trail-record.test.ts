import { expect, test } from "@jest/globals";
import { decodeCommand, encodeCommand, protocolLevels, type Ssid } from "@waybill/oftp-codec";
import { capturedRecord, trailRecord } from "./trail-record.js";

const ssid: Ssid = {
  kind: "SSID",
  level: 5,
  code: "O0013000000ACME",
  password: "TOPSECRT",
  bufferSize: 32_768,
  capability: "B",
  compression: false,
  restart: true,
  specialLogic: false,
  credit: 99,
  authentication: false,
  userData: "",
};

test.each(protocolLevels)("no password in what is kept, the original untouched: level %i", (level) => {
  const octets = encodeCommand({ ...ssid, level }, level);
  const before = Buffer.from(octets);
  const record = trailRecord({ direction: "sent", at: 0, octets, level, command: { ...ssid, level } });
  expect(Buffer.from(record.octets).toString("latin1")).toBe(
    before.toString("latin1").replace("TOPSECRT", "********"),
  );
  expect(record.fields).toContainEqual({ name: "SSIDPSWD", value: "********" });
  // It is on its way to the partner.
  expect(Buffer.from(octets)).toEqual(before);
});

test("an SSID that cannot be decoded, or is cut off, is masked all the same", () => {
  const octets = encodeCommand(ssid, 5);
  octets[1] = 0x21;
  for (const length of [octets.length, 30]) {
    const part = octets.subarray(0, length);
    expect(() => decodeCommand(part, 5)).toThrow();
    const record = capturedRecord({ direction: "received", at: 0, octets: part, level: 5 });
    expect(record).toMatchObject({ kind: "SSID", fields: undefined, length });
    expect(Buffer.from(record.octets).toString("latin1")).not.toMatch(/TOP/);
  }
});

test("of DATA there is the length only, and of what is no command the beginning", () => {
  const data = Buffer.from("Dsome content of a file");
  const record = capturedRecord({ direction: "sent", at: 0, octets: data, level: 5 });
  expect(record).toMatchObject({ kind: "DATA", length: data.length, octets: Uint8Array.of(0x44) });
  const other = capturedRecord({
    direction: "received",
    at: 0,
    octets: Buffer.from("GET / HTTP/1.1"),
    level: 5,
  });
  expect(other).toMatchObject({ kind: undefined, fields: undefined, length: 14 });
  expect(Buffer.from(other.octets).toString()).toBe("GET / HT");
});
