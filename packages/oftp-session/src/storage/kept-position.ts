import { type FilePosition, type LayoutOptions, START } from "./local-layout.js";
import type { StorageFile } from "./storage-file-system.js";

const READ_OCTETS = 256 * 1024;
const BLOCK = 1024;
const LF = 0x0a;

/** What of a partial file was surely synced. */
export interface KeptPart {
  readonly position: FilePosition;
  /** Whether lines end where records end and nowhere else. */
  readonly plain: boolean;
}

/** A position in the unit of SFIDREST: records for F and V, blocks for U and T. */
export function restartUnits(options: LayoutOptions, { records, octets }: FilePosition): number {
  return options.format === "F" || options.format === "V" ? records : Math.floor(octets / BLOCK);
}

/**
 * Where a restart position lies in a partial file. Records of format V are counted in the file; lines only tell where they
 * end when no record holds a line end, otherwise there is no way but to start again.
 */
export async function locate(
  file: StorageFile,
  options: LayoutOptions,
  kept: KeptPart,
  units: number,
): Promise<FilePosition> {
  const { format, mapping, maxRecordSize, lineEnd } = options;
  if (units === 0) return START;
  if (units === restartUnits(options, kept.position)) return kept.position;
  if (format !== "V") {
    const octets = units * (format === "F" ? maxRecordSize : BLOCK);
    const ends = mapping === "lines" ? units * (lineEnd === "crlf" ? 2 : 1) : 0;
    return { records: format === "F" ? units : 0, octets, local: octets + ends };
  }
  if (mapping === "lines") return locateLine(file, lineEnd === "crlf" ? 2 : 1, kept.position.local, units);
  const found = await followLengths(file, kept.position.local, units);
  return found.records === units ? found : START;
}

/**
 * The last restart position of a file of which all `size` octets are on disk. Undefined for records of format V that are kept as
 * lines: nothing tells whether some of them hold line ends.
 */
export async function lastPosition(
  file: StorageFile,
  options: LayoutOptions,
  size: number,
): Promise<FilePosition | undefined> {
  const { format, mapping, maxRecordSize, lineEnd } = options;
  if (format === "V") {
    return mapping === "lines" ? undefined : followLengths(file, size, Number.POSITIVE_INFINITY);
  }
  const unit = format === "F" ? maxRecordSize : BLOCK;
  const ends = mapping === "lines" ? (lineEnd === "crlf" ? 2 : 1) : 0;
  const units = Math.floor(size / (unit + ends));
  return { records: format === "F" ? units : 0, octets: units * unit, local: units * (unit + ends) };
}

async function locateLine(
  file: StorageFile,
  lineEndOctets: number,
  limit: number,
  records: number,
): Promise<FilePosition> {
  const buffer = Buffer.allocUnsafe(Math.min(READ_OCTETS, limit));
  let found = 0;
  for (let at = 0; at < limit; ) {
    const chunk = buffer.subarray(0, await file.read(buffer.subarray(0, limit - at), at));
    if (chunk.length === 0) break;
    for (let next = chunk.indexOf(LF); next >= 0; next = chunk.indexOf(LF, next + 1)) {
      found += 1;
      const local = at + next + 1;
      if (found === records) return { records, octets: local - records * lineEndOctets, local };
    }
    at += chunk.length;
  }
  return START;
}

/** After so many records, or after the last whole one before `limit`. */
async function followLengths(file: StorageFile, limit: number, most: number): Promise<FilePosition> {
  const buffer = Buffer.allocUnsafe(Math.min(READ_OCTETS, limit));
  let from = 0;
  let filled = 0;
  let local = 0;
  let records = 0;
  while (records < most && local + 2 <= limit) {
    if (local + 2 > from + filled) {
      from = local;
      filled = await file.read(buffer.subarray(0, limit - from), from);
      if (filled < 2) break;
    }
    const end = local + 2 + buffer.readUInt16BE(local - from);
    if (end > limit) break;
    local = end;
    records += 1;
  }
  return { records, octets: local - 2 * records, local };
}
