import type { DirectoryEntry } from "./file-system.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** Files older than this are shown with their year in place of the time, as `ls` does it. */
const HALF_A_YEAR_SECONDS = (365 * 24 * 60 * 60) / 2;

const TYPE_MASK = 0o170000;
const TYPE_LETTERS: ReadonlyMap<number, string> = new Map([
  [0o040000, "d"],
  [0o120000, "l"],
  [0o100000, "-"],
  [0o020000, "c"],
  [0o060000, "b"],
  [0o010000, "p"],
  [0o140000, "s"],
]);

/** The line for an entry in the columns that draft-ietf-secsh-filexfer-02, section 7, recommends. */
export function formatLongName(entry: DirectoryEntry, nowSeconds: number): string {
  const { name, attributes, linkCount = 1 } = entry;
  const { permissions, owner, size = 0, times } = attributes;
  const user = entry.userName || String(owner?.uid ?? 0);
  const group = entry.groupName || String(owner?.gid ?? 0);
  return [
    permissions === undefined ? "?---------" : formatMode(permissions),
    String(linkCount).padStart(3),
    user.padEnd(8),
    group.padEnd(8),
    String(size).padStart(8),
    formatTime(times?.modified ?? 0, nowSeconds),
    name,
  ].join(" ");
}

/** A mode as ten letters: `drwxr-xr-x`. */
export function formatMode(mode: number): string {
  const type = TYPE_LETTERS.get(mode & TYPE_MASK) ?? "?";
  return (
    type +
    formatTriple(mode >> 6, (mode & 0o4000) !== 0, "s") +
    formatTriple(mode >> 3, (mode & 0o2000) !== 0, "s") +
    formatTriple(mode, (mode & 0o1000) !== 0, "t")
  );
}

function formatTriple(bits: number, special: boolean, letter: string): string {
  const executable = (bits & 1) !== 0;
  const last = special ? (executable ? letter : letter.toUpperCase()) : executable ? "x" : "-";
  return (bits & 4 ? "r" : "-") + (bits & 2 ? "w" : "-") + last;
}

function formatTime(seconds: number, nowSeconds: number): string {
  const time = new Date(seconds * 1000);
  const day = `${MONTHS[time.getMonth()]} ${String(time.getDate()).padStart(2)}`;
  const recent = seconds <= nowSeconds && seconds > nowSeconds - HALF_A_YEAR_SECONDS;
  if (!recent) return `${day}  ${time.getFullYear()}`;
  return `${day} ${twoDigits(time.getHours())}:${twoDigits(time.getMinutes())}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
