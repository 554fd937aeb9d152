import { answerReasons, type FileFormat } from "@waybill/oftp-codec";
import { FileRefusedError } from "../file-refused-error.js";
import type { LineEnd, RecordMapping } from "./record-mapping.js";

/** How far a file is. */
export interface FilePosition {
  /** Records of F and V, else 0. */
  readonly records: number;
  /** Octets of user data. */
  readonly octets: number;
  /** Octets of the local file. */
  readonly local: number;
}

export const START: FilePosition = { records: 0, octets: 0, local: 0 };

/** What is known of how a received file is kept. */
export interface LayoutOptions {
  readonly format: FileFormat;
  readonly maxRecordSize: number;
  readonly mapping: RecordMapping | "none";
  readonly lineEnd: LineEnd;
}

/** Turns what a session gives into what the local file holds, and knows how far that is. */
export interface LocalLayout {
  /**
   * The local octets of a chunk. They may be the chunk itself, and hold until the next call. Throws a `FileRefusedError` for a
   * record of format V that is too long.
   */
  place(chunk: Uint8Array): Uint8Array;
  /** What is missing when the file ends here. */
  end(): Uint8Array;
  readonly position: FilePosition;
  /** The last restart position: after whole records, or whole blocks for U and T. */
  readonly restart: FilePosition;
  /** Within a record of format V. */
  readonly open: boolean;
  /** Whether lines end where records end and nowhere else. */
  readonly plain: boolean;
}

const BLOCK = 1024;
const LF = 0x0a;
const NOTHING = new Uint8Array();

export function localLayout(options: LayoutOptions, from: FilePosition, plain: boolean): LocalLayout {
  const lineEnd = Uint8Array.from(options.lineEnd === "crlf" ? [0x0d, LF] : [LF]);
  if (options.format === "V") {
    const limit = options.maxRecordSize;
    return new VariableLayout(limit, options.mapping === "lines" ? lineEnd : undefined, from, plain);
  }
  if (options.mapping === "lines") return new FixedLinesLayout(options.maxRecordSize, lineEnd, from, plain);
  return new PlainLayout(options.format === "F" ? options.maxRecordSize : 0, from);
}

/** U, T, and F without separators: octets as they come. */
class PlainLayout implements LocalLayout {
  readonly open = false;
  readonly plain = true;
  readonly #recordSize: number;
  #octets: number;

  constructor(recordSize: number, from: FilePosition) {
    this.#recordSize = recordSize;
    this.#octets = from.octets;
  }

  place(chunk: Uint8Array): Uint8Array {
    this.#octets += chunk.length;
    return chunk;
  }

  end(): Uint8Array {
    return NOTHING;
  }

