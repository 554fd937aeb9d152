import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Sfid } from "@waybill/oftp-codec";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import fc from "fast-check";
import { sfidOf } from "../../test/storage-support/sfid.js";
import type { FileSink, FileTotals } from "../user-monitor.js";
import { CHECKPOINT_OCTETS } from "./inbox-reception.js";
import { type InboxSinkOptions, inboxSink } from "./inbox-sink.js";
import { recoverInbox } from "./recover-inbox.js";
import { realEnvironment, type StorageEnvironment } from "./storage-environment.js";
import { storedFileSink } from "./stored-file-sink.js";
import type { ReceptionLedger, StoredFile } from "./whole-file.js";

const BASE = sfidOf({ timestamp: { date: "20240229", time: "1200000001" } });

let folder: TemporaryFolder;
let stored: StoredFile[];
let ledger: ReceptionLedger;
beforeEach(async () => {
  folder = await temporaryFolder();
  stored = [];
  ledger = {
    async stored(file) {
      // Nothing may be seen before this resolves.
      expect(await inbox()).not.toContain(file.finalPath.split("/").at(-1));
      stored.push(file);
    },
    async moved() {},
    async lookUp(key, receptionId) {
      return stored.find((file) => file.key === key && file.receptionId === receptionId)?.finalPath;
    },
    async revoke(file) {
      stored = stored.filter(({ receptionId }) => receptionId !== file.receptionId);
    },
  };
});
afterEach(() => folder.remove());

const inboxFolder = () => join(folder.path, "inbox");
const partialFolder = () => join(folder.path, "partial");
const inbox = async () => (await readdir(inboxFolder()).catch(() => [])).sort();
const partial = async () => (await readdir(partialFolder()).catch(() => [])).sort();
const received = (name = "FILE") => readFile(join(inboxFolder(), name));

function sinkFor(
  sfid: Partial<Sfid> = {},
  options: Partial<InboxSinkOptions> = {},
  environment: StorageEnvironment = realEnvironment,
): Promise<FileSink> {
  const folders = { inboxFolder: inboxFolder(), partialFolder: partialFolder() };
  const all = { ...folders, sfid: { ...BASE, ...sfid }, fileName: "FILE", ledger, ...options };
  return inboxSink(all, environment);
}

async function receive(sink: FileSink, content: Uint8Array, totals: FileTotals): Promise<void> {
  await sink.begin(0);
  await sink.write(content);
  await sink.finish(totals);
}

function prefixed(records: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    records.flatMap((record) => [Buffer.from([record.length >> 8, record.length & 255]), record]),
  );
}

