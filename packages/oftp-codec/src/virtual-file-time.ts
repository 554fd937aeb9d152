import type { VirtualFileTime } from "./command-types.js";

/** Below level 4 the year has two digits: 80 to 99 are 1980 to 1999. */
const FIRST_SHORT_YEAR = 1980;
const LAST_SHORT_YEAR = 2079;

/**
 * What forbids to send `date` (CCYYMMDD); undefined when nothing does. `strict`: it must be a day that exists, and, when
 * it is `short` (YYMMDD), one that the other side reads in the same century.
 */
export function dateProblem(date: string, strict: boolean, short: boolean): string | undefined {
  if (!/^\d{8}$/.test(date)) return "must have 8 digits (CCYYMMDD)";
  if (!strict) return undefined;
  const year = Number(date.slice(0, 4));
  if (short && (year < FIRST_SHORT_YEAR || year > LAST_SHORT_YEAR)) {
    return `must lie between ${FIRST_SHORT_YEAR} and ${LAST_SHORT_YEAR} in releases before 1.4`;
  }
  const iso = `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}`;
  const parsed = new Date(`${iso}T00:00:00Z`);
  const exists = !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(iso);
  return exists ? undefined : "must be a day that exists (CCYYMMDD)";
}

/** The same for a time (HHMMSScccc). */
export function timeProblem(time: string, strict: boolean): string | undefined {
  if (!/^\d{10}$/.test(time)) return "must have 10 digits (HHMMSScccc)";
  if (!strict || /^([01]\d|2[0-3])[0-5]\d[0-5]\d/.test(time)) return undefined;
  return "must be a time that exists (HHMMSScccc)";
}

/** A date as it came: CCYYMMDD, or YYMMDD whose century is supplied. */
export function fullDate(digits: string): string {
  if (digits.length === 8) return digits;
  return `${Number(digits.slice(0, 2)) >= FIRST_SHORT_YEAR % 100 ? "19" : "20"}${digits}`;
}

/** A time as it came: HHMMSScccc, or HHMMSS whose counter is 0000. */
export function fullTime(digits: string): string {
  return digits.padEnd(10, "0");
}

/**
 * The date and time stamp of a virtual file (RFC 5024 section 1.5.2). `counter`, 1 to 9999, tells apart the files of one
 * second; it is lost below level 4. Local time, as the RFC names no zone.
 */
export function virtualFileTime(moment: Date, counter: number): VirtualFileTime {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${String(moment.getFullYear()).padStart(4, "0")}${two(moment.getMonth() + 1)}${two(moment.getDate())}`;
  const clock = `${two(moment.getHours())}${two(moment.getMinutes())}${two(moment.getSeconds())}`;
  return { date, time: `${clock}${String(counter).padStart(4, "0")}` };
}