  get position(): FilePosition {
    const records = this.#recordSize === 0 ? 0 : Math.ceil(this.#octets / this.#recordSize);
    return { records, octets: this.#octets, local: this.#octets };
  }

  get restart(): FilePosition {
    const unit = this.#recordSize === 0 ? BLOCK : this.#recordSize;
    const units = Math.floor(this.#octets / unit);
    return { records: this.#recordSize === 0 ? 0 : units, octets: units * unit, local: units * unit };
  }
}

/** F as lines. Only the last record may be shorter than the others. */
class FixedLinesLayout implements LocalLayout {
  readonly open = false;
  readonly #recordSize: number;
  readonly #lineEnd: Uint8Array;
  #octets: number;
  #plain: boolean;
  #ended = false;

  constructor(recordSize: number, lineEnd: Uint8Array, from: FilePosition, plain: boolean) {
    this.#recordSize = recordSize;
    this.#lineEnd = lineEnd;
    this.#octets = from.octets;
    this.#plain = plain;
  }

  get plain(): boolean {
    return this.#plain;
  }

  place(chunk: Uint8Array): Uint8Array {
    const size = this.#recordSize;
    const ends = Math.floor(((this.#octets % size) + chunk.length) / size);
    const local = new Uint8Array(chunk.length + ends * this.#lineEnd.length);
    let to = 0;
    for (let at = 0; at < chunk.length; ) {
      const left = size - (this.#octets % size);
      const part = chunk.subarray(at, at + left);
      local.set(part, to);
      to += part.length;
      at += part.length;
      this.#octets += part.length;
      if (part.length < left) continue;
      local.set(this.#lineEnd, to);
      to += this.#lineEnd.length;
    }
    return local;
  }

  end(): Uint8Array {
    const short = this.#octets % this.#recordSize !== 0 && !this.#ended;
    this.#ended = true;
    return short ? this.#lineEnd : NOTHING;
  }

  get position(): FilePosition {
    const { records, octets, local } = this.restart;
    const rest = this.#octets - octets;
    return { records: rest > 0 ? records + 1 : records, octets: this.#octets, local: local + rest };
  }

  get restart(): FilePosition {
    const records = Math.floor(this.#octets / this.#recordSize);
    const octets = records * this.#recordSize;
    return { records, octets, local: octets + records * this.#lineEnd.length };
  }
}

/** V: the lengths are kept as they come, or become line ends. */
class VariableLayout implements LocalLayout {
  readonly #limit: number;
  readonly #lineEnd: Uint8Array | undefined;
  #records: number;
  #octets: number;
  #local: number;
  #restart: FilePosition;
  #plain: boolean;
  #lengthOctets = 0;
  #length = 0;
  #left = 0;

  constructor(limit: number, lineEnd: Uint8Array | undefined, from: FilePosition, plain: boolean) {
    this.#limit = limit;
    this.#lineEnd = lineEnd;
    this.#records = from.records;
    this.#octets = from.octets;
    this.#local = from.local;
    this.#restart = from;
    this.#plain = plain;
  }

  get open(): boolean {
    return this.#lengthOctets > 0;
  }

  get plain(): boolean {
    return this.#plain;
  }

  get position(): FilePosition {
    return { records: this.#records, octets: this.#octets, local: this.#local };
  }

  get restart(): FilePosition {
    return this.#restart;
  }

  place(chunk: Uint8Array): Uint8Array {
    // A line end is never longer than the length that it replaces, but that may have come with the chunk before.
    const local = this.#lineEnd === undefined ? chunk : new Uint8Array(chunk.length + 2);
    const before = this.#local;
    let at = 0;
    while (at < chunk.length) {
      if (this.#lengthOctets < 2) {
        this.#length = this.#length * 256 + chunk[at++]!;
        this.#lengthOctets += 1;
        if (this.#lineEnd === undefined) this.#local += 1;
        this.#left = this.#length;
        if (this.#length > this.#limit) throw recordTooLong(this.#records + 1, this.#limit);
        if (this.#lengthOctets < 2 || this.#left > 0) continue;
      } else {
        const part = chunk.subarray(at, at + this.#left);
        if (this.#lineEnd !== undefined) {
          local.set(part, this.#local - before);
          if (this.#plain && part.includes(LF)) this.#plain = false;
        }
        at += part.length;
        this.#left -= part.length;
        this.#local += part.length;
        this.#octets += part.length;
        if (this.#left > 0) continue;
      }
      this.#endRecord(local, before);
    }
    return this.#lineEnd === undefined ? chunk : local.subarray(0, this.#local - before);
  }

  end(): Uint8Array {
    return NOTHING;
  }

  #endRecord(local: Uint8Array, before: number): void {
    if (this.#lineEnd !== undefined) {
      local.set(this.#lineEnd, this.#local - before);
      this.#local += this.#lineEnd.length;
    }
    this.#lengthOctets = 0;
    this.#length = 0;
    this.#records += 1;
    this.#restart = this.position;
  }
}

/** A session refuses such a record by itself; one that was in an envelope is seen here first. */
function recordTooLong(record: number, limit: number): FileRefusedError {
  const { code } = answerReasons.recordLengthNotSupported;
  return new FileRefusedError(
    code,
    `record ${record} is longer than the ${limit} octets that were announced`,
  );
}