describe("a file that arrives in one session", () => {
  test("is seen when it is whole and recorded, under its name, and leaves nothing", async () => {
    const sink = await sinkFor();
    await sink.begin(0);
    await sink.write(Buffer.from("one "));
    expect(await inbox()).toEqual([]);
    await sink.write(Buffer.from("two"));
    await sink.finish({ records: 0, octets: 7 });
    expect(String(await received())).toBe("one two");
    expect(stored).toMatchObject([
      { finalPath: join(inboxFolder(), "FILE"), totals: { records: 0, octets: 7 } },
    ]);
    expect(await partial()).toEqual([]);
    expect((await stat(partialFolder())).mode & 0o777).toBe(0o700);
  });

  test("may be empty", async () => {
    const sink = await sinkFor();
    await sink.begin(0);
    await sink.finish({ records: 0, octets: 0 });
    expect((await received()).length).toBe(0);
  });

  test.each([
    ["F fixed", { format: "F", maxRecordSize: 4 }, {}, "aaaabbbb", 2, "aaaabbbb"],
    [
      "F as lines",
      { format: "F", maxRecordSize: 4 },
      { recordMapping: "lines" },
      "aaaabbbb",
      2,
      "aaaa\nbbbb\n",
    ],
    [
      "F as lines, the last one short",
      { format: "F", maxRecordSize: 4 },
      { recordMapping: "lines", lineEnd: "crlf" },
      "aaaabb",
      2,
      "aaaa\r\nbb\r\n",
    ],
    ["V as lines", { format: "V", maxRecordSize: 9 }, {}, "\0\x02aa\0\0\0\x01b", 3, "aa\n\nb\n"],
    [
      "V with CR LF",
      { format: "V", maxRecordSize: 9 },
      { lineEnd: "crlf" },
      "\0\x02aa\0\0\0\x01b",
      3,
      "aa\r\n\r\nb\r\n",
    ],
    [
      "V with lengths",
      { format: "V", maxRecordSize: 9 },
      { recordMapping: "length-prefixed" },
      "\0\x02aa\0\0\0\x01b",
      3,
      "\0\x02aa\0\0\0\x01b",
    ],
    ["F enveloped", { format: "F", maxRecordSize: 4, envelope: 1 }, {}, "sealed", 0, "sealed"],
  ] as [string, Partial<Sfid>, Partial<InboxSinkOptions>, string, number, string][])(
    "%s, in chunks of any size",
    async (_, sfid, options, sent, records, expected) => {
      const octets = sfid.format === "V" ? 3 : sent.length;
      for (let size = 1; size <= sent.length; size++) {
        const sink = await sinkFor(
          { ...sfid, datasetName: `S${size}` },
          { ...options, fileName: `F${size}` },
        );
        await sink.begin(0);
        for (let at = 0; at < sent.length; at += size)
          await sink.write(Buffer.from(sent.slice(at, at + size)));
        await sink.finish({ records, octets });
        expect(String(await received(`F${size}`))).toBe(expected);
      }
    },
  );

  test.each([
    ["octets", { records: 0, octets: 8 }, 11],
    ["records", { records: 1, octets: 7 }, 10],
  ])("wrong %s are refused", async (_, totals, reason) => {
    const sink = await sinkFor();
    await expect(receive(sink, Buffer.from("one two"), totals)).rejects.toMatchObject({ reason });
    await sink.discard();
    expect([await inbox(), await partial(), stored]).toEqual([[], [], []]);
  });

  test("V that ends in a record is refused", async () => {
    const sink = await sinkFor({ format: "V", maxRecordSize: 9 });
    const refused = receive(sink, Buffer.from("\0\x02a"), { records: 0, octets: 1 });
    await expect(refused).rejects.toMatchObject({ reason: 10 });
    await sink.discard();
  });

  test("a wrong name or mapping is an error of the program", async () => {
    for (const fileName of ["../x", "", ".", "a/b", ".hidden"]) {
      await expect(sinkFor({}, { fileName })).rejects.toMatchObject({ code: "ERR_OPTION_INVALID" });
    }
    const wrong = sinkFor({ format: "V", maxRecordSize: 9 }, { recordMapping: "fixed" });
    await expect(wrong).rejects.toMatchObject({ code: "ERR_OPTION_INVALID" });
  });
});

