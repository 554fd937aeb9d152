import { readdirSync, readFileSync } from "node:fs";

/** The ids of all processes that a process has started, and those have started. Empty where there is no `/proc`. */
export function descendantsOf(pid: number): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const [child, parent] of parents()) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), child]);
  const found: number[] = [];
  const queue = [pid];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const children = childrenOf.get(next) ?? [];
    found.push(...children);
    queue.push(...children);
  }
  return found;
}

/** Kills processes at once. Those that are gone already are no matter. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Ended in the meantime.
    }
  }
}

function* parents(): Generator<[child: number, parent: number]> {
  for (const name of entriesOf("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // `pid (name) state parent …`: the name may have spaces and parentheses in it.
    const parent = /^\S+ \(.*\) \S (\d+) /s.exec(textOf(`/proc/${name}/stat`))?.[1];
    if (parent !== undefined) yield [Number(name), Number(parent)];
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
