import { randomUUID } from "node:crypto";
import { TransferError } from "@waybill/net-core";
import type { VirtualFileId } from "@waybill/oftp-codec";
import { type DateParts, parseDateFormat } from "./date-format.js";
import { safeFileName } from "./safe-file-name.js";

/** What a name can be made of. */
export interface ReceivedFileFacts {
  readonly sfid: VirtualFileId & { readonly userData: string };
  /** Default: the system's time. Shown in local time. */
  readonly now?: Date;
  /** Default: a new one. */
  readonly guid?: string;
}

/** The default pattern. */
export const DEFAULT_NAME_PATTERN = "%VirtualFileName%";
/** Date, time and counter: the whole stamp of a virtual file. For the current time: down to 0.1 ms. */
const DEFAULT_DATE_FORMAT = "yyyyMMddHHmmssffff";

type Piece = string | ((facts: ReceivedFileFacts) => string);

const MACROS: Readonly<Record<string, (facts: ReceivedFileFacts) => string>> = {
  virtualfilename: ({ sfid }) => sfid.datasetName,
  originator: ({ sfid }) => sfid.originator,
  destination: ({ sfid }) => sfid.destination,
  userdata: ({ sfid }) => sfid.userData,
  guid: ({ guid }) => guid ?? randomUUID(),
};
const DATE_MACROS: Readonly<Record<string, (facts: ReceivedFileFacts) => DateParts>> = {
  virtualfiledate: ({ sfid }) => virtualFileDate(sfid.timestamp.date, sfid.timestamp.time),
  currenttime: ({ now }) => localTime(now ?? new Date()),
};

/**
 * The name under which a received file is kept, from a pattern: text and `%VirtualFileName%`, `%VirtualFileDate%`,
 * `%Originator%`, `%Destination%`, `%UserData%`, `%CurrentTime%`, `%GUID%`; `%%` is a percent sign. The two times take a format,
 * as in `%VirtualFileDate:yyyyMMdd%`, whose `ffff` is the file's counter; the default is `yyyyMMddHHmmssffff`.
 * Upper and lower case of macros do not matter.
 *
 * The result is safe, see `safeFileName`: no partner can name a place outside the folder. It may be taken already.
 * Errors: `ERR_OFTP_NAME_PATTERN`, which {@link checkNamePattern} finds earlier.
 */
export function receivedFileName(pattern: string, facts: ReceivedFileFacts): string {
  const pieces = parsePattern(pattern);
  return safeFileName(
    pieces.map((piece) => (typeof piece === "string" ? piece : piece(facts).trim())).join(""),
  );
}

/** Refuses a pattern that {@link receivedFileName} does not understand. Errors: `ERR_OFTP_NAME_PATTERN`. */
export function checkNamePattern(pattern: string): string {
  parsePattern(pattern);
  return pattern;
}

function parsePattern(pattern: string): Piece[] {
  if (pattern === "") throw patternError(pattern, "it is empty");
  const pieces: Piece[] = [];
  let at = 0;
  for (;;) {
    const start = pattern.indexOf("%", at);
    pieces.push(literal(pattern, pattern.slice(at, start < 0 ? undefined : start)));
    if (start < 0) return pieces;
    const end = pattern.indexOf("%", start + 1);
    if (end < 0) throw patternError(pattern, "a percent sign has no second one (%% means one)");
    pieces.push(macro(pattern, pattern.slice(start + 1, end)));
    at = end + 1;
  }
}

function literal(pattern: string, text: string): string {
  if (!/[/\\]/.test(text)) return text;
  throw patternError(pattern, "it names a folder; a name must not have / or \\");
}

function macro(pattern: string, text: string): Piece {
  if (text === "") return "%";
  const colon = text.indexOf(":");
  const name = (colon < 0 ? text : text.slice(0, colon)).toLowerCase();
  const dated = Object.hasOwn(DATE_MACROS, name) ? DATE_MACROS[name] : undefined;
  if (dated !== undefined) {
    const format = parseDateFormat(colon < 0 ? DEFAULT_DATE_FORMAT : text.slice(colon + 1));
    if ("problem" in format)
      throw patternError(pattern, `the format of %${text}% is wrong: ${format.problem}`);
    return (facts) => format.format(dated(facts));
  }
  const plain = Object.hasOwn(MACROS, name) ? MACROS[name] : undefined;
  if (plain === undefined) throw patternError(pattern, `%${text}% is unknown`);
  if (colon >= 0) throw patternError(pattern, `%${text}% has a format, which only dates take`);
  return plain;
}

function patternError(pattern: string, problem: string): TransferError {
  const message = `The name pattern ${JSON.stringify(pattern)} cannot be used: ${problem}`;
  return new TransferError("ERR_OFTP_NAME_PATTERN", message, { details: { pattern } });
}

function virtualFileDate(date: string, time: string): DateParts {
  return {
    year: Number(date.slice(0, 4)),
    month: Number(date.slice(4, 6)),
    day: Number(date.slice(6, 8)),
    hours: Number(time.slice(0, 2)),
    minutes: Number(time.slice(2, 4)),
    seconds: Number(time.slice(4, 6)),
    fraction: time.slice(6),
  };
}

function localTime(moment: Date): DateParts {
  return {
    year: moment.getFullYear(),
    month: moment.getMonth() + 1,
    day: moment.getDate(),
    hours: moment.getHours(),
    minutes: moment.getMinutes(),
    seconds: moment.getSeconds(),
    fraction: String(moment.getMilliseconds()).padStart(3, "0"),
  };
}
