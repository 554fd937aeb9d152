import type { EventEmitter } from "node:events";
import { closeSync, openSync, writeSync } from "node:fs";
import { errorMessage, TransferError } from "@waybill/net-core";
import { decodeCommand, type ProtocolLevel, StreamBufferDecoder } from "@waybill/oftp-codec";
import { capturedRecord, type StationEvents, type TrailRecord, trailRecord } from "@waybill/oftp-session";

/** One exchange buffer of a captured session. */
export interface CapturedBuffer {
  readonly session: string;
  /** Undefined until the partner is known. */
  readonly partner: string | undefined;
  readonly role: "initiator" | "responder" | undefined;
  readonly record: TrailRecord;
}

/** A line of the file: JSON. Passwords are `*`, and of DATA there is only the length. */
interface TrailLine {
  /** ISO 8601. */
  readonly time: string;
  readonly session: string;
  readonly role?: "initiator" | "responder";
  readonly partner?: string;
  readonly direction: "sent" | "received";
  readonly level: ProtocolLevel;
  /** Of the whole exchange buffer. */
  readonly length: number;
  /** Hexadecimal. */
  readonly octets: string;
}

/** Appends every exchange buffer of the sessions to a file that only its owner can read. Errors: `ERR_TRAIL_FILE`. */
export class TrailWriter {
  readonly #path: string;
  readonly #file: number;
  readonly #onProblem: (error: unknown) => void;
  #failed = false;

  /** `onProblem`: a line could not be written; the session goes on without. */
  constructor(path: string, onProblem: (error: unknown) => void) {
    this.#path = path;
    this.#onProblem = onProblem;
    try {
      this.#file = openSync(path, "a", 0o600);
    } catch (error) {
      throw new TransferError("ERR_TRAIL_FILE", `cannot write the trail ${path}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }

  watch(source: EventEmitter<StationEvents>): void {
    source.on("trail", ({ session, entry }) => {
      const { at, direction, level, length, octets } = trailRecord(entry);
      const line: TrailLine = {
        time: new Date(at).toISOString(),
        session: session.id,
        role: session.role,
        ...(session.partner === undefined ? {} : { partner: session.partner.name }),
        direction,
        level,
        length,
        octets: Buffer.from(octets).toString("hex"),
      };
      this.#write(`${JSON.stringify(line)}\n`);
    });
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(line: string): void {
    if (this.#failed) return;
    try {
      writeSync(this.#file, line);
    } catch (error) {
      this.#failed = true;
      this.#onProblem(
        new TransferError("ERR_TRAIL_FILE", `cannot write the trail ${this.#path}: ${errorMessage(error)}`, {
          cause: error,
        }),
      );
    }
  }
}

/** Stream transmission version 1 (RFC 5024 section 8.2) in the first four bits. */
const STREAM_VERSION = 0x10;

/** Whether a file is what went over the wire in one direction, and not a trail. */
export function isRawCapture(start: Uint8Array): boolean {
  return ((start[0] ?? 0) & 0xf0) === STREAM_VERSION;
}

/** The exchange buffers of a raw capture: one direction of a connection. Errors: those of the stream decoder. */
export function* readRawCapture(octets: Uint8Array, level: ProtocolLevel): Generator<CapturedBuffer> {
  const decoder = new StreamBufferDecoder();
  decoder.push(octets);
  let spoken = level;
  for (let next = decoder.next(); next !== undefined; next = decoder.next()) {
    spoken = levelIn(next, spoken);
    const record = capturedRecord({ direction: "received", at: Number.NaN, octets: next, level: spoken });
    yield { session: "raw", partner: undefined, role: undefined, record };
  }
}

/** The level that an SSID names counts from then on. */
function levelIn(octets: Uint8Array, level: ProtocolLevel): ProtocolLevel {
  if (octets[0] !== 0x58) return level;
  try {
    const command = decodeCommand(octets, level);
    return command.kind === "SSID" && command.level < level ? command.level : level;
  } catch {
    return level;
  }
}

/** The exchange buffer in a line of a trail. Errors: `ERR_TRAIL_LINE`. */
export function parseTrailLine(text: string, fileName: string, number: number): CapturedBuffer {
  const line = parse(text);
  if (line === undefined) {
    throw new TransferError("ERR_TRAIL_LINE", `${fileName}:${number}: this is no line of a trail`);
  }
  const { time, session, partner, role, direction, level, length, octets } = line;
  const entry = { direction, level, at: Date.parse(time), octets: Buffer.from(octets, "hex") };
  return { session, partner, role, record: { ...capturedRecord(entry), length } };
}

function parse(text: string): TrailLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const line = value as Partial<Record<keyof TrailLine, unknown>>;
  const whole =
    typeof line.time === "string" &&
    typeof line.session === "string" &&
    (line.direction === "sent" || line.direction === "received") &&
    (line.level === 1 || line.level === 2 || line.level === 4 || line.level === 5) &&
    typeof line.length === "number" &&
    typeof line.octets === "string" &&
    /^([0-9a-f]{2})*$/.test(line.octets) &&
    (line.partner === undefined || typeof line.partner === "string") &&
    (line.role === undefined || line.role === "initiator" || line.role === "responder");
  return whole ? (value as TrailLine) : undefined;
}
