import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Sfid } from "@waybill/oftp-codec";
import fc from "fast-check";
import { patterned, sfidOf } from "../../test/storage-support/sfid.js";
import {
  gather,
  giving,
  prefixed,
  receive,
  type TemporaryInbox,
  temporaryInbox,
} from "../../test/storage-support/temporary-inbox.js";
import { FileRefusedError } from "../file-refused-error.js";
import type { InboxSinkOptions } from "./inbox-sink.js";

let inbox: TemporaryInbox;
beforeEach(async () => {
  inbox = await temporaryInbox(sfidOf());
});
afterEach(() => inbox.remove());

describe("inspect", () => {
  const layouts = fc.constantFrom(
    { format: "U", maxRecordSize: 0, mapping: undefined } as const,
    { format: "T", maxRecordSize: 0, mapping: undefined } as const,
    { format: "F", maxRecordSize: 80, mapping: "fixed" } as const,
    { format: "F", maxRecordSize: 80, mapping: "lines" } as const,
    { format: "V", maxRecordSize: 300, mapping: "lines" } as const,
    { format: "V", maxRecordSize: 300, mapping: "length-prefixed" } as const,
  );

  test("sees each octet that EFID counts, in every format, wherever sessions broke", async () => {
    let run = 0;
    const property = fc.asyncProperty(
      layouts,
      fc.array(fc.tuple(fc.nat({ max: 99 }), fc.nat({ max: 3 })), { maxLength: 4 }),
      fc.constantFrom("lf", "crlf"),
      async ({ format, maxRecordSize, mapping }, cuts, lineEnd) => {
        run += 1;
        // Records hold line ends, too.
        const records = Array.from({ length: 60 }, (_, i) =>
          Buffer.alloc(format === "V" ? (i * 37) % 301 : maxRecordSize || 100, `${i}\r\nx`),
        );
        const content = Buffer.concat(records);
        const wire = format === "V" ? prefixed(records) : content;
        const seen: Buffer[] = [];
        const inspect: InboxSinkOptions["inspect"] = async (octets) => {
          expect(await inbox.names()).not.toContain(`R${run}`);
          seen.push(await gather(octets));
        };
        const options = { fileName: `R${run}`, lineEnd, recordMapping: mapping, inspect } as const;
        const sfid = { format, maxRecordSize, datasetName: `R${run}` } as const;
        const totals = { records: format === "F" || format === "V" ? 60 : 0, octets: content.length };
        let sent = 0;
        for (const [to, back] of [...cuts, [100, 0] as const]) {
          const sink = await inbox.sink(sfid, options);
          const before = await sink.begin(Math.max(0, sink.restartPosition - back));
          const from = format === "V" ? before.octets + 2 * before.records : before.octets;
          expect(from).toBeLessThanOrEqual(sent);
          sent = to === 100 ? wire.length : Math.max(from, Math.floor((wire.length * to) / 100));
          for (let at = from; at < sent; at += 777)
            await sink.write(wire.subarray(at, Math.min(at + 777, sent)));
          if (to === 100) await sink.finish(totals);
          else await sink.interrupt();
        }
        expect(seen.map((octets) => octets.equals(content))).toEqual([true]);
        const line = Buffer.from(lineEnd === "crlf" ? "\r\n" : "\n");
        const expected = mapping === "lines" ? Buffer.concat(records.flatMap((each) => [each, line])) : wire;
        expect((await inbox.read(`R${run}`)).equals(expected)).toBe(true);
        expect(inbox.stored.at(-1)).toMatchObject({ totals, contentTotals: totals });
      },
    );
    await fc.assert(property, { numRuns: 60 });
    expect(await inbox.partial()).toEqual([]);
  });

  test("of a large file comes in order, the lengths of V left out wherever chunks end", async () => {
    const records = Array.from({ length: 40 }, (_, i) => patterned((i * 1601) % 65_000, i));
    const wire = prefixed(records);
    expect(wire.length).toBeGreaterThan(1_100_000);
    let seen: Buffer | undefined;
    const inspect: InboxSinkOptions["inspect"] = async (octets) => {
      seen = await gather(octets);
    };
    const sfid = { format: "V", maxRecordSize: 65_000 } as const;
    const content = Buffer.concat(records);
    const totals = { records: 40, octets: content.length };
    await receive(await inbox.sink(sfid, { inspect, recordMapping: "length-prefixed" }), wire, totals);
    expect(seen?.equals(content)).toBe(true);
    expect((await inbox.read()).equals(wire)).toBe(true);
  });

  test("is not asked of what is opened, but of an envelope that is passed on", async () => {
    const seen: string[] = [];
    const inspect: InboxSinkOptions["inspect"] = async (octets) => {
      seen.push(String(await gather(octets)));
    };
    await receive(
      await inbox.sink({ envelope: 1 }, { inspect, open: giving("inside") }),
      Buffer.from("sealed"),
    );
    expect(seen).toEqual([]);
    const other = { datasetName: "OTHER", format: "V", maxRecordSize: 4, envelope: 1 } as const;
    await receive(await inbox.sink(other, { inspect, fileName: "OTHER" }), Buffer.from("passed on"));
    expect(seen).toEqual(["passed on"]);
    expect(String(await inbox.read("OTHER"))).toBe("passed on");
  });

  test.each([
    ["U", { format: "U" }, Buffer.from("text"), 0],
    ["V as lines", { format: "V", maxRecordSize: 9 }, prefixed([Buffer.from("text")]), 1],
  ] as [string, Partial<Sfid>, Buffer, number][])(
    "that rejects refuses the file: %s",
    async (_, format, wire, records) => {
      const inspect = async () => {
        throw new FileRefusedError(99, "no");
      };
      const sink = await inbox.sink({ ...format }, { inspect });
      await expect(receive(sink, wire, { records, octets: 4 })).rejects.toMatchObject({ reason: 99 });
      await sink.discard();
      expect([await inbox.names(), await inbox.partial(), inbox.stored]).toEqual([[], [], []]);
    },
  );

  test.each([
    ["V", { format: "V", maxRecordSize: 9 }, ["one", "two\n", "three"], "one\ntwo\n\nthree\n"],
    ["F", { format: "F", maxRecordSize: 3 }, ["one", "two", "san"], "one\ntwo\nsan\n"],
  ] as [string, Partial<Sfid>, string[], string][])(
    "that was there in the session before: nothing goes on that is kept otherwise (%s)",
    async (_, sfid, lines, expected) => {
      const records = lines.map((line) => Buffer.from(line));
      const wire = sfid.format === "V" ? prefixed(records) : Buffer.concat(records);
      const totals = { records: 3, octets: Buffer.concat(records).length };
      const away = async () => {
        throw new FileRefusedError(12, "away", { retry: true });
      };
      const first = await inbox.sink(sfid, { inspect: away, recordMapping: "lines" });
      await expect(receive(first, wire, totals)).rejects.toMatchObject({ retry: true });
      await first.discard();
      expect(await inbox.kinds()).toEqual(["sealed"]);
      const again = await inbox.sink(sfid, { inspect: away, recordMapping: "lines" });
      expect(again.restartPosition).toBe(3);
      await again.begin(3);
      await expect(again.finish(totals)).rejects.toMatchObject({ retry: true });
      await again.discard();
      const without = await inbox.sink(sfid, { recordMapping: "lines" });
      expect(without.restartPosition).toBe(0);
      await receive(without, wire, totals);
      expect(String(await inbox.read())).toBe(expected);
      expect(await inbox.partial()).toEqual([]);
    },
  );
});
