import type { CommandKind, ProtocolLevel } from "./command-types.js";
import { endResponseLayouts } from "./end-response-fields.js";
import {
  type CommandField,
  type CommandLayout,
  type CommandLayouts,
  carriageReturn,
  choice,
  code,
  constant,
  datasetName,
  date,
  field,
  flag,
  identifier,
  lengthOf,
  number,
  octets,
  optional,
  password,
  releaseLevel,
  reserved,
  text,
  time,
} from "./field-definition.js";

// The tables of RFC 5024 section 5.3, row by row: position, field, format. Where earlier releases differ, their table
// stands above: "level 1" is that of RFC 2204, and also level 2; "level 4" is release 1.4.

/** 17 digits, of which a number holds the first 2^53 - 1. */
const LARGEST = Number.MAX_SAFE_INTEGER;

const fileFormat = choice("format", { F: "F", V: "V", U: "U", T: "T" });

const ssrm = [
  field(0, "SSRMCMD", "F X(1)", identifier("I")),
  field(1, "SSRMMSG", "F X(17)", constant("ODETTE FTP READY ")),
  field(18, "SSRMCR", "F X(1)", carriageReturn),
];

const ssidBeginning = [
  field(0, "SSIDCMD", "F X(1)", identifier("X")),
  field(1, "SSIDLEV", "F 9(1)", releaseLevel),
  field(2, "SSIDCODE", "V X(25)", code("code")),
  field(27, "SSIDPSWD", "V X(8)", password),
  field(35, "SSIDSDEB", "V 9(5)", number("bufferSize", 128, 99999)),
  field(40, "SSIDSR", "F X(1)", choice("capability", { S: "S", R: "R", B: "B" })),
  field(41, "SSIDCMPR", "F X(1)", flag("compression")),
  field(42, "SSIDREST", "F X(1)", flag("restart")),
  field(43, "SSIDSPEC", "F X(1)", flag("specialLogic")),
  field(44, "SSIDCRED", "V 9(3)", number("credit", 1, 999)),
];

const ssidEnd = [
  field(52, "SSIDUSER", "V X(8)", optional("userData")),
  field(60, "SSIDCR", "F X(1)", carriageReturn),
];

const ssidLevel1 = [...ssidBeginning, field(47, "SSIDRSV1", "F X(5)", reserved), ...ssidEnd];

const ssidLevel5 = [
  ...ssidBeginning,
  field(47, "SSIDAUTH", "F X(1)", flag("authentication")),
  field(48, "SSIDRSV1", "F X(4)", reserved),
  ...ssidEnd,
];

const sfidLevel1 = [
  field(0, "SFIDCMD", "F X(1)", identifier("H")),
  field(1, "SFIDDSN", "V X(26)", datasetName),
  field(27, "SFIDRSV1", "F X(9)", reserved),
  field(36, "SFIDDATE", "V 9(6)", date),
  field(42, "SFIDTIME", "V 9(6)", time),
  field(48, "SFIDUSER", "V X(8)", optional("userData")),
  field(56, "SFIDDEST", "V X(25)", code("destination")),
  field(81, "SFIDORIG", "V X(25)", code("originator")),
  field(106, "SFIDFMT", "F X(1)", fileFormat),
  field(107, "SFIDLRECL", "V 9(5)", number("maxRecordSize", 0, 99999)),
  field(112, "SFIDFSIZ", "V 9(7)", number("fileSize", 0, 9999999)),
  field(119, "SFIDREST", "V 9(9)", number("restartPosition", 0, 999999999)),
];

const sfidBeginning = [
  field(0, "SFIDCMD", "F X(1)", identifier("H")),
  field(1, "SFIDDSN", "V X(26)", datasetName),
  field(27, "SFIDRSV1", "F X(3)", reserved),
  field(30, "SFIDDATE", "V 9(8)", date),
  field(38, "SFIDTIME", "V 9(10)", time),
  field(48, "SFIDUSER", "V X(8)", optional("userData")),
  field(56, "SFIDDEST", "V X(25)", code("destination")),
  field(81, "SFIDORIG", "V X(25)", code("originator")),
  field(106, "SFIDFMT", "F X(1)", fileFormat),
  field(107, "SFIDLRECL", "V 9(5)", number("maxRecordSize", 0, 99999)),
];

const sfidLevel4 = [
  ...sfidBeginning,
  field(112, "SFIDFSIZ", "V 9(7)", number("fileSize", 0, 9999999)),
  field(119, "SFIDREST", "V 9(9)", number("restartPosition", 0, 999999999)),
];

const sfidLevel5 = [
  ...sfidBeginning,
  field(112, "SFIDFSIZ", "V 9(13)", number("fileSize", 0, 9999999999999)),
  field(125, "SFIDOSIZ", "V 9(13)", number("originalFileSize", 0, 9999999999999)),
  field(138, "SFIDREST", "V 9(17)", number("restartPosition", 0, LARGEST)),
  field(155, "SFIDSEC", "F 9(2)", number("securityLevel", 0, 3)),
  field(157, "SFIDCIPH", "F 9(2)", number("cipherSuite", 0, 99)),
  field(159, "SFIDCOMP", "F 9(1)", number("compression", 0, 1)),
  field(160, "SFIDENV", "F 9(1)", number("envelope", 0, 1)),
  field(161, "SFIDSIGN", "F X(1)", flag("signedReceipt")),
  field(162, "SFIDDESCL", "V 9(3)", lengthOf("description")),
  field(165, "SFIDDESC", "V T(n)", text("description")),
];

