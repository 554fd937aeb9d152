import { createHash } from "node:crypto";
import { extname, join } from "node:path";
import { acquireProcessLock, type ProcessLock } from "./process-lock.js";
import type { StorageEnvironment } from "./storage-environment.js";

/**
 * What happens when a file's name is taken:
 * - `never`: the file is refused, reason 13 (duplicate file).
 * - `rename`: it gets `-1`, `-2` … before its extension.
 * - `replace`: it takes the other one's place.
 */
export type OverwriteRule = "never" | "rename" | "replace";

export const MAX_NAME_OCTETS = 255;
const MAX_EXTENSION_OCTETS = 32;
/** Numbers that are tried one after the other before the steps grow. */
const CLOSE_NUMBERS = 4;

/** `name` with a number before its extension, within the octets that file systems take. */
export function numberedName(name: string, number: number): string {
  if (number === 0) return name;
  const extension = extname(name);
  const kept = Buffer.byteLength(extension) <= MAX_EXTENSION_OCTETS ? extension : "";
  const suffix = `-${number}${kept}`;
  const stem = kept === "" ? name : name.slice(0, -kept.length);
  return `${cutToOctets(stem, MAX_NAME_OCTETS - Buffer.byteLength(suffix))}${suffix}`;
}

/** The beginning of a text that has at most so many octets in UTF-8, characters kept whole. */
export function cutToOctets(text: string, octets: number): string {
  if (Buffer.byteLength(text) <= octets) return text;
  let end = 0;
  let used = 0;
  for (const character of text) {
    used += Buffer.byteLength(character);
    if (used > octets) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** A name that is free and kept free of other Waybill processes until it is released. */
export interface ClaimedName {
  readonly path: string;
  release(): Promise<void>;
}

/**
 * Claims the first free of `name`, `name-1`, `name-2` …, or, when there are many, some free one after those that are taken.
 * With `onlyFirst`: `name` or undefined.
 */
export async function claimFreeName(
  inboxFolder: string,
  name: string,
  lockFolder: string,
  environment: StorageEnvironment,
  onlyFirst = false,
): Promise<ClaimedName | undefined> {
  const claim = (number: number) =>
    claimName(inboxFolder, numberedName(name, number), lockFolder, environment);
  if (onlyFirst) return claim(0);
  let taken = -1;
  for (let number = 0; ; number = number < CLOSE_NUMBERS ? number + 1 : 2 * number) {
    const claimed = await claim(number);
    if (claimed === undefined) {
      taken = number;
      continue;
    }
    return lowerNumber(claimed, taken, number, claim);
  }
}

/** Between a number that is taken and one that was free: a lower one that is free too. */
async function lowerNumber(
  claimed: ClaimedName,
  taken: number,
  free: number,
  claim: (number: number) => Promise<ClaimedName | undefined>,
): Promise<ClaimedName> {
  let best = claimed;
  let low = taken;
  let high = free;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const lower = await claim(middle).catch(async (error) => {
      await best.release();
      throw error;
    });
    if (lower === undefined) {
      low = middle;
      continue;
    }
    await best.release();
    best = lower;
    high = middle;
  }
  return best;
}

async function claimName(
  inboxFolder: string,
  name: string,
  lockFolder: string,
  { fileSystem, authority }: StorageEnvironment,
): Promise<ClaimedName | undefined> {
  const path = join(inboxFolder, name);
  if ((await fileSystem.inspect(path)) !== undefined) return undefined;
  const lock = await lockName(path, lockFolder, { fileSystem, authority });
  if (lock === undefined) return undefined;
  let claimed: ClaimedName | undefined;
  try {
    const free = (await fileSystem.inspect(path)) === undefined;
    if (free) claimed = { path, release: () => lock.release() };
    return claimed;
  } finally {
    if (claimed === undefined) await lock.release();
  }
}

/** Two names that differ in case are one to some file systems. */
function lockName(
  path: string,
  lockFolder: string,
  { fileSystem, authority }: StorageEnvironment,
): Promise<ProcessLock | undefined> {
  const digest = createHash("sha256").update(path.toLowerCase()).digest("hex").slice(0, 32);
  return acquireProcessLock(lockFolder, `name-${digest}`, fileSystem, authority);
}
