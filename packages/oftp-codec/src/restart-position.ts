import type { FileFormat } from "./command-types.js";
import { type FileCounts, hasRecords } from "./data-buffer-options.js";

/** The unit of restart positions for formats U and T, and of file sizes, in octets. */
export const BLOCK_SIZE = 1024;

/** The file size for SFIDFSIZ: blocks of 1024 octets, rounded up. */
export function sizeInBlocks(octets: number): number {
  return Math.ceil(octets / BLOCK_SIZE);
}

/**
 * The last restart position (SFIDREST, SFPAACNT) that lies within what was transferred: whole blocks of 1024 octets for
 * U and T, whole records for F and V (RFC 5024 section 1.5.4).
 */
export function restartPositionAt(format: FileFormat, counts: FileCounts): number {
  return hasRecords(format) ? counts.recordCount : Math.floor(counts.unitCount / BLOCK_SIZE);
}

/**
 * What lies before a restart position: where the file is opened (`unitCount`), and what the counts of an encoder or a
 * decoder start from (`startAt`). For V it depends on the records before, which the caller has to read over:
 * `recordLengths` gives their lengths in order.
 */
export function countsAtRestart(
  format: FileFormat,
  position: number,
  maxRecordSize = 0,
  recordLengths: Iterable<number> = [],
): FileCounts {
  if (format === "F") return { recordCount: position, unitCount: position * maxRecordSize };
  if (format !== "V") return { recordCount: 0, unitCount: position * BLOCK_SIZE };
  let recordCount = 0;
  let unitCount = 0;
  if (position > 0) {
    for (const length of recordLengths) {
      recordCount += 1;
      unitCount += length;
      if (recordCount === position) break;
    }
  }
  return { recordCount, unitCount };
}
