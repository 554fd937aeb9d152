import type { FileFormat } from "@waybill/oftp-codec";
import type { FileTotals } from "../user-monitor.js";
import { type ContentSource, READ_OCTETS } from "./content-source.js";
import { LineSplitter } from "./line-splitter.js";
import { MAX_FIXED_RECORD, MAX_VARIABLE_RECORD, type RecordMapping } from "./record-mapping.js";
import { fileChanged, recordLengthError } from "./storage-errors.js";

/** A file's content as it is sent. */
export interface RecordContent {
  readonly totals: FileTotals;
  readonly maxRecordSize: number;
  /** As `OutgoingFile.open` gives it. */
  read(offset: number): AsyncIterable<Uint8Array>;
}

/**
 * Reads content whose records are to be found or counted once, so that what does not fit is known before it is sent.
 * `recordSize` undefined: that of the longest record, for `lines` of format F of the first.
 * Errors: `ERR_OFTP_RECORD_LENGTH`, those of the source.
 */
export async function recordContent(
  source: ContentSource,
  format: FileFormat,
  mapping: RecordMapping | "none",
  recordSize: number | undefined,
): Promise<RecordContent> {
  if (mapping === "none") return plainContent(source, 0, recordSize ?? 0);
  if (mapping === "fixed") return fixedContent(source, recordSize ?? 0);
  if (mapping === "length-prefixed") return prefixedContent(source, recordSize);
  return linesContent(source, format, recordSize);
}

function plainContent(source: ContentSource, records: number, maxRecordSize: number): RecordContent {
  return {
    totals: { records, octets: source.size },
    maxRecordSize,
    read: (offset) => source.read(offset),
  };
}

function fixedContent(source: ContentSource, recordSize: number): RecordContent {
  const rest = source.size % recordSize;
  const records = Math.floor(source.size / recordSize);
  if (rest === 0) return plainContent(source, records, recordSize);
  throw recordLengthError(records + 1, rest, `the file must be a multiple of ${recordSize}`);
}

async function prefixedContent(
  source: ContentSource,
  recordSize: number = MAX_VARIABLE_RECORD,
): Promise<RecordContent> {
  let records = 0;
  let longest = 0;
  let lengthOctets = 0;
  let left = 0;
  for await (const chunk of source.read(0)) {
    let at = 0;
    while (at < chunk.length) {
      if (lengthOctets === 2) {
        const skipped = Math.min(left, chunk.length - at);
        at += skipped;
        left -= skipped;
      } else {
        left = left * 256 + chunk[at++]!;
        lengthOctets += 1;
        if (lengthOctets < 2) continue;
        records += 1;
        if (left > recordSize) throw recordLengthError(records, left, `at most ${recordSize} are allowed`);
        longest = Math.max(longest, left);
      }
      if (lengthOctets === 2 && left === 0) lengthOctets = 0;
    }
  }
  if (lengthOctets > 0)
    throw recordLengthError(records, left, "so many more were to come when the file ended");
  return {
    totals: { records, octets: source.size - 2 * records },
    maxRecordSize: recordSize === MAX_VARIABLE_RECORD ? Math.max(longest, 1) : recordSize,
    read: (offset) => source.read(offset),
  };
}

async function linesContent(
  source: ContentSource,
  format: FileFormat,
  recordSize: number | undefined,
): Promise<RecordContent> {
  const limit = recordSize ?? (format === "F" ? MAX_FIXED_RECORD : MAX_VARIABLE_RECORD);
  let records = 0;
  let octets = 0;
  let longest = 0;
  let exact = format === "F" ? recordSize : undefined;
  const tooLong = (length: number) => {
    throw recordLengthError(records + 1, length, `at most ${limit} are allowed`);
  };
  const splitter = new LineSplitter(
    limit,
    ({ length }) => {
      if (format === "F") exact ??= length;
      if (exact !== undefined && length !== exact) {
        throw recordLengthError(records + 1, length, `all records must have ${exact}`);
      }
      records += 1;
      octets += length;
      if (length > longest) longest = length;
    },
    tooLong,
  );
  for await (const chunk of source.read(0)) splitter.push(chunk);
  splitter.end();
  const totals = { records, octets };
  return {
    totals,
    maxRecordSize: recordSize ?? Math.max(longest, 1),
    read: (offset) => readLines(source, limit, format === "V", offset, totals),
  };
}

async function* readLines(
  source: ContentSource,
  limit: number,
  prefixed: boolean,
  offset: number,
  totals: FileTotals,
): AsyncGenerator<Uint8Array> {
  const full: Buffer[] = [];
  let chunk = Buffer.allocUnsafeSlow(READ_OCTETS);
  let filled = 0;
  let skip = offset;
  const changed = () => {
    throw fileChanged(source.name, "its lines are others than before");
  };
  const splitter = new LineSplitter(
    limit,
    (line) => {
      const needed = line.length + 2;
      if (filled + needed > chunk.length) {
        if (filled > 0) full.push(chunk.subarray(0, filled));
        chunk = Buffer.allocUnsafeSlow(Math.max(READ_OCTETS, needed));
        filled = 0;
      }
      if (prefixed) filled = chunk.writeUInt16BE(line.length, filled);
      const skipped = Math.min(skip, line.length);
      skip -= skipped;
      chunk.set(skipped === 0 ? line : line.subarray(skipped), filled);
      filled += line.length - skipped;
    },
    changed,
  );
  let octets = 0;
  const whole = offset === 0 ? totals.octets + (prefixed ? 2 * totals.records : 0) : totals.octets - offset;
  for await (const read of source.read(0)) {
    splitter.push(read);
    for (let next = full.shift(); next !== undefined; next = full.shift()) {
      octets += next.length;
      yield next;
    }
  }
  splitter.end();
  if (filled > 0) full.push(chunk.subarray(0, filled));
  for (const last of full) octets += last.length;
  if (octets !== whole) changed();
  yield* full;
}
