import { protocolError } from "./scp-errors.js";

/** The longest control line that is read, without its line break. */
export const MAX_CONTROL_LINE = 64 * 1024;
/** The last second that a `Date` can hold. */
const MAX_SECONDS = 8_640_000_000_000;
const MAX_MICROSECONDS = 999_999;
const MODE_BITS = 0o7777;
const LINE_BREAK = 0x0a;

/** The replies of the protocol, and the status byte after a file's body. */
export const REPLY_OK = 0;
export const REPLY_WARNING = 1;
export const REPLY_FATAL = 2;

export const OK_BYTE: Buffer = Buffer.from([REPLY_OK]);
export const END_LINE: Buffer = Buffer.from("E\n");

/** A point in time as `T` lines carry it. */
export interface WireTime {
  readonly seconds: number;
  readonly microseconds: number;
}

/** `T`: the times of the file or folder that the next line announces. */
export interface WireTimes {
  readonly modified: WireTime;
  readonly accessed: WireTime;
}

/** What `C` and `D` lines announce. The name is bytes: the protocol knows no character set. */
export interface EntryHeader {
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  /** Bytes of the body. Without a meaning for folders, where it is 0. */
  readonly size: number;
  readonly name: Uint8Array;
}

/** One control line, from the source to the sink. */
export type ControlLine =
  | ({ readonly kind: "times" } & WireTimes)
  | ({ readonly kind: "file" } & EntryHeader)
  | ({ readonly kind: "directory" } & EntryHeader)
  | { readonly kind: "end" }
  | { readonly kind: "warning"; readonly text: string }
  | { readonly kind: "fatal"; readonly text: string };

const ENTRY_LINE = /^[CD]([0-7]{4}) ([0-9]{1,20}) (.+)$/s;
const TIMES_LINE = /^T([0-9]{1,20}) ([0-9]{1,6}) ([0-9]{1,20}) ([0-9]{1,6})$/;

/** Writes a `C` (file) or `D` (folder) line. Errors: `ERR_SCP_PROTOCOL` for what the protocol cannot carry. */
export function encodeEntry(kind: "file" | "directory", header: EntryHeader): Buffer {
  const { mode, size, name } = header;
  if (!Number.isSafeInteger(size) || size < 0) throw protocolError(`a size of ${size} cannot be sent`);
  if (!Number.isInteger(mode) || mode < 0 || mode > MODE_BITS)
    throw protocolError(`a mode of ${mode} cannot be sent`);
  if (name.length === 0 || name.includes(LINE_BREAK) || name.includes(0))
    throw protocolError("an empty name, or one with a line break or NUL in it, cannot be sent");
  const letter = kind === "file" ? "C" : "D";
  const head = `${letter}${mode.toString(8).padStart(4, "0")} ${size} `;
  return Buffer.concat([Buffer.from(head, "latin1"), name, Buffer.from("\n")]);
}

/** Writes a `T` line. Times before 1970 become 1970, as the protocol has no sign. */
export function encodeTimes(times: WireTimes): Buffer {
  const field = ({ seconds, microseconds }: WireTime) => {
    const early = seconds < 0;
    return `${early ? 0 : Math.min(seconds, MAX_SECONDS)} ${early ? 0 : microseconds}`;
  };
  return Buffer.from(`T${field(times.modified)} ${field(times.accessed)}\n`, "latin1");
}

/** Writes a warning: the answer that refuses one file or folder, or the status after a body that is not what it should be. */
export function encodeWarning(text: string): Buffer {
  return Buffer.from(`\u0001scp: ${text.replaceAll("\n", " ").replaceAll("\0", " ")}\n`);
}

/**
 * Reads one control line, without its line break. Strict: whatever OpenSSH's `scp` does not send is refused.
 * Errors: `ERR_SCP_PROTOCOL`.
 */
export function decodeControlLine(line: Buffer): ControlLine {
  switch (line[0]) {
    case REPLY_WARNING:
      return { kind: "warning", text: line.toString("utf8", 1) };
    case REPLY_FATAL:
      return { kind: "fatal", text: line.toString("utf8", 1) };
    case 0x43:
      return { kind: "file", ...decodeEntry(line) };
    case 0x44:
      return { kind: "directory", ...decodeEntry(line) };
    case 0x45:
      if (line.length === 1) return { kind: "end" };
      break;
    case 0x54:
      return { kind: "times", ...decodeTimes(line) };
  }
  throw protocolError("the server sent something that is no control line of the SCP protocol");
}

function decodeEntry(line: Buffer): EntryHeader {
  const match = ENTRY_LINE.exec(line.toString("latin1"));
  if (match === null) throw protocolError("the server announced a file or folder in a malformed line");
  const [, mode = "", size = "", name = ""] = match;
  return {
    mode: Number.parseInt(mode, 8),
    size: decodeNumber(size, Number.MAX_SAFE_INTEGER, "size"),
    name: line.subarray(line.length - name.length),
  };
}

function decodeTimes(line: Buffer): WireTimes {
  const match = TIMES_LINE.exec(line.toString("latin1"));
  if (match === null) throw protocolError("the server sent times in a malformed line");
  const time = (seconds = "", microseconds = ""): WireTime => ({
    seconds: decodeNumber(seconds, MAX_SECONDS, "time"),
    microseconds: decodeNumber(microseconds, MAX_MICROSECONDS, "time"),
  });
  return { modified: time(match[1], match[2]), accessed: time(match[3], match[4]) };
}

function decodeNumber(digits: string, most: number, what: string): number {
  const value = Number(digits);
  if (value > most) throw protocolError(`the server sent a ${what} that is too large: ${digits}`);
  return value;
}
