import { printable } from "./printable.js";

/** A name and what it is; a name may have several values, each on a line of its own. */
export type Fact = readonly [name: string, value: string | readonly string[]];

/** The least that names take, so that tables below each other look alike. */
const NAME_WIDTH = 13;

/** Where tables are shown: a terminal, or any other file. */
export interface TableOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The width to lay out for: one less than the terminal's, so that nothing wraps; undefined when it is no terminal. */
export function widthOf(output: TableOutput): number | undefined {
  return output.isTTY === true ? Math.max(40, (output.columns ?? 80) - 1) : undefined;
}

/** One fact a line, the values below each other; with a width long values go on in the next line. */
export function factLines(facts: readonly Fact[], width: number | undefined, indent = ""): string[] {
  const nameWidth = Math.max(NAME_WIDTH, ...facts.map(([name]) => name.length + 2));
  return facts.flatMap(([name, value]) => {
    const values = (typeof value === "string" ? [value] : value).map(printable);
    const room = width === undefined ? undefined : Math.max(20, width - indent.length - nameWidth);
    const lines = values.flatMap((text) => (room === undefined ? [text] : wrapped(text, room)));
    return lines.map((line, index) => `${indent}${(index === 0 ? name : "").padEnd(nameWidth)}${line}`);
  });
}

/** A line of text, without control characters; with a width it goes on in the next lines. */
export function textLines(text: string, width: number | undefined): string[] {
  return width === undefined ? [printable(text)] : wrapped(printable(text), width);
}

/** Breaks after a comma or a space where there is one, else wherever the line is full. */
function wrapped(text: string, room: number): string[] {
  const lines: string[] = [];
  let rest = [...text];
  while (rest.length > room) {
    const line = rest.slice(0, room + 1);
    const at = Math.max(line.lastIndexOf(" "), line.slice(0, room).lastIndexOf(","));
    const end = at < room / 3 ? room : at + (line[at] === "," ? 1 : 0);
    lines.push(rest.slice(0, end).join("").trimEnd());
    rest = rest.slice(end);
    while (rest[0] === " ") rest = rest.slice(1);
  }
  return [...lines, rest.join("")];
}

/**
 * Rows below their headers. With a width the columns are aligned, and the widest one is cut where it must be; without,
 * there are no headers and the cells stand between tabs, whole.
 */
export function tableLines(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): string[] {
  const clean = rows.map((row) => row.map(printable));
  if (width === undefined) return clean.map((row) => row.join("\t"));
  const lengths = headers.map((header, column) =>
    Math.max(...[header, ...clean.map((row) => row[column] ?? "")].map((cell) => [...cell].length)),
  );
  const gaps = 2 * (headers.length - 1);
  for (let over = sum(lengths) + gaps - width; over > 0; over--) {
    const widest = lengths.indexOf(Math.max(...lengths));
    if ((lengths[widest] ?? 0) <= 4) break;
    lengths[widest] = (lengths[widest] ?? 0) - 1;
  }
  return [headers, ...clean].map((row) =>
    row
      .map((cell, column) => fit(cell, lengths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function fit(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text + " ".repeat(width - characters.length);
  return `${characters.slice(0, width - 1).join("")}…`;
}
