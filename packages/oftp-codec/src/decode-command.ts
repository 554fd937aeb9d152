import {
  bufferLengthError,
  commandNotInLevelError,
  commandUnknownError,
  fieldError,
} from "./codec-errors.js";
import { commandKindOf, DATA_IDENTIFIER } from "./command-codes.js";
import { commandFields } from "./command-fields.js";
import type { Command, CommandKind, ProtocolLevel } from "./command-types.js";
import type { CommandField } from "./field-definition.js";
import { decodeText, isPrintable, withoutPadding } from "./field-text.js";
import { fullDate, fullTime } from "./virtual-file-time.js";

/** The property values of fields that a level does not have. */
const unused: Readonly<Partial<Record<CommandKind, Readonly<Record<string, unknown>>>>> = {
  SSID: { authentication: false },
  SFID: {
    securityLevel: 0,
    cipherSuite: 0,
    compression: 0,
    envelope: 0,
    signedReceipt: false,
    description: "",
  },
  SFNA: { text: "" },
  EFNA: { text: "" },
  ESID: { text: "" },
  EERP: { hash: new Uint8Array(), signature: new Uint8Array() },
  NERP: { text: "", hash: new Uint8Array(), signature: new Uint8Array() },
};

/**
 * The command in an exchange buffer (without its stream transmission header), read by the layout of a release level.
 * The payload of DATA shares the memory of `buffer`; everything else is copied.
 *
 * An SSID has the layout of the level that it names, and SSRM is the same at all levels, so both can be read before a
 * level is negotiated. Level 3 in an SSID counts as 2 and 6 to 9 as 5, so that the lower level can be chosen.
 *
 * Liberal where it does no harm: 0D and 8D both end a command, and a missing carriage return at its end is accepted; an
 * ESID may have the layout of another level (it may come before the level is agreed); an indicator that is blank is N;
 * numbers may be padded with spaces on the left; reserved fields may hold anything; X fields may hold any printable
 * ISO 8859-1; text that is no UTF-8 is read as ISO 8859-1; reason codes that the RFC does not list are kept;
 * SFIDLRECL of U and T is taken as 0.
 *
 * Errors ({@link endReasonOf} gives the reason of the ESID for each): ERR_OFTP_COMMAND_UNKNOWN,
 * ERR_OFTP_COMMAND_NOT_IN_LEVEL, ERR_OFTP_BUFFER_LENGTH (too short or too long for the command) and
 * ERR_OFTP_FIELD_INVALID (`details.field` says which field): control characters, no digits, values that are not allowed,
 * a buffer size below 128, credit 0, and counts above 2^53 - 1.
 */
export function decodeCommand(buffer: Uint8Array, level: ProtocolLevel): Command {
  const first = buffer[0];
  if (first === undefined) throw bufferLengthError("a command", 0);
  if (first === DATA_IDENTIFIER) return { kind: "DATA", payload: buffer.subarray(1) };
  const kind = commandKindOf(first);
  if (kind === undefined) throw commandUnknownError(first);
  const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const effective = levelOf(kind, bytes, level);
  const fields = commandFields(kind, effective);
  if (fields === undefined) throw commandNotInLevelError(kind, effective);
  return new CommandReader(kind, fields, bytes).read();
}

/** The level whose layout a buffer has. */
function levelOf(kind: CommandKind, bytes: Buffer, level: ProtocolLevel): ProtocolLevel {
  if (kind === "SSID") return bytes.length > 1 ? announcedLevel(bytes[1]! - 0x30) : level;
  // A partner may end the session before it knows the level: "Frr" with its carriage return is the short layout, and
  // what has the length of a text is the long one.
  if (kind === "ESID" && level === 5 && bytes.length <= 4) return 4;
  if (kind === "ESID" && level !== 5 && bytes.length >= 6) return 5;
  return level;
}

function announcedLevel(digit: number): ProtocolLevel {
  if (digit >= 5 && digit <= 9) return 5;
  if (digit === 4) return 4;
  if (digit === 3 || digit === 2) return 2;
  if (digit === 1) return 1;
  throw fieldError("ERR_OFTP_FIELD_INVALID", "SSID", "SSIDLEV", "names no release level");
}

