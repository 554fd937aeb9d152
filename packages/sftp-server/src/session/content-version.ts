// Data that one session reads ahead must not outlive a write of another session to the same file. All sessions of the
// process therefore share one counter for each open file that has an identity.

export interface ContentVersion {
  /** Compare it with an earlier value: when they differ, the content may have changed in between. */
  readonly current: number;
  /** Says that the content changes, or has changed. */
  bump(): void;
  release(): void;
}

interface SharedCounter {
  value: number;
  users: number;
}

const counters = new Map<string, SharedCounter>();
let changesOfUnknownFiles = 0;

/** The counter of a file. Without an identity the file has one of its own, which nobody else can bump. */
export function acquireContentVersion(identity: string | undefined): ContentVersion {
  const counter = (identity === undefined ? undefined : counters.get(identity)) ?? { value: 0, users: 0 };
  counter.users += 1;
  if (identity !== undefined) counters.set(identity, counter);
  return {
    get current() {
      return counter.value + changesOfUnknownFiles;
    },
    bump() {
      counter.value += 1;
    },
    release() {
      counter.users -= 1;
      if (counter.users === 0 && identity !== undefined) counters.delete(identity);
    },
  };
}

/** Says that the content of some file changed that is known by its path only. */
export function bumpAllContentVersions(): void {
  changesOfUnknownFiles += 1;
}
