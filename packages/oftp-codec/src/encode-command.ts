import { commandNotInLevelError, fieldError } from "./codec-errors.js";
import { commandFields } from "./command-fields.js";
import type { Command, CommandKind, ProtocolLevel, VirtualFileTime } from "./command-types.js";
import type { CharacterSet, CommandField, FieldContent } from "./field-definition.js";
import { characterSets, isSendableText, MAX_TEXT_OCTETS, withoutPadding } from "./field-text.js";
import { dateProblem, timeProblem } from "./virtual-file-time.js";

/** Options of {@link encodeCommand}. */
export interface EncodeCommandOptions {
  /**
   * The command repeats what another location sent, as an intermediary does with SFID, EERP and NERP: X fields may hold
   * all that {@link decodeCommand} accepts (printable ISO 8859-1, empty codes, dates that do not exist). Default false:
   * what the RFC allows, with printable ASCII in dataset names, passwords and user data.
   */
  readonly relayed?: boolean;
}

/** What a length field of type U(2) counts. */
const MAX_OCTETS = 0xffff;

/** A command whose properties are looked up by the names in the field tables. */
type Values = Readonly<Record<string, unknown>>;

/**
 * The command exchange buffer of a command at a release level, without the stream transmission header (RFC 5024 section
 * 5.3; RFC 2204 for levels 1 and 2). An SSID has the layout of its own `level`. Properties that the level has no field
 * for are left out.
 *
 * Errors: ERR_OFTP_COMMAND_NOT_IN_LEVEL; ERR_OFTP_FIELD_LENGTH (too long, or missing), ERR_OFTP_FIELD_RANGE (a number
 * does not fit), ERR_OFTP_FIELD_CHARACTERS, ERR_OFTP_FIELD_VALUE (none of the values that are allowed), whose
 * `details` name the `command` and the `field`.
 */
export function encodeCommand(
  command: Command,
  level: ProtocolLevel,
  options: EncodeCommandOptions = {},
): Buffer {
  const fields = layoutOf(command, level);
  const values = command as unknown as Values;
  const strict = options.relayed !== true;
  return Buffer.concat(fields.map((field) => encodeField(field, command.kind, values, strict)));
}

/** The fields that a command has when it is sent at `level`. */
export function layoutOf(command: Command, level: ProtocolLevel): readonly CommandField[] {
  const effective = command.kind === "SSID" ? command.level : level;
  const fields = commandFields(command.kind, effective);
  if (fields === undefined) throw commandNotInLevelError(command.kind, effective);
  return fields;
}

/** The octets of one field. */
export function encodeField(field: CommandField, kind: CommandKind, values: Values, strict: boolean): Buffer {
  const { content } = field;
  const size = field.length;
  switch (content.is) {
    case "identifier":
    case "constant":
      return Buffer.from(content.text, "latin1");
    case "reserved":
      return Buffer.alloc(Number(size), " ");
    case "carriageReturn":
      return Buffer.from([0x0d]);
    case "level":
      return digits(values.level as number, 1);
    case "characters":
      return characters(field, kind, content, String(values[content.property]), strict);
    case "number":
      return numeric(field, kind, content, values, strict);
    case "choice":
      return choice(field, kind, content, values[content.property]);
    case "date":
      return date(field, kind, values.timestamp as VirtualFileTime, content.strict && strict);
    case "time":
      return time(field, kind, values.timestamp as VirtualFileTime, content.strict && strict);
    case "lengthOf":
      return lengthOf(field, values[content.property] as string | Uint8Array);
    case "text":
      return text(field, kind, String(values[content.property]), strict);
    case "octets":
      return octets(field, kind, values[content.property] as Uint8Array);
  }
}

function characters(
  field: CommandField,
  kind: CommandKind,
  content: Extract<FieldContent, { is: "characters" }>,
  value: string,
  strict: boolean,
): Buffer {
  const size = Number(field.length);
  const trimmed = withoutPadding(value);
  if (strict && content.required && trimmed === "") {
    throw fieldError("ERR_OFTP_FIELD_LENGTH", kind, field.name, "must not be empty");
  }
  if (trimmed.length > size) {
    throw fieldError(
      "ERR_OFTP_FIELD_LENGTH",
      kind,
      field.name,
      `has ${trimmed.length} characters: at most ${size} fit`,
    );
  }
  const set: CharacterSet = strict ? content.set : "latin";
  const { pattern, says } = characterSets[set];
  if (!pattern.test(trimmed)) throw fieldError("ERR_OFTP_FIELD_CHARACTERS", kind, field.name, says);
  return Buffer.from(trimmed.padEnd(size), "latin1");
}

