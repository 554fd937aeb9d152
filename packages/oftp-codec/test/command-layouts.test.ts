import { describe, expect, test } from "@jest/globals";
import {
  type CommandKind,
  commandFields,
  commandIdentifiers,
  decodeCommand,
  describeCommand,
  encodeCommand,
  protocolLevels,
} from "../src/index.js";
import { sampleOctets, samples } from "./sample-commands.js";

const kinds = Object.keys(commandIdentifiers) as CommandKind[];
const later: Partial<Record<CommandKind, number>> = { NERP: 4, SECD: 5, AUCH: 5, AURP: 5 };

describe.each(protocolLevels)("level %i", (level) => {
  test.each(samples.filter(({ levels }) => levels.includes(level)))("$name", (sample) => {
    const octets = sampleOctets(sample);
    expect(encodeCommand(sample.command, level).toString("latin1")).toBe(octets.toString("latin1"));
    expect(decodeCommand(octets, level)).toEqual(sample.decoded ?? sample.command);
  });

  test("every command that the level has is among the samples", () => {
    const sampled = samples.filter(({ levels }) => levels.includes(level)).map(({ command }) => command.kind);
    expect(new Set(sampled)).toEqual(new Set(kinds.filter((kind) => level >= (later[kind] ?? 1))));
  });

  test("the commands of later levels are refused", () => {
    const refused = expect.objectContaining({ code: "ERR_OFTP_COMMAND_NOT_IN_LEVEL" });
    for (const kind of kinds.filter((kind) => level < (later[kind] ?? 1))) {
      const sample = samples.find(({ command }) => command.kind === kind)!;
      expect(commandFields(kind, level)).toBeUndefined();
      expect(() => encodeCommand(sample.command, level)).toThrow(refused);
      expect(() => decodeCommand(sampleOctets(sample), level)).toThrow(refused);
      expect(() => describeCommand(sample.command, level)).toThrow(refused);
    }
  });

  test.each(kinds)("the positions in the table of %s add up", (kind) => {
    let position: number | undefined = 0;
    for (const field of commandFields(kind, level) ?? []) {
      expect([field.name, field.position]).toEqual([field.name, position]);
      position = field.length === "n" || position === undefined ? undefined : position + field.length;
      expect(field.name.startsWith(kind)).toBe(true);
    }
  });
});

test("the sample's strings are the fields of the table, one by one", () => {
  for (const { name, levels, command, octets } of samples) {
    for (const level of levels) {
      const fields = commandFields(command.kind, level)!;
      octets.forEach((part, index) => {
        const { length } = fields[index]!;
        if (length !== "n")
          expect([name, fields[index]!.name, part.length]).toEqual([name, fields[index]!.name, length]);
      });
    }
  }
});
