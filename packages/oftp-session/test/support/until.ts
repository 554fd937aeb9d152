/** Turns of the event loop without a change that mean that nothing goes on. */
const STILL_TURNS = 1000;

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Waits until something holds; the test's own time-out ends it otherwise. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

/** Waits until a number that is not 0 stays as it is. */
export async function untilStill(value: () => number): Promise<void> {
  let last = value();
  for (let turns = 0; turns < STILL_TURNS || last === 0; turns += 1) {
    await turn();
    if (value() !== last) turns = 0;
    last = value();
  }
}