/** Reads one buffer by its table, field after field. */
class CommandReader {
  readonly #kind: CommandKind;
  readonly #fields: readonly CommandField[];
  readonly #bytes: Buffer;
  readonly #values: Record<string, unknown>;
  readonly #lengths = new Map<string, number>();
  #date = "";
  #at = 0;

  constructor(kind: CommandKind, fields: readonly CommandField[], bytes: Buffer) {
    this.#kind = kind;
    this.#fields = fields;
    this.#bytes = bytes;
    this.#values = { kind, ...unused[kind] };
  }

  read(): Command {
    for (const field of this.#fields) this.#readField(field);
    if (this.#at < this.#bytes.length) throw bufferLengthError(this.#kind, this.#bytes.length);
    if (this.#kind === "SFID") this.#completeSfid();
    return this.#values as unknown as Command;
  }

  #readField(field: CommandField): void {
    const { content } = field;
    if (content.is === "carriageReturn" && this.#at === this.#bytes.length) return;
    const bytes = this.#take(this.#lengthOf(field));
    switch (content.is) {
      case "identifier":
      case "reserved":
        return;
      case "constant":
        if (bytes.toString("latin1") !== content.text)
          throw this.#invalid(field, `must be "${content.text}"`);
        return;
      case "carriageReturn":
        if ((bytes[0]! & 0x7f) !== 0x0d) throw this.#invalid(field, "must be 0D or 8D (hexadecimal)");
        return;
      case "level":
        this.#values.level = announcedLevel(bytes[0]! - 0x30);
        return;
      case "characters":
        this.#values[content.property] = this.#characters(field, bytes);
        return;
      case "number":
        this.#values[content.property] = this.#number(field, bytes, content.min, content.max);
        return;
      case "choice":
        this.#values[content.property] = this.#choice(field, bytes, content.values);
        return;
      case "date":
        this.#date = fullDate(this.#digits(field, bytes));
        return;
      case "time":
        this.#values.timestamp = { date: this.#date, time: fullTime(this.#digits(field, bytes)) };
        return;
      case "lengthOf":
        this.#lengths.set(
          content.property,
          field.type === "9" ? this.#number(field, bytes, 0, 999) : bytes.readUInt16BE(),
        );
        return;
      case "text":
        this.#values[content.property] = decodeText(bytes);
        return;
      case "octets":
        this.#values[content.property] = new Uint8Array(bytes);
        return;
    }
  }

  #lengthOf(field: CommandField): number {
    if (field.length !== "n") return field.length;
    const { content } = field;
    return "property" in content ? (this.#lengths.get(content.property) ?? 0) : 0;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw bufferLengthError(this.#kind, this.#bytes.length);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #characters(field: CommandField, bytes: Buffer): string {
    const text = bytes.toString("latin1");
    if (!isPrintable(text)) throw this.#invalid(field, "holds control characters");
    return withoutPadding(text);
  }

  #number(field: CommandField, bytes: Buffer, min: number, max: number): number {
    const text = bytes.toString("latin1");
    if (!/^ *\d+$/.test(text)) throw this.#invalid(field, "must hold digits");
    const value = Number(text);
    if (value < min || value > max) throw this.#invalid(field, `must lie between ${min} and ${max}`);
    return value;
  }

  #digits(field: CommandField, bytes: Buffer): string {
    const text = bytes.toString("latin1");
    if (!/^\d+$/.test(text)) throw this.#invalid(field, "must hold digits");
    return text;
  }

  #choice<T>(field: CommandField, bytes: Buffer, values: ReadonlyMap<string, T>): T {
    const character = bytes.toString("latin1");
    const value = values.get(character === " " && values.has("N") ? "N" : character);
    if (value === undefined) throw this.#invalid(field, `must be one of ${[...values.keys()].join(", ")}`);
    return value;
  }

  #completeSfid(): void {
    const values = this.#values;
    // Releases before 2.0 have one size only.
    values.originalFileSize ??= values.fileSize;
    if (values.format === "U" || values.format === "T") values.maxRecordSize = 0;
  }

  #invalid(field: CommandField, why: string) {
    return fieldError("ERR_OFTP_FIELD_INVALID", this.#kind, field.name, why);
  }
}