describe("a name that is taken", () => {
  const totals = { records: 0, octets: 3 };
  beforeEach(async () => {
    await mkdir(inboxFolder());
    await writeFile(join(inboxFolder(), "FILE"), "old");
  });

  test("rename: gets a number", async () => {
    for (const datasetName of ["A", "B", "C"])
      await receive(await sinkFor({ datasetName }), Buffer.from("new"), totals);
    expect(await inbox()).toEqual(["FILE", "FILE-1", "FILE-2", "FILE-3"]);
    expect(String(await received())).toBe("old");
    expect(stored.map(({ finalPath }) => finalPath.split("/").at(-1))).toEqual([
      "FILE-1",
      "FILE-2",
      "FILE-3",
    ]);
  });

  test("rename: finds one fast among many", async () => {
    for (let number = 1; number <= 300; number++) await writeFile(join(inboxFolder(), `FILE-${number}`), "");
    await receive(await sinkFor(), Buffer.from("new"), totals);
    expect(String(await received("FILE-301"))).toBe("new");
  });

  test("never: refused before anything is sent, or at the end when it came meanwhile", async () => {
    await expect(sinkFor({}, { overwrite: "never" })).rejects.toMatchObject({ reason: 13, retry: false });
    const sink = await sinkFor({}, { overwrite: "never", fileName: "LATER" });
    await sink.begin(0);
    await sink.write(Buffer.from("new"));
    await writeFile(join(inboxFolder(), "LATER"), "quicker");
    await expect(sink.finish(totals)).rejects.toMatchObject({ reason: 13 });
    await sink.discard();
    expect(String(await received("LATER"))).toBe("quicker");
    expect([await partial(), stored]).toEqual([[], []]);
  });

  test("replace: takes its place", async () => {
    const stored = async () => expect(String(await received())).toBe("old");
    const options = { overwrite: "replace", ledger: { ...ledger, stored } } as const;
    await receive(await sinkFor({}, options), Buffer.from("new"), totals);
    expect(await inbox()).toEqual(["FILE"]);
    expect(String(await received())).toBe("new");
  });

  test("at the very last moment: another name, and the record says so", async () => {
    const moved: string[] = [];
    const eager: ReceptionLedger = {
      ...ledger,
      async stored(file) {
        stored.push(file);
        await writeFile(file.finalPath, "quicker");
      },
      async moved(_key, _receptionId, finalPath) {
        moved.push(finalPath);
      },
    };
    await receive(await sinkFor({}, { ledger: eager }), Buffer.from("new"), totals);
    expect(await inbox()).toEqual(["FILE", "FILE-1", "FILE-1-1"]);
    expect(String(await received("FILE-1-1"))).toBe("new");
    expect(moved).toEqual([join(inboxFolder(), "FILE-1-1")]);
  });

  test("40 sessions at once under one name: each its own", async () => {
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const content = Buffer.from(String(100 + i));
        await receive(await sinkFor({ datasetName: `D${i}` }), content, totals);
      }),
    );
    const names = (await inbox()).filter((name) => name !== "FILE");
    const contents = await Promise.all(names.map(async (name) => Number(await received(name))));
    expect(contents.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => 100 + i));
    expect(await partial()).toEqual([]);
  });
});

