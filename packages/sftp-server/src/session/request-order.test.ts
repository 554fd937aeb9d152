import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type Access,
  type FileActivity,
  idleFile,
  NO_ACCESS,
  PATH_CHANGE,
  PATH_READ,
  RequestOrder,
} from "./request-order.js";

interface Job {
  readonly index: number;
  readonly access: Access;
}

/** Whether the outcome could depend on which of the two comes first. */
function conflict(a: Access, b: Access): boolean {
  if (a.on === "nothing" || b.on === "nothing") return false;
  if (a.on === "path" && b.on === "path") return a.changes || b.changes;
  if (a.on !== b.on) {
    const [path, file] = a.on === "path" ? [a, b] : [b, a];
    return path.changes || file.changes;
  }
  const shared = a.files.some((file) => b.files.includes(file));
  return shared && (a.mode === "exclusive" || b.mode === "exclusive" || a.mode !== b.mode);
}

describe("RequestOrder", () => {
  test("never runs conflicting requests together or out of order, and runs all of them", () => {
    const file = fc.integer({ min: 0, max: 2 });
    const kind = fc.oneof(
      fc.constantFrom<["path", Access]>(["path", PATH_READ], ["path", PATH_CHANGE], ["path", NO_ACCESS]),
      fc.tuple(fc.constantFrom("read", "write", "sync", "close"), file),
      fc.tuple(fc.constant("copy"), file, file),
    );
    fc.assert(
      fc.property(fc.array(kind, { maxLength: 40 }), fc.infiniteStream(fc.nat()), (kinds, choices) => {
        const files: FileActivity[] = [idleFile(), idleFile(), idleFile()];
        const jobs = kinds.map(([name, first, second], index): Job => {
          if (typeof first !== "number") return { index, access: first };
          const mode = name === "read" ? "shared" : name === "write" ? "joined" : "exclusive";
          const changes = name !== "read" && name !== "sync";
          const touched = [files[first]!, ...(second === undefined ? [] : [files[second]!])];
          return { index, access: { on: "file", mode, changes, files: touched } };
        });
        const running: Job[] = [];
        const finished = new Set<number>();
        const order = new RequestOrder<Job>(
          (job) => job.access,
          (job) => {
            for (const other of running) expect(conflict(other.access, job.access)).toBe(false);
            for (const earlier of jobs.slice(0, job.index)) {
              if (conflict(earlier.access, job.access)) expect(finished.has(earlier.index)).toBe(true);
            }
            running.push(job);
          },
        );
        for (const job of jobs) {
          order.submit(job);
          // Some end early, some late.
          if (choices.next().value % 3 === 0) finishOne();
        }
        while (running.length > 0) finishOne();
        expect(finished.size).toBe(jobs.length);
        expect(files).toEqual([idleFile(), idleFile(), idleFile()]);

        function finishOne(): void {
          const [job] = running.splice(choices.next().value % Math.max(running.length, 1), 1);
          if (job === undefined) return;
          finished.add(job.index);
          order.finish(job.access);
        }
      }),
      { numRuns: 400 },
    );
  });

  test("goes on when requests are over before their start returns", () => {
    const started: number[] = [];
    const order: RequestOrder<number> = new RequestOrder(
      () => PATH_CHANGE,
      (index) => {
        started.push(index);
        order.finish(PATH_CHANGE);
      },
    );
    for (let index = 0; index < 5000; index += 1) order.submit(index);
    expect(started).toHaveLength(5000);
  });
});
