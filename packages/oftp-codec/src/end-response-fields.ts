import type { CommandKind } from "./command-types.js";
import {
  type CommandLayout,
  code,
  field,
  identifier,
  lengthOf,
  number,
  octets,
  repeated,
  repeatedDate,
  repeatedTime,
  reserved,
  text,
} from "./field-definition.js";

// EERP and NERP (RFC 5024 sections 5.3.13 and 5.3.14). What names the file is repeated as the SFID had it, so it may
// hold whatever was accepted there.

const eerpLevel1 = [
  field(0, "EERPCMD", "F X(1)", identifier("E")),
  field(1, "EERPDSN", "V X(26)", repeated("datasetName")),
  field(27, "EERPRSV1", "F X(9)", reserved),
  field(36, "EERPDATE", "V 9(6)", repeatedDate),
  field(42, "EERPTIME", "V 9(6)", repeatedTime),
  field(48, "EERPUSER", "V X(8)", repeated("userData")),
  field(56, "EERPDEST", "V X(25)", repeated("destination")),
  field(81, "EERPORIG", "V X(25)", repeated("originator")),
];

const eerpLevel4 = [
  field(0, "EERPCMD", "F X(1)", identifier("E")),
  field(1, "EERPDSN", "V X(26)", repeated("datasetName")),
  field(27, "EERPRSV1", "F X(3)", reserved),
  field(30, "EERPDATE", "V 9(8)", repeatedDate),
  field(38, "EERPTIME", "V 9(10)", repeatedTime),
  field(48, "EERPUSER", "V X(8)", repeated("userData")),
  field(56, "EERPDEST", "V X(25)", repeated("destination")),
  field(81, "EERPORIG", "V X(25)", repeated("originator")),
];

const eerpLevel5 = [
  ...eerpLevel4,
  field(106, "EERPHSHL", "V U(2)", lengthOf("hash")),
  field(108, "EERPHSH", "V U(n)", octets("hash")),
  field(undefined, "EERPSIGL", "V U(2)", lengthOf("signature")),
  field(undefined, "EERPSIG", "V U(n)", octets("signature")),
];

const nerpLevel4 = [
  field(0, "NERPCMD", "F X(1)", identifier("N")),
  field(1, "NERPDSN", "V X(26)", repeated("datasetName")),
  field(27, "NERPRSV1", "F X(6)", reserved),
  field(33, "NERPDATE", "V 9(8)", repeatedDate),
  field(41, "NERPTIME", "V 9(10)", repeatedTime),
  field(51, "NERPDEST", "V X(25)", repeated("destination")),
  field(76, "NERPORIG", "V X(25)", repeated("originator")),
  field(101, "NERPCREA", "V X(25)", code("creator")),
  field(126, "NERPREAS", "F 9(2)", number("reason", 0, 99)),
];

const nerpLevel5 = [
  ...nerpLevel4,
  field(128, "NERPREASL", "V 9(3)", lengthOf("text")),
  field(131, "NERPREAST", "V T(n)", text("text")),
  field(undefined, "NERPHSHL", "V U(2)", lengthOf("hash")),
  field(undefined, "NERPHSH", "V U(n)", octets("hash")),
  field(undefined, "NERPSIGL", "V U(2)", lengthOf("signature")),
  field(undefined, "NERPSIG", "V U(n)", octets("signature")),
];

/** The layouts of the end responses. NERP came with level 4. */
export const endResponseLayouts = {
  EERP: { 1: eerpLevel1, 2: eerpLevel1, 4: eerpLevel4, 5: eerpLevel5 },
  NERP: { 4: nerpLevel4, 5: nerpLevel5 },
} satisfies Partial<Record<CommandKind, CommandLayout>>;