describe("a file that is interrupted", () => {
  test("another session may not receive it at once", async () => {
    const sink = await sinkFor();
    await expect(sinkFor()).rejects.toMatchObject({ reason: 99, retry: true });
    await sink.interrupt();
    const next = await sinkFor();
    await next.discard();
    expect(await partial()).toEqual([]);
  });

  const formats = fc.constantFrom(
    { format: "U", maxRecordSize: 0, mapping: undefined } as const,
    { format: "T", maxRecordSize: 0, mapping: undefined } as const,
    { format: "F", maxRecordSize: 80, mapping: "fixed" } as const,
    { format: "F", maxRecordSize: 80, mapping: "lines" } as const,
    { format: "V", maxRecordSize: 300, mapping: "lines" } as const,
    { format: "V", maxRecordSize: 300, mapping: "length-prefixed" } as const,
  );

  test("goes on where it was or before, in every format, any number of times", async () => {
    let run = 0;
    const property = fc.asyncProperty(
      formats,
      fc.array(fc.tuple(fc.nat({ max: 100 }), fc.nat({ max: 100 })), { maxLength: 4 }),
      fc.constantFrom("lf", "crlf"),
      async ({ format, maxRecordSize, mapping }, cuts, lineEnd) => {
        run += 1;
        const records = Array.from({ length: 60 }, (_, i) =>
          Buffer.alloc(
            format === "V" ? (i * 37) % 301 : maxRecordSize || 100,
            String.fromCharCode(65 + (i % 26)),
          ),
        );
        const wire = format === "V" ? prefixed(records) : Buffer.concat(records);
        const octets = records.reduce((sum, { length }) => sum + length, 0);
        const options = { fileName: `R${run}`, lineEnd, recordMapping: mapping } as const;
        const sfid = { format, maxRecordSize, datasetName: `R${run}` };
        const unit = format === "F" ? maxRecordSize : 1024;
        /** Where a position lies in what is transmitted, and in the octets of the user. */
        const placeOf = (position: number) => {
          if (format !== "V") return { wire: position * unit, octets: position * unit };
          const before = records.slice(0, position);
          const sum = before.reduce((all, { length }) => all + length, 0);
          return { wire: sum + 2 * position, octets: sum };
        };
        let sent = 0;
        for (const [to, back] of [...cuts, [100, 0] as const]) {
          const sink = await sinkFor(sfid, options);
          expect(placeOf(sink.restartPosition).wire).toBeLessThanOrEqual(sent);
          expect(placeOf(sink.restartPosition + 1).wire).toBeGreaterThan(sent);
          const position = Math.max(0, sink.restartPosition - Math.floor(back / 20));
          const before = await sink.begin(position);
          const place = placeOf(position);
          expect(before).toEqual({
            records: unit === 1024 && format !== "V" ? 0 : position,
            octets: place.octets,
          });
          const end = to === 100 ? wire.length : Math.max(place.wire, Math.floor((wire.length * to) / 100));
          for (let at = place.wire; at < end; at += 777)
            await sink.write(wire.subarray(at, Math.min(at + 777, end)));
          sent = end;
          if (end === wire.length) {
            await sink.finish({ records: format === "F" || format === "V" ? 60 : 0, octets });
            break;
          }
          await sink.interrupt();
        }
        const line = Buffer.from(lineEnd === "crlf" ? "\r\n" : "\n");
        const expected = mapping === "lines" ? Buffer.concat(records.flatMap((each) => [each, line])) : wire;
        expect((await received(`R${run}`)).equals(expected)).toBe(true);
      },
    );
    await fc.assert(property, { numRuns: 60 });
    expect(await partial()).toEqual([]);
  });

  test("V as lines with line ends in records goes on at the last record, and nowhere else", async () => {
    const records = [Buffer.from("a\nb"), Buffer.from("c"), Buffer.from("d")];
    const sfid = { format: "V", maxRecordSize: 9 } as const;
    const first = await sinkFor(sfid);
    await first.begin(0);
    await first.write(prefixed(records.slice(0, 2)));
    await first.interrupt();
    const second = await sinkFor({ ...sfid, restartPosition: 2 });
    expect(second.restartPosition).toBe(2);
    await expect(second.begin(1)).rejects.toMatchObject({ reason: 12, retry: true });
    await second.interrupt();
    // A partner that is not so far starts again; one that is goes on.
    const third = await sinkFor({ ...sfid, restartPosition: 1 });
    expect(third.restartPosition).toBe(0);
    await third.interrupt();
    const last = await sinkFor({ ...sfid, restartPosition: 2 });
    expect(await last.begin(2)).toEqual({ records: 2, octets: 4 });
    await last.write(prefixed(records.slice(2)));
    await last.finish({ records: 3, octets: 5 });
    expect(String(await received())).toBe("a\nb\nc\nd\n");
  });

  test("nothing is kept that was kept otherwise", async () => {
    const sfid = { format: "F", maxRecordSize: 4 } as const;
    const first = await sinkFor(sfid, { recordMapping: "lines" });
    await first.begin(0);
    await first.write(Buffer.from("aaaabbbb"));
    await first.interrupt();
    const second = await sinkFor(sfid, { recordMapping: "fixed" });
    expect(second.restartPosition).toBe(0);
    await receive(second, Buffer.from("aaaa"), { records: 1, octets: 4 });
    expect(String(await received())).toBe("aaaa");
  });

  test("what was not synced, or damaged, does not count", async () => {
    const first = await sinkFor();
    await first.begin(0);
    await first.write(Buffer.alloc(5000, 1));
    await first.interrupt();
    const names = await partial();
    const part = join(partialFolder(), names.find((name) => name.endsWith(".part"))!);
    const checkpoint = join(partialFolder(), names.find((name) => name.endsWith(".position"))!);
    expect((await stat(part)).size).toBe(5000);
    const good = await readFile(checkpoint);
    await writeFile(part, Buffer.alloc(9000, 2));
    const more = await sinkFor();
    expect(more.restartPosition).toBe(4);
    await more.interrupt();
    await writeFile(
      checkpoint,
      good.map((octet) => (octet === 0x34 ? 0x38 : octet)),
    );
    const damaged = await sinkFor();
    expect(damaged.restartPosition).toBe(0);
    await damaged.interrupt();
    await writeFile(checkpoint, good);
    await writeFile(part, Buffer.alloc(1000));
    const shorter = await sinkFor();
    expect(shorter.restartPosition).toBe(0);
    await shorter.discard();
    expect(await partial()).toEqual([]);
  });

  test("has checkpoints while it is written", async () => {
    const { fileSystem, authority } = realEnvironment;
    let checkpointed: () => void = () => {};
    const checkpoint = new Promise<void>((resolve) => {
      checkpointed = resolve;
    });
    const watched: StorageEnvironment = {
      authority,
      fileSystem: {
        ...fileSystem,
        async open(path, how, mode) {
          const file = await fileSystem.open(path, how, mode);
          if (!path.endsWith(".position")) return file;
          const sync = () => file.sync().then(checkpointed);
          return { ...file, sync };
        },
      },
    };
    const sink = await sinkFor({}, {}, watched);
    await sink.begin(0);
    const chunk = Buffer.alloc(1024 * 1024, 3);
    for (let written = 0; written < CHECKPOINT_OCTETS; written += chunk.length) {
      expect((await partial()).some((name) => name.endsWith(".position"))).toBe(false);
      await sink.write(chunk);
    }
    // Nothing more is written, and nobody ends it: however long the disk takes, it comes by itself.
    await checkpoint;
    expect((await partial()).some((name) => name.endsWith(".position"))).toBe(true);
    await sink.discard();
    expect(await partial()).toEqual([]);
  });
});

