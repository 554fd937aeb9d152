import type { CommandKind, ProtocolLevel } from "./command-types.js";

/**
 * Which characters an X field may hold when it is sent. `code`: those of RFC 5024 appendix B, for identification codes;
 * `ascii`: printable ASCII; `latin`: printable ISO 8859-1, for what is repeated from a command of the partner.
 */
export type CharacterSet = "code" | "ascii" | "latin";

/** What a field holds, and which property of the command it is. */
export type FieldContent =
  | { readonly is: "identifier"; readonly text: string }
  | { readonly is: "constant"; readonly text: string }
  | { readonly is: "reserved" }
  | { readonly is: "carriageReturn" }
  | { readonly is: "level" }
  | {
      readonly is: "characters";
      readonly property: string;
      readonly set: CharacterSet;
      readonly required: boolean;
      readonly secret: boolean;
    }
  | { readonly is: "number"; readonly property: string; readonly min: number; readonly max: number }
  | {
      readonly is: "choice";
      readonly property: string;
      readonly values: ReadonlyMap<string, string | number | boolean>;
    }
  /** `strict`: a day and a time that exist are required when it is sent. */
  | { readonly is: "date"; readonly strict: boolean }
  | { readonly is: "time"; readonly strict: boolean }
  | { readonly is: "lengthOf"; readonly property: string }
  | { readonly is: "text"; readonly property: string }
  | { readonly is: "octets"; readonly property: string };

/** A field of a command, as a row of the tables of RFC 5024 section 5.3 shows it. */
export interface CommandField {
  /** The RFC's name: `SFIDDSN`. */
  readonly name: string;
  /** Offset in the exchange buffer; undefined behind a field of variable length. */
  readonly position: number | undefined;
  /** F: fixed values, all of them listed by the RFC; V: any value within a range. */
  readonly format: "F" | "V";
  /** X: characters; 9: digits; U: binary; T: UTF-8. */
  readonly type: "X" | "9" | "U" | "T";
  /** In octets; `n` when a field before it, or the end of the buffer, says how many. */
  readonly length: number | "n";
  /** What the codec makes of it. */
  readonly content: FieldContent;
}

/** The fields of one command, by level; a level that does not have the command is left out. */
export type CommandLayout = { readonly [L in ProtocolLevel]?: readonly CommandField[] };

/** The layouts of all commands. */
export type CommandLayouts = Readonly<Record<CommandKind, CommandLayout>>;

/** A row of a table: position, name, format in the RFC's notation (`F X(1)`, `V 9(17)`, `V T(n)`), content. */
export function field(
  position: number | undefined,
  name: string,
  notation: `${"F" | "V"} ${"X" | "9" | "U" | "T"}(${number | "n"})`,
  content: FieldContent,
): CommandField {
  const size = notation.slice(4, -1);
  return {
    name,
    position,
    format: notation.charAt(0) as CommandField["format"],
    type: notation.charAt(2) as CommandField["type"],
    length: size === "n" ? "n" : Number(size),
    content,
  };
}

export const identifier = (text: string): FieldContent => ({ is: "identifier", text });
export const constant = (text: string): FieldContent => ({ is: "constant", text });
export const reserved: FieldContent = { is: "reserved" };
export const carriageReturn: FieldContent = { is: "carriageReturn" };
export const releaseLevel: FieldContent = { is: "level" };

/** An identification code (section 5.4). */
export const code = (property: string): FieldContent => characters(property, "code", true);

/** The name of a virtual file: printable ASCII in practice, whatever appendix B says. */
export const datasetName: FieldContent = characters("datasetName", "ascii", true);

/** Printable ASCII that may be empty. */
export const optional = (property: string): FieldContent => characters(property, "ascii", false);

/** What a partner sent before, repeated as it was. */
export const repeated = (property: string): FieldContent => characters(property, "latin", false);

export const password: FieldContent = {
  is: "characters",
  property: "password",
  set: "ascii",
  required: false,
  secret: true,
};

export const number = (property: string, min: number, max: number): FieldContent => ({
  is: "number",
  property,
  min,
  max,
});

/** Y or N. */
export const flag = (property: string): FieldContent => choice(property, { Y: true, N: false });

export const choice = (
  property: string,
  values: Readonly<Record<string, string | number | boolean>>,
): FieldContent => ({ is: "choice", property, values: new Map(Object.entries(values)) });

export const date: FieldContent = { is: "date", strict: true };
export const time: FieldContent = { is: "time", strict: true };
export const repeatedDate: FieldContent = { is: "date", strict: false };
export const repeatedTime: FieldContent = { is: "time", strict: false };
export const lengthOf = (property: string): FieldContent => ({ is: "lengthOf", property });
export const text = (property: string): FieldContent => ({ is: "text", property });
export const octets = (property: string): FieldContent => ({ is: "octets", property });

function characters(property: string, set: CharacterSet, required: boolean): FieldContent {
  return { is: "characters", property, set, required, secret: false };
}
