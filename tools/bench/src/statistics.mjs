/** @typedef {{ median: number, min: number, max: number }} Summary */

/** @param {readonly number[]} samples At least one. @returns {Summary} */
export function summary(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (/** @type {number} */ index) => sorted[index] ?? Number.NaN;
  const last = sorted.length - 1;
  return { median: (at(last >> 1) + at((last + 1) >> 1)) / 2, min: at(0), max: at(last) };
}

/**
 * How many times as good as the second the first is: above 1 it is faster, or takes less.
 * @param {number} ours @param {number} theirs @param {"more" | "less"} better
 */
export function timesAsGood(ours, theirs, better) {
  return better === "more" ? ours / theirs : theirs / ours;
}
