/**
 * Whether `text` fits a pattern with `*` and `?` (ssh_config(5), PATTERNS), the case of letters ignored. Takes at
 * most the product of both lengths, whatever the pattern.
 */
export function matchesWildcard(text: string, pattern: string): boolean {
  const subject = text.toLowerCase();
  const mask = pattern.toLowerCase();
  let position = 0;
  let at = 0;
  let star = -1;
  let starPosition = 0;
  while (position < subject.length) {
    if (mask[at] === "*") {
      star = at;
      starPosition = position;
      at += 1;
    } else if (at < mask.length && (mask[at] === "?" || mask[at] === subject[position])) {
      at += 1;
      position += 1;
    } else if (star >= 0) {
      // The last star takes one character more.
      starPosition += 1;
      position = starPosition;
      at = star + 1;
    } else {
      return false;
    }
  }
  while (mask[at] === "*") at += 1;
  return at === mask.length;
}
