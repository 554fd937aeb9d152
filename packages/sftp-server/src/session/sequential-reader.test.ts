import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { FileHandle } from "../file-system.js";
import { acquireContentVersion } from "./content-version.js";
import { ReadAheadBudget } from "./read-ahead-budget.js";
import { SequentialReader } from "./sequential-reader.js";

/** A file whose reads end when and as the test wants. */
class SlowFile {
  readonly pending: (() => void)[] = [];
  calls = 0;
  content: Buffer;
  failure: Error | undefined;

  constructor(content: Buffer) {
    this.content = content;
  }

  handle(): FileHandle {
    return {
      identity: "test",
      read: async (buffers, position) => {
        this.calls += 1;
        await new Promise<void>((resolve) => this.pending.push(resolve));
        if (this.failure !== undefined) throw this.failure;
        let at = position;
        for (const buffer of buffers) at += this.content.copy(buffer, 0, Math.min(at, this.content.length));
        return at - position;
      },
      write: async () => {},
      stat: async () => ({}),
      setstat: async () => {},
      close: async () => {},
    };
  }
}

type Outcome =
  | { readonly kind: "data"; readonly data: Buffer }
  | { readonly kind: "end" }
  | { readonly kind: "error" };

function readOnce(reader: SequentialReader, offset: number, length: number): Promise<Outcome> {
  return new Promise((resolve) => {
    reader.read({
      id: 0x01020304,
      offset,
      length,
      data: (packet, packetBytes, dataBytes) => {
        expect(packet.readUInt32BE(0)).toBe(packetBytes - 4);
        expect(packet.readUInt32BE(5)).toBe(0x01020304);
        expect(packet.readUInt32BE(9)).toBe(dataBytes);
        resolve({ kind: "data", data: Buffer.from(packet.subarray(13, packetBytes)) });
      },
      endOfFile: () => resolve({ kind: "end" }),
      failed: () => resolve({ kind: "error" }),
    });
  });
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe("SequentialReader", () => {
  test("gives what is in the file, whatever is asked in whatever order, and keeps nothing", async () => {
    const content = Buffer.from(
      Array.from({ length: 5000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff),
    );
    // Runs of sequential requests, now and then elsewhere, as downloads are.
    const run = fc.record({
      start: fc.integer({ min: 0, max: 5200 }),
      length: fc.integer({ min: 1, max: 700 }),
      count: fc.integer({ min: 1, max: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(run, { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        async (runs, choices) => {
          const file = new SlowFile(content);
          const budget = new ReadAheadBudget();
          const version = acquireContentVersion("test");
          const reader = new SequentialReader(file.handle(), version, budget, () => true);
          const checks: Promise<void>[] = [];
          for (const { start, length, count } of runs) {
            for (let index = 0; index < count; index += 1) {
              const offset = start + index * length;
              const expected = content.subarray(offset, offset + length);
              checks.push(
                readOnce(reader, offset, length).then((outcome) => {
                  if (expected.length === 0) expect(outcome.kind).toBe("end");
                  else expect(outcome).toEqual({ kind: "data", data: Buffer.from(expected) });
                }),
              );
              if (choices.next().value % 2 === 0) await turn();
              if (choices.next().value % 2 === 0) letOneGo(file, choices.next().value);
            }
          }
          let done = false;
          const all = Promise.all(checks).then(() => {
            done = true;
          });
          while (!done) {
            letOneGo(file, choices.next().value);
            await turn();
          }
          await all;
          const closed = reader.close();
          for (const proceed of file.pending.splice(0)) proceed();
          await closed;
          expect(budget.bytes).toBe(0);
          version.release();
        },
      ),
      { numRuns: 60 },
    );
  });

  function letOneGo(file: SlowFile, choice: number): void {
    const [proceed] = file.pending.splice(choice % Math.max(file.pending.length, 1), 1);
    proceed?.();
  }

  test("waits for reads that are under way when it is closed", async () => {
    const file = new SlowFile(Buffer.alloc(3_000_000));
    const budget = new ReadAheadBudget();
    const reader = new SequentialReader(file.handle(), acquireContentVersion(undefined), budget, () => true);
    for (let index = 0; index < 3; index += 1) {
      const read = readOnce(reader, index * 1000, 1000);
      await turn();
      for (const proceed of file.pending.splice(0)) proceed();
      await read;
    }
    await turn();
    expect(budget.bytes).toBeGreaterThan(0);
    let closed = false;
    const closing = reader.close().then(() => {
      closed = true;
    });
    await turn();
    expect(file.pending).toHaveLength(1);
    expect(closed).toBe(false);
    file.pending[0]!();
    await closing;
    expect(budget.bytes).toBe(0);
  });

  test("tells each request on its own when joined ones fail", async () => {
    const file = new SlowFile(Buffer.alloc(100_000));
    const reader = new SequentialReader(
      file.handle(),
      acquireContentVersion(undefined),
      new ReadAheadBudget(),
      () => true,
    );
    file.failure = new Error("bad sector");
    const reads = [0, 1, 2, 3, 4, 5].map((index) => readOnce(reader, index * 100, 100));
    while (file.pending.length > 0) {
      file.pending.shift()!();
      await turn();
    }
    expect((await Promise.all(reads)).map((outcome) => outcome.kind)).toEqual(Array(6).fill("error"));
  });

  test("reads nothing ahead when it may not, or when the file has no identity", async () => {
    for (const [identity, allowed] of [
      ["x", false],
      [undefined, true],
    ] as const) {
      const file = new SlowFile(Buffer.alloc(100_000));
      const { identity: _, ...handle } = file.handle();
      const budget = new ReadAheadBudget();
      const reader = new SequentialReader(
        identity === undefined ? handle : { ...handle, identity },
        acquireContentVersion(identity),
        budget,
        () => allowed,
      );
      for (let index = 0; index < 6; index += 1) {
        const read = readOnce(reader, index * 100, 100);
        await turn();
        expect(file.pending).toHaveLength(1);
        file.pending.shift()!();
        await read;
      }
      await turn();
      expect(file.calls).toBe(6);
      expect(budget.bytes).toBe(0);
    }
  });
});
