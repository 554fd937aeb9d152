import { describe, expect, test } from "@jest/globals";
import { isTransferError } from "@waybill/net-core";
import fc from "fast-check";
import {
  type Command,
  type CommandKind,
  commandFields,
  commandIdentifiers,
  decodeCommand,
  describeCommand,
  encodeCommand,
  endReasonOf,
  type ProtocolLevel,
  protocolLevels,
} from "../src/index.js";
import { sampleOctets, samples } from "./sample-commands.js";

const CODE = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ/-.&() ";
const ASCII = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 0x20 + index));

const characters = (set: string, minLength: number, maxLength: number) =>
  fc
    .string({ unit: fc.constantFrom(...set), minLength, maxLength })
    .filter((text) => text.trimEnd() === text && text.length >= minLength);

const code = characters(CODE, 1, 25);
const userData = characters(ASCII, 0, 8);
const text = fc.string({ unit: fc.constantFrom(...ASCII, "é", "€", "😀", "\n"), maxLength: 240 });
const octets = (max: number) => fc.uint8Array({ maxLength: max });
const upTo = (max: number) => fc.oneof(fc.nat({ max }), fc.constantFrom(0, max));
const timestamp = fc
  .date({ min: new Date("1980-01-01T00:00:00Z"), max: new Date("2079-12-31T00:00:00Z"), noInvalidDate: true })
  .map((date) => {
    const digits = date.toISOString().replace(/\D/g, "");
    return { date: digits.slice(0, 8), time: `${digits.slice(8, 14)}0000` };
  });
const fileId = { datasetName: characters(ASCII, 1, 26), timestamp, destination: code, originator: code };
const none = fc.constant("");
const noOctets = fc.constant(new Uint8Array());

/** Commands that lose nothing at a level. */
function commandsAt(level: ProtocolLevel): fc.Arbitrary<Command> {
  const new5 = <T>(value: fc.Arbitrary<T>, before: fc.Arbitrary<T>) => (level === 5 ? value : before);
  const position = upTo(level === 5 ? Number.MAX_SAFE_INTEGER : 999999999);
  const reason = fc.nat({ max: 99 });
  const sfid = fc
    .record({
      kind: fc.constant("SFID" as const),
      ...fileId,
      userData,
      format: fc.constantFrom("F", "V", "U", "T"),
      maxRecordSize: fc.integer({ min: 1, max: 99999 }),
      fileSize: upTo(level === 5 ? 9999999999999 : 9999999),
      originalFileSize: upTo(9999999999999),
      restartPosition: position,
      securityLevel: new5(fc.constantFrom(0, 1, 2, 3), fc.constant(0)),
      cipherSuite: new5(fc.nat({ max: 99 }), fc.constant(0)),
      compression: new5(fc.constantFrom(0, 1), fc.constant(0)),
      envelope: new5(fc.constantFrom(0, 1), fc.constant(0)),
      signedReceipt: new5(fc.boolean(), fc.constant(false)),
      description: new5(text, none),
    })
    .map((value) => ({
      ...value,
      maxRecordSize: value.format === "U" || value.format === "T" ? 0 : value.maxRecordSize,
      originalFileSize: level === 5 ? value.originalFileSize : value.fileSize,
    }));
  const ssid = fc.record({
    kind: fc.constant("SSID"),
    level: fc.constant(level),
    code,
    password: characters(ASCII, 0, 8),
    bufferSize: fc.integer({ min: 128, max: 99999 }),
    capability: fc.constantFrom("S", "R", "B"),
    compression: fc.boolean(),
    restart: fc.boolean(),
    specialLogic: fc.boolean(),
    credit: fc.integer({ min: 1, max: 999 }),
    authentication: new5(fc.boolean(), fc.constant(false)),
    userData,
  });
  const response = { hash: new5(octets(80), noOctets), signature: new5(octets(3000), noOctets) };
  const all: Record<CommandKind, fc.Arbitrary<unknown>> = {
    SSRM: fc.constant({ kind: "SSRM" }),
    SSID: ssid,
    SFID: sfid,
    SFPA: fc.record({ kind: fc.constant("SFPA"), restartPosition: position }),
    SFNA: fc.record({ kind: fc.constant("SFNA"), reason, retry: fc.boolean(), text: new5(text, none) }),
    DATA: fc.record({ kind: fc.constant("DATA"), payload: octets(200) }),
    CDT: fc.constant({ kind: "CDT" }),
    EFID: fc.record({ kind: fc.constant("EFID"), recordCount: position, unitCount: position }),
    EFPA: fc.record({ kind: fc.constant("EFPA"), changeDirection: fc.boolean() }),
    EFNA: fc.record({ kind: fc.constant("EFNA"), reason, text: new5(text, none) }),
    ESID: fc.record({ kind: fc.constant("ESID"), reason, text: new5(text, none) }),
    CD: fc.constant({ kind: "CD" }),
    EERP: fc.record({ kind: fc.constant("EERP"), ...fileId, userData, ...response }),
    NERP: fc.record({
      kind: fc.constant("NERP"),
      ...fileId,
      creator: code,
      reason,
      text: new5(text, none),
      ...response,
    }),
    RTR: fc.constant({ kind: "RTR" }),
    SECD: fc.constant({ kind: "SECD" }),
    AUCH: fc.record({ kind: fc.constant("AUCH"), challenge: octets(3000) }),
    AURP: fc.record({ kind: fc.constant("AURP"), response: fc.uint8Array({ minLength: 20, maxLength: 20 }) }),
  };
  const kinds = Object.keys(all) as CommandKind[];
  const present = kinds.filter((kind) => commandFields(kind, level) !== undefined).map((kind) => all[kind]);
  return fc.oneof(...present) as fc.Arbitrary<Command>;
}

describe.each(protocolLevels)("level %i", (level) => {
  test("what was encoded is decoded", () => {
    fc.assert(
      fc.property(commandsAt(level), (command) => {
        expect(decodeCommand(encodeCommand(command, level), level)).toEqual(command);
        expect(encodeCommand(command, level)[0]).toBe(commandIdentifiers[command.kind].charCodeAt(0));
        expect(JSON.stringify(describeCommand(command, level))).not.toContain("undefined");
      }),
      { numRuns: 1500 },
    );
  });

  test("any octets give a command, which can be encoded again, or a typed error with a reason", () => {
    const anything = fc.uint8Array({ maxLength: 300 });
    const identified = fc
      .tuple(fc.constantFrom(...Object.values(commandIdentifiers)), anything)
      .map(([first, rest]) => Buffer.concat([Buffer.from(first), rest]));
    const mutated = fc
      .tuple(
        fc.constantFrom(...samples.filter(({ levels }) => levels.includes(level)).map(sampleOctets)),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
        fc.nat({ max: 3 }),
      )
      .map(([octets, edits, cut]) => {
        const changed = Buffer.from(octets.subarray(0, Math.max(0, octets.length - (cut === 1 ? 1 : 0))));
        for (const [at, value] of edits) if (changed.length > 0) changed[at % changed.length] = value;
        return changed;
      });
    let decoded = 0;
    fc.assert(
      fc.property(fc.oneof(anything, identified, mutated), (octets) => {
        let command: Command;
        try {
          command = decodeCommand(octets, level);
        } catch (error) {
          if (!isTransferError(error)) throw error;
          expect([1, 6, 7]).toContain(endReasonOf(error));
          return;
        }
        decoded += 1;
        const again = encodeCommand(command, level, { relayed: true });
        expect(decodeCommand(again, level)).toEqual(command);
      }),
      { numRuns: 3000 },
    );
    expect(decoded).toBeGreaterThan(100);
  });
});