describe("recoverInbox", () => {
  test("a folder that is not there needs nothing; old partial files go when that is wanted", async () => {
    const options = { partialFolder: partialFolder(), ledger };
    const nothing = { delivered: [], restartable: 0, removed: 0 };
    expect(await recoverInbox(options)).toEqual(nothing);
    const sink = await sinkFor();
    await sink.begin(0);
    await sink.write(Buffer.alloc(5000));
    // Somebody is at work on it.
    expect(await recoverInbox({ ...options, partialLifetimeMs: 0 })).toEqual(nothing);
    await sink.interrupt();
    expect(await recoverInbox(options)).toEqual({ ...nothing, restartable: 1 });
    expect(await recoverInbox({ ...options, partialLifetimeMs: 0 })).toEqual({ ...nothing, removed: 1 });
    expect(await partial()).toEqual([]);
  });

  test("reports what it cannot do, and does the rest", async () => {
    await mkdir(partialFolder());
    await mkdir(inboxFolder());
    const whole = (digit: string) => join(partialFolder(), `${digit.repeat(40)}.${digit.repeat(16)}.whole`);
    for (const digit of ["1", "2"]) await writeFile(whole(digit), digit);
    const problems: string[] = [];
    const lookUp = async (key: string) =>
      key.startsWith("1") ? join(folder.path, "missing/FILE") : join(inboxFolder(), "FILE");
    const onProblem = ({ code }: { code: string }) => problems.push(code);
    const done = await recoverInbox({
      partialFolder: partialFolder(),
      ledger: { ...ledger, lookUp },
      onProblem,
    });
    expect(done.delivered).toEqual([{ key: "2".repeat(40), finalPath: join(inboxFolder(), "FILE") }]);
    expect(problems).toEqual(["ERR_OFTP_INBOX_RECOVERY"]);
    expect(await partial()).toEqual([`${"1".repeat(40)}.${"1".repeat(16)}.whole`]);
  });
});

test("storedFileSink lets a partner end what it did not see the end of", async () => {
  const totals = { records: 0, octets: 5000 };
  expect(storedFileSink({ ...BASE, restartPosition: 3 }, totals).restartPosition).toBe(0);
  const sink = storedFileSink({ ...BASE, restartPosition: 4 }, totals);
  expect(sink.restartPosition).toBe(4);
  expect(await sink.begin(4)).toEqual({ records: 0, octets: 4096 });
  const v = storedFileSink({ ...BASE, format: "V", restartPosition: 9 }, { records: 9, octets: 70 });
  expect(await v.begin(9)).toEqual({ records: 9, octets: 70 });
  expect(await v.begin(0)).toEqual({ records: 0, octets: 0 });
});
