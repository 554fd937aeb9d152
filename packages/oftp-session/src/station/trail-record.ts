import {
  type CommandKind,
  commandFields,
  commandKindOf,
  type DescribedField,
  decodeCommand,
  describeCommand,
  type ProtocolLevel,
} from "@waybill/oftp-codec";
import type { TrailEntry } from "../driver/session-options.js";

/** One exchange buffer of a protocol trail, fit to be shown and kept: without passwords. */
export interface TrailRecord {
  readonly direction: TrailEntry["direction"];
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly level: ProtocolLevel;
  /** The command that the first octet stands for; undefined when it is none. */
  readonly kind: CommandKind | undefined;
  /** The fields under the RFC's names; undefined when it could not be decoded. */
  readonly fields: readonly DescribedField[] | undefined;
  /** The exchange buffer, passwords overwritten with `*`; of DATA only the command octet. A copy. */
  readonly octets: Uint8Array;
  /** Octets of the whole exchange buffer. */
  readonly length: number;
}

/** What may be shown and kept of an exchange buffer. */
export function trailRecord(entry: TrailEntry): TrailRecord {
  const { direction, at, level, command, octets } = entry;
  const kind = commandKindOf(octets[0] ?? 0);
  return {
    direction,
    at,
    level,
    kind,
    fields: command && describeCommand(command, level),
    octets: withoutSecrets(octets, kind, level),
    length: octets.length,
  };
}

/** The record of an exchange buffer that was captured without having been decoded. */
export function capturedRecord(entry: Omit<TrailEntry, "command">): TrailRecord {
  try {
    return trailRecord({ ...entry, command: decodeCommand(entry.octets, entry.level) });
  } catch {
    return trailRecord({ ...entry, command: undefined });
  }
}

const STAR = 0x2a;

/** By position, because what is wrong in some field can hold a password as well. */
function withoutSecrets(octets: Uint8Array, kind: CommandKind | undefined, level: ProtocolLevel): Uint8Array {
  // Whatever it is: enough to see that it is something else.
  if (kind === undefined) return Uint8Array.from(octets.subarray(0, 8));
  if (kind === "DATA") return Uint8Array.from(octets.subarray(0, 1));
  // Not `slice`: that of a Buffer shares its memory, which is on its way to the partner.
  const masked = Uint8Array.from(octets);
  for (const { content, position, length } of (kind === "SSID" && commandFields(kind, level)) || []) {
    if (content.is !== "characters" || !content.secret || position === undefined || length === "n") continue;
    masked.fill(STAR, position, position + length);
  }
  return masked;
}
