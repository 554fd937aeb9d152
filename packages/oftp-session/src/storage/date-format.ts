/** What a date format can show. */
export interface DateParts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  /** Digits after the second, the most significant first: a fraction, or the counter of a virtual file. */
  readonly fraction: string;
}

const pad = (value: number, digits: number) => String(value).padStart(digits, "0").slice(-digits);
const twelve = (hours: number) => (hours % 12 === 0 ? 12 : hours % 12);

const TOKENS: Readonly<Record<string, (parts: DateParts) => string>> = {
  yyyy: ({ year }) => pad(year, 4),
  yy: ({ year }) => pad(year, 2),
  MM: ({ month }) => pad(month, 2),
  M: ({ month }) => String(month),
  dd: ({ day }) => pad(day, 2),
  d: ({ day }) => String(day),
  HH: ({ hours }) => pad(hours, 2),
  H: ({ hours }) => String(hours),
  hh: ({ hours }) => pad(twelve(hours), 2),
  h: ({ hours }) => String(twelve(hours)),
  mm: ({ minutes }) => pad(minutes, 2),
  m: ({ minutes }) => String(minutes),
  ss: ({ seconds }) => pad(seconds, 2),
  s: ({ seconds }) => String(seconds),
  tt: ({ hours }) => (hours < 12 ? "AM" : "PM"),
};
const MAX_FRACTION = 7;

type Piece = string | ((parts: DateParts) => string);

/**
 * Reads a date format: `yyyy yy MM M dd d HH H hh h mm m ss s tt`, `f` to `fffffff`, text in quotes, a backslash before a
 * character that is meant as it is. Other letters are refused, other characters stand for themselves. Gives what is wrong
 * as a sentence, or the function that formats.
 */
export function parseDateFormat(format: string): { problem: string } | { format(parts: DateParts): string } {
  const pieces: Piece[] = [];
  for (let at = 0; at < format.length; ) {
    const character = format[at]!;
    if (character === "\\") {
      if (at + 1 === format.length) return { problem: "it ends with a backslash" };
      pieces.push(format[at + 1]!);
      at += 2;
    } else if (character === "'" || character === '"') {
      const end = format.indexOf(character, at + 1);
      if (end < 0) return { problem: "a quote is not closed" };
      pieces.push(format.slice(at + 1, end));
      at = end + 1;
    } else if (/[A-Za-z]/.test(character)) {
      let end = at;
      while (format[end] === character) end++;
      const token = format.slice(at, end);
      const known =
        character === "f" && token.length <= MAX_FRACTION ? fraction(token.length) : TOKENS[token];
      if (known === undefined || !Object.hasOwn(TOKENS, token) !== (character === "f")) {
        return { problem: `${token} has no meaning` };
      }
      pieces.push(known);
      at = end;
    } else {
      pieces.push(character);
      at += 1;
    }
  }
  return {
    format: (parts) => pieces.map((piece) => (typeof piece === "string" ? piece : piece(parts))).join(""),
  };
}

function fraction(digits: number): (parts: DateParts) => string {
  return (parts) => parts.fraction.padEnd(digits, "0").slice(0, digits);
}
