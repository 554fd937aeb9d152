import type { CommandKind, ProtocolLevel } from "./command-types.js";

/** The release levels that exist, in rising order. */
export const protocolLevels: readonly ProtocolLevel[] = [1, 2, 4, 5];

/** The command identifier of each command: the first octet of its exchange buffer (RFC 5024 section 5.3). */
export const commandIdentifiers: Readonly<Record<CommandKind, string>> = {
  SSRM: "I",
  SSID: "X",
  SFID: "H",
  SFPA: "2",
  SFNA: "3",
  DATA: "D",
  CDT: "C",
  EFID: "T",
  EFPA: "4",
  EFNA: "5",
  ESID: "F",
  CD: "R",
  EERP: "E",
  NERP: "N",
  RTR: "P",
  SECD: "J",
  AUCH: "A",
  AURP: "S",
};

/** `'D'`: what a data exchange buffer starts with. */
export const DATA_IDENTIFIER = 0x44;

const kinds = new Map(
  Object.entries(commandIdentifiers).map(([kind, character]) => [
    character.charCodeAt(0),
    kind as CommandKind,
  ]),
);

/** The command that an exchange buffer with this first octet holds; undefined when there is none. */
export function commandKindOf(identifier: number): CommandKind | undefined {
  return kinds.get(identifier);
}
