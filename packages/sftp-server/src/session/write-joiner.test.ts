import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { FileHandle } from "../file-system.js";
import { acquireContentVersion } from "./content-version.js";
import { WriteJoiner } from "./write-joiner.js";

/** A file of fixed size whose writes take a while; those beyond its end fail, in part done. */
class SmallDisk {
  readonly content: Buffer;
  readonly pending: (() => void)[] = [];
  calls = 0;
  inside = 0;

  constructor(size: number) {
    this.content = Buffer.alloc(size);
  }

  handle(): FileHandle {
    return {
      read: async () => 0,
      write: async (buffers, position) => {
        this.calls += 1;
        this.inside += 1;
        expect(this.inside).toBe(1);
        await new Promise<void>((resolve) => this.pending.push(resolve));
        this.inside -= 1;
        let at = position;
        for (const buffer of buffers) {
          if (at + buffer.length > this.content.length) throw new Error("disk full");
          at += buffer.copy(this.content, at);
        }
      },
      stat: async () => ({}),
      setstat: async () => {},
      close: async () => {},
    };
  }
}

describe("WriteJoiner", () => {
  test("writes as if one after the other, and answers each request once", async () => {
    const size = 1000;
    const request = fc.record({
      offset: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 1050 })),
      length: fc.integer({ min: 1, max: 60 }),
      byte: fc.integer({ min: 1, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 1, maxLength: 40 }),
        fc.infiniteStream(fc.boolean()),
        async (requests, choices) => {
          const disk = new SmallDisk(size);
          const joiner = new WriteJoiner(disk.handle(), acquireContentVersion(undefined), false);
          const expected = Buffer.alloc(size);
          const answers: (string | undefined)[] = [];
          let end = 0;
          for (const [index, { offset: wanted, length, byte }] of requests.entries()) {
            // Often right after the request before it.
            const offset = wanted < 0 ? end : wanted;
            end = offset + length;
            if (end <= size) expected.fill(byte, offset, end);
            const data = Buffer.alloc(length, byte);
            const cut = Math.floor(length / 2);
            joiner.write({
              offset,
              length,
              data: [data.subarray(0, cut), data.subarray(cut)].filter((piece) => piece.length > 0),
              done: (error) => {
                expect(answers[index]).toBeUndefined();
                answers[index] = error === undefined ? "written" : "failed";
              },
            });
            if (choices.next().value) disk.pending.shift()?.();
            if (choices.next().value) await new Promise((resolve) => setImmediate(resolve));
          }
          while (answers.filter((answer) => answer !== undefined).length < requests.length) {
            disk.pending.shift()?.();
            await new Promise((resolve) => setImmediate(resolve));
          }
          end = 0;
          const wantedAnswers = requests.map(({ offset: wanted, length }) => {
            end = (wanted < 0 ? end : wanted) + length;
            return end <= size ? "written" : "failed";
          });
          expect(answers).toEqual(wantedAnswers);
          // What a failed write left behind is nobody's promise.
          if (!wantedAnswers.includes("failed")) expect(disk.content.equals(expected)).toBe(true);
        },
      ),
      { numRuns: 120 },
    );
  });

  test("joins up to 1 MiB, and everything when appending", async () => {
    for (const [append, calls] of [
      [false, 4],
      [true, 3],
    ] as const) {
      const lengths: number[] = [];
      const joiner = new WriteJoiner(
        {
          read: async () => 0,
          write: async (buffers) => {
            lengths.push(buffers.reduce((sum, buffer) => sum + buffer.length, 0));
          },
          stat: async () => ({}),
          setstat: async () => {},
          close: async () => {},
        },
        acquireContentVersion(undefined),
        append,
      );
      const data = Buffer.alloc(256 * 1024);
      let answered = 0;
      for (const offset of [0, 1, 2, 3, 4, 5, 9]) {
        joiner.write({
          offset: offset * data.length,
          length: data.length,
          data: [data],
          done: () => (answered += 1),
        });
      }
      while (answered < 7) await new Promise((resolve) => setImmediate(resolve));
      expect(lengths).toHaveLength(calls);
      expect(Math.max(...lengths)).toBe(1024 * 1024);
    }
  });

  test("says that the content changes before it writes, and that it has changed afterwards", async () => {
    const disk = new SmallDisk(10);
    const version = acquireContentVersion("joiner");
    const before = version.current;
    const written = new Promise<void>((resolve) => {
      new WriteJoiner(disk.handle(), version, false).write({
        offset: 0,
        length: 1,
        data: [Buffer.from("x")],
        done: () => resolve(),
      });
    });
    const during = version.current;
    expect(during).not.toBe(before);
    disk.pending.shift()!();
    await written;
    expect(version.current).not.toBe(during);
    version.release();
  });
});