function numeric(
  field: CommandField,
  kind: CommandKind,
  content: Extract<FieldContent, { is: "number" }>,
  values: Values,
  strict: boolean,
): Buffer {
  const value = values[content.property];
  const { min, max } = content;
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw fieldError(
      "ERR_OFTP_FIELD_RANGE",
      kind,
      field.name,
      `must be a whole number from ${min} to ${max}`,
    );
  }
  if (strict && content.property === "maxRecordSize") checkRecordSize(field, kind, values);
  return digits(value as number, Number(field.length));
}

function checkRecordSize(field: CommandField, kind: CommandKind, values: Values): void {
  const hasRecords = values.format === "F" || values.format === "V";
  if (hasRecords === (values.maxRecordSize !== 0)) return;
  const why = hasRecords ? "must be given for format F or V" : "must be 0 for format U or T";
  throw fieldError("ERR_OFTP_FIELD_RANGE", kind, field.name, why);
}

function choice(
  field: CommandField,
  kind: CommandKind,
  content: Extract<FieldContent, { is: "choice" }>,
  value: unknown,
): Buffer {
  for (const [character, meaning] of content.values) {
    if (meaning === value) return Buffer.from(character, "latin1");
  }
  const allowed = [...content.values.values()].join(", ");
  throw fieldError("ERR_OFTP_FIELD_VALUE", kind, field.name, `must be one of ${allowed}`);
}

function date(field: CommandField, kind: CommandKind, value: VirtualFileTime, strict: boolean): Buffer {
  const short = field.length === 6;
  const problem = dateProblem(value.date, strict, short);
  if (problem !== undefined) throw fieldError("ERR_OFTP_FIELD_VALUE", kind, field.name, problem);
  return Buffer.from(short ? value.date.slice(2) : value.date, "latin1");
}

function time(field: CommandField, kind: CommandKind, value: VirtualFileTime, strict: boolean): Buffer {
  const problem = timeProblem(value.time, strict);
  if (problem !== undefined) throw fieldError("ERR_OFTP_FIELD_VALUE", kind, field.name, problem);
  return Buffer.from(value.time.slice(0, Number(field.length)), "latin1");
}

/** Too large a length is found where the field that it belongs to is encoded. */
function lengthOf(field: CommandField, value: string | Uint8Array): Buffer {
  const length = typeof value === "string" ? Buffer.byteLength(value) : value.length;
  return field.type === "9"
    ? digits(length, Number(field.length))
    : Buffer.from([length >>> 8, length & 0xff]);
}

function text(field: CommandField, kind: CommandKind, value: string, strict: boolean): Buffer {
  if (strict && !isSendableText(value)) {
    throw fieldError("ERR_OFTP_FIELD_CHARACTERS", kind, field.name, "may not hold control characters");
  }
  const bytes = Buffer.from(value);
  if (bytes.length > MAX_TEXT_OCTETS) throw tooLong(field, kind, bytes.length, MAX_TEXT_OCTETS);
  return bytes;
}

function octets(field: CommandField, kind: CommandKind, value: Uint8Array): Buffer {
  if (field.length !== "n" && value.length !== field.length) {
    throw fieldError(
      "ERR_OFTP_FIELD_LENGTH",
      kind,
      field.name,
      `must have ${field.length} octets, not ${value.length}`,
    );
  }
  // The payload of DATA has no length field: its buffer ends with it.
  if (kind !== "DATA" && value.length > MAX_OCTETS) throw tooLong(field, kind, value.length, MAX_OCTETS);
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function tooLong(field: CommandField, kind: CommandKind, length: number, max: number) {
  const why = `has ${length} octets: at most ${max} fit`;
  return fieldError("ERR_OFTP_FIELD_LENGTH", kind, field.name, why);
}

function digits(value: number, length: number): Buffer {
  return Buffer.from(String(value).padStart(length, "0"), "latin1");
}
