import type { Command, ProtocolLevel } from "./command-types.js";
import { encodeField, layoutOf } from "./encode-command.js";
import type { CommandField } from "./field-definition.js";
import { showText, withoutPadding } from "./field-text.js";

/** A field of a command for people: the RFC's name of it and its value. */
export interface DescribedField {
  readonly name: string;
  readonly value: string;
}

/**
 * What a command says, field by field, under the RFC's names, for a protocol trail: no reserved fields, no carriage
 * return; passwords are `********`, binary values hexadecimal, the payload of DATA is its number of octets, control
 * characters are escaped. It never fails for a value that could not be sent.
 *
 * Error: ERR_OFTP_COMMAND_NOT_IN_LEVEL.
 */
export function describeCommand(command: Command, level: ProtocolLevel): DescribedField[] {
  return layoutOf(command, level)
    .filter(({ content }) => content.is !== "reserved" && content.is !== "carriageReturn")
    .map((field) => ({ name: field.name, value: shownValue(field, command) }));
}

function shownValue(field: CommandField, command: Command): string {
  const { content } = field;
  if (content.is === "characters" && content.secret) return "********";
  if (command.kind === "DATA" && content.is === "octets") return `${command.payload.length} octets`;
  const values = command as unknown as Readonly<Record<string, unknown>>;
  try {
    const bytes = encodeField(field, command.kind, values, false);
    if (content.is === "octets") return bytes.toString("hex");
    if (content.is === "lengthOf" && field.type === "U") return String(bytes.readUInt16BE());
    return showText(field.type === "T" ? bytes.toString() : withoutPadding(bytes.toString("latin1")));
  } catch {
    return showText("property" in content ? String(values[content.property]) : "?");
  }
}
