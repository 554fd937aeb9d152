import { optionError } from "@waybill/net-core";
import type { FileFormat } from "@waybill/oftp-codec";

/**
 * How the records of a file of format F or V are kept in a local file:
 * - `lines`: each is a line. Lines that are read may end with CR LF or LF.
 * - `length-prefixed` (V only): each has its length before it, two octets in network byte order (RFC 5024 section 6.5).
 * - `fixed` (F only): one after the other, nothing between them.
 */
export type RecordMapping = "lines" | "length-prefixed" | "fixed";

/** What ends the lines that are written. */
export type LineEnd = "lf" | "crlf";

/** The longest record of format V: its length must fit into two octets. */
export const MAX_VARIABLE_RECORD = 0xffff;
/** The longest record of format F: SFIDLRECL has five digits. */
export const MAX_FIXED_RECORD = 99_999;

/**
 * The mapping for a format: `none` for U and T, which have no records; `lines` for V and `fixed` for F unless it is said.
 * Errors: `ERR_OPTION_INVALID` for one that does not suit the format.
 */
export function mappingFor(format: FileFormat, mapping: RecordMapping | undefined): RecordMapping | "none" {
  if (format === "U" || format === "T") return "none";
  const other = format === "F" ? "fixed" : "length-prefixed";
  const chosen = mapping ?? (format === "F" ? "fixed" : "lines");
  if (chosen === "lines" || chosen === other) return chosen;
  throw optionError("recordMapping", `must be "lines" or "${other}" for format ${format}`);
}

export function hasRecords(format: FileFormat): boolean {
  return format === "F" || format === "V";
}
