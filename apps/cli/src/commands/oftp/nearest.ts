/** More changes than this, and it is another word. */
const MAX_DISTANCE = 2;

/** The known word that was probably meant, or undefined. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  const [best] = known
    .map((each) => ({ each, distance: distance(lower, each.toLowerCase()) }))
    .filter((candidate) => candidate.distance <= Math.min(MAX_DISTANCE, lower.length - 1))
    .sort((a, b) => a.distance - b.distance);
  return best?.each;
}

/** How many letters have to be added, left out or replaced (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
