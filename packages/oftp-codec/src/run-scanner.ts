/**
 * Shortest run of equal octets that becomes a compressed subrecord: it takes 2 octets, and mostly 1 more for the header
 * of what follows, so 4 are the first that are worth it.
 */
export const MIN_RUN = 4;

/** Where the next run of at least {@link MIN_RUN} equal octets starts between `from` and `to`; `to` when there is none. */
export function findRun(octets: Uint8Array, from: number, to: number): number {
  const last = to - 1;
  // Any such run has a pair of neighbours at every third place, so two thirds of the comparisons can be left out.
  for (let at = from; at < last; at += MIN_RUN - 1) {
    if (octets[at] !== octets[at + 1]) continue;
    const start = startOfRun(octets, from, to, at);
    if (start >= 0) return start;
  }
  return to;
}

/** Where the run that `at` belongs to starts, or -1 when it is too short. Apart from the loop, which is faster for it. */
function startOfRun(octets: Uint8Array, from: number, to: number, at: number): number {
  const octet = octets[at];
  let start = at;
  while (start > from && octets[start - 1] === octet) start -= 1;
  return runLength(octets, start, to, MIN_RUN) === MIN_RUN ? start : -1;
}

/** How many octets from `from` on are equal, up to `max`. */
export function runLength(octets: Uint8Array, from: number, to: number, max: number): number {
  const octet = octets[from];
  const end = Math.min(to, from + max);
  let at = from;
  while (at < end && octets[at] === octet) at += 1;
  return at - from;
}