const sfpaLevel1 = [
  field(0, "SFPACMD", "F X(1)", identifier("2")),
  field(1, "SFPAACNT", "V 9(9)", number("restartPosition", 0, 999999999)),
];

const sfpaLevel5 = [
  field(0, "SFPACMD", "F X(1)", identifier("2")),
  field(1, "SFPAACNT", "V 9(17)", number("restartPosition", 0, LARGEST)),
];

const sfnaLevel1 = [
  field(0, "SFNACMD", "F X(1)", identifier("3")),
  field(1, "SFNAREAS", "F 9(2)", number("reason", 0, 99)),
  field(3, "SFNARRTR", "F X(1)", flag("retry")),
];

const sfnaLevel5 = [
  ...sfnaLevel1,
  field(4, "SFNAREASL", "V 9(3)", lengthOf("text")),
  field(7, "SFNAREAST", "V T(n)", text("text")),
];

const data = [
  field(0, "DATACMD", "F X(1)", identifier("D")),
  field(1, "DATABUF", "V U(n)", octets("payload")),
];

const cdt = [field(0, "CDTCMD", "F X(1)", identifier("C")), field(1, "CDTRSV1", "F X(2)", reserved)];

const efidLevel1 = [
  field(0, "EFIDCMD", "F X(1)", identifier("T")),
  field(1, "EFIDRCNT", "V 9(9)", number("recordCount", 0, 999999999)),
  field(10, "EFIDUCNT", "V 9(12)", number("unitCount", 0, 999999999999)),
];

const efidLevel5 = [
  field(0, "EFIDCMD", "F X(1)", identifier("T")),
  field(1, "EFIDRCNT", "V 9(17)", number("recordCount", 0, LARGEST)),
  field(18, "EFIDUCNT", "V 9(17)", number("unitCount", 0, LARGEST)),
];

const efpa = [
  field(0, "EFPACMD", "F X(1)", identifier("4")),
  field(1, "EFPACD", "F X(1)", flag("changeDirection")),
];

const efnaLevel1 = [
  field(0, "EFNACMD", "F X(1)", identifier("5")),
  field(1, "EFNAREAS", "F 9(2)", number("reason", 0, 99)),
];

const efnaLevel5 = [
  ...efnaLevel1,
  field(3, "EFNAREASL", "V 9(3)", lengthOf("text")),
  field(6, "EFNAREAST", "V T(n)", text("text")),
];

const esidLevel1 = [
  field(0, "ESIDCMD", "F X(1)", identifier("F")),
  field(1, "ESIDREAS", "F 9(2)", number("reason", 0, 99)),
  field(3, "ESIDCR", "F X(1)", carriageReturn),
];

const esidLevel5 = [
  field(0, "ESIDCMD", "F X(1)", identifier("F")),
  field(1, "ESIDREAS", "F 9(2)", number("reason", 0, 99)),
  field(3, "ESIDREASL", "V 9(3)", lengthOf("text")),
  field(6, "ESIDREAST", "V T(n)", text("text")),
  field(undefined, "ESIDCR", "F X(1)", carriageReturn),
];

const cd = [field(0, "CDCMD", "F X(1)", identifier("R"))];
const rtr = [field(0, "RTRCMD", "F X(1)", identifier("P"))];
const secd = [field(0, "SECDCMD", "F X(1)", identifier("J"))];

const auch = [
  field(0, "AUCHCMD", "F X(1)", identifier("A")),
  field(1, "AUCHCHLL", "V U(2)", lengthOf("challenge")),
  field(3, "AUCHCHAL", "V U(n)", octets("challenge")),
];

const aurp = [
  field(0, "AURPCMD", "F X(1)", identifier("S")),
  field(1, "AURPRSP", "V U(20)", octets("response")),
];

/** Every command's fields at every level that has it. */
export const commandLayouts: CommandLayouts = {
  SSRM: everyLevel(ssrm),
  SSID: { 1: ssidLevel1, 2: ssidLevel1, 4: ssidLevel1, 5: ssidLevel5 },
  SFID: { 1: sfidLevel1, 2: sfidLevel1, 4: sfidLevel4, 5: sfidLevel5 },
  SFPA: { 1: sfpaLevel1, 2: sfpaLevel1, 4: sfpaLevel1, 5: sfpaLevel5 },
  SFNA: { 1: sfnaLevel1, 2: sfnaLevel1, 4: sfnaLevel1, 5: sfnaLevel5 },
  DATA: everyLevel(data),
  CDT: everyLevel(cdt),
  EFID: { 1: efidLevel1, 2: efidLevel1, 4: efidLevel1, 5: efidLevel5 },
  EFPA: everyLevel(efpa),
  EFNA: { 1: efnaLevel1, 2: efnaLevel1, 4: efnaLevel1, 5: efnaLevel5 },
  ESID: { 1: esidLevel1, 2: esidLevel1, 4: esidLevel1, 5: esidLevel5 },
  CD: everyLevel(cd),
  ...endResponseLayouts,
  RTR: everyLevel(rtr),
  SECD: { 5: secd },
  AUCH: { 5: auch },
  AURP: { 5: aurp },
};

/**
 * The fields of a command as the tables of RFC 5024 section 5.3 (RFC 2204 for levels 1 and 2) list them; undefined when
 * the level does not have the command.
 */
export function commandFields(kind: CommandKind, level: ProtocolLevel): readonly CommandField[] | undefined {
  return commandLayouts[kind][level];
}

function everyLevel(fields: readonly CommandField[]): CommandLayout {
  return { 1: fields, 2: fields, 4: fields, 5: fields };
}
