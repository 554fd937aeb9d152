import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Sfid } from "@waybill/oftp-codec";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import fc from "fast-check";
import { patterned, sfidOf } from "../../test/storage-support/sfid.js";
import { FileRefusedError } from "../file-refused-error.js";
import type { FileSink, FileTotals } from "../user-monitor.js";
import { type InboxSinkOptions, inboxSink } from "./inbox-sink.js";
import { receivedFileKey } from "./received-file-key.js";
import { recoverInbox } from "./recover-inbox.js";
import { realEnvironment, type StorageEnvironment } from "./storage-environment.js";
import type { ReceptionLedger, StoredFile } from "./whole-file.js";

const BASE = sfidOf({ envelope: 1 });
const RECEPTION = "0123456789abcdef";

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
const kinds = async () => (await partial()).map((name) => name.split(".").at(-1));
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

async function receive(
  sink: FileSink,
  content: Uint8Array,
  totals: FileTotals = { records: 0, octets: content.length },
): Promise<void> {
  await sink.begin(0);
  await sink.write(content);
  await sink.finish(totals);
}

async function gather(octets: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of octets) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Opens an envelope of which nothing matters but what is inside. */
function giving(content: Uint8Array | string, size = 1 << 20): NonNullable<InboxSinkOptions["open"]> {
  const octets = Buffer.from(content);
  return async function* (sealed) {
    for await (const _ of sealed);
    for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
  };
}

function failing(error: unknown): NonNullable<InboxSinkOptions["open"]> {
  return async function* (sealed) {
    for await (const chunk of sealed) yield chunk;
    throw error;
  };
}

function prefixed(records: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    records.flatMap((record) => [Buffer.from([record.length >> 8, record.length & 255]), record]),
  );
}

describe("an enveloped file", () => {
  test.each([
    ["U", { format: "U" }, {}, "text", [0, 4], "text"],
    ["T", { format: "T" }, {}, "text\n", [0, 5], "text\n"],
    ["nothing", { format: "U" }, {}, "", [0, 0], ""],
    ["F", { format: "F", maxRecordSize: 4 }, {}, "aaaabbbb", [2, 8], "aaaabbbb"],
    [
      "F as lines",
      { format: "F", maxRecordSize: 4 },
      { recordMapping: "lines" },
      "aaaabb",
      [2, 6],
      "aaaa\nbb\n",
    ],
    ["V as lines", { format: "V", maxRecordSize: 9 }, {}, "\0\x02aa\0\0\0\x01b", [3, 3], "aa\n\nb\n"],
    [
      "V with CR LF",
      { format: "V", maxRecordSize: 9 },
      { lineEnd: "crlf" },
      "\0\x02aa\0\0\0\x01b",
      [3, 3],
      "aa\r\n\r\nb\r\n",
    ],
    [
      "V with lengths",
      { format: "V", maxRecordSize: 9 },
      { recordMapping: "length-prefixed" },
      "\0\x02aa\0\0\0\x01b",
      [3, 3],
      "\0\x02aa\0\0\0\x01b",
    ],
  ] as [string, Partial<Sfid>, Partial<InboxSinkOptions>, string, [number, number], string][])(
    "%s becomes what is inside, in the layout of its format",
    async (_, sfid, options, content, [records, octets], expected) => {
      for (let size = 1; size <= content.length + 1; size++) {
        const sealed = patterned(3000, size);
        let seen: Buffer | undefined;
        const open: InboxSinkOptions["open"] = async function* (transmitted) {
          seen = await gather(transmitted);
          expect(await inbox()).not.toContain(`F${size}`);
          yield* giving(content, size)(transmitted);
        };
        const fileName = `F${size}`;
        const sink = await sinkFor({ ...sfid, datasetName: fileName }, { ...options, fileName, open });
        await receive(sink, sealed);
        expect(seen?.equals(sealed)).toBe(true);
        expect(String(await received(fileName))).toBe(expected);
        expect(stored.at(-1)).toMatchObject({
          finalPath: join(inboxFolder(), fileName),
          totals: { records: 0, octets: 3000 },
          contentTotals: { records, octets },
        });
      }
      expect(await partial()).toEqual([]);
    },
  );

  test("gets the mode that is asked for, and its name only", async () => {
    await receive(await sinkFor({}, { open: giving("x"), fileMode: 0o600 }), Buffer.from("sealed"));
    expect((await stat(join(inboxFolder(), "FILE"))).mode & 0o777).toBe(0o600);
    expect(await inbox()).toEqual(["FILE"]);
  });

  test("is kept as it is when nobody opens it, and one without an envelope is not opened", async () => {
    await receive(await sinkFor({ format: "V", maxRecordSize: 9 }), Buffer.from("sealed"));
    expect(String(await received())).toBe("sealed");
    const never = failing(new Error("opened"));
    const plain = { envelope: 0, datasetName: "PLAIN" } as const;
    await receive(await sinkFor(plain, { open: never, fileName: "PLAIN" }), Buffer.from("plain"));
    expect(String(await received("PLAIN"))).toBe("plain");
    for (const { totals, contentTotals } of stored) expect(contentTotals).toEqual(totals);
  });

  test("need not be read to its end", async () => {
    const sealed = patterned(3_000_000);
    const open: InboxSinkOptions["open"] = async function* (transmitted) {
      for await (const chunk of transmitted) {
        yield chunk.subarray(0, 10);
        return;
      }
    };
    await receive(await sinkFor({}, { open }), sealed);
    expect((await received()).equals(sealed.subarray(0, 10))).toBe(true);
    expect(await partial()).toEqual([]);
  });

  test.each([
    ["a record that is cut off", "\0\x02a", 10],
    ["a length that is cut off", "\0\x02aa\0", 10],
    ["a record that is too long", "\0\x05aaaaa", 5],
  ])("of format V with %s is refused", async (_, content, reason) => {
    for (const recordMapping of ["lines", "length-prefixed"] as const) {
      const sink = await sinkFor(
        { format: "V", maxRecordSize: 4 },
        { open: giving(content, 1), recordMapping },
      );
      await expect(receive(sink, Buffer.from("sealed"))).rejects.toMatchObject({ reason, retry: false });
      await sink.discard();
      expect([await inbox(), await partial(), stored]).toEqual([[], [], []]);
    }
  });

  test("with records needs their size, and a mapping that suits them", async () => {
    for (const format of ["F", "V"] as const) {
      await expect(sinkFor({ format }, { open: giving("") })).rejects.toMatchObject({ reason: 5 });
      // Who only passes it on does not mind.
      await (await sinkFor({ format })).discard();
    }
    const wrong = sinkFor({ format: "V", maxRecordSize: 9 }, { open: giving(""), recordMapping: "fixed" });
    await expect(wrong).rejects.toMatchObject({ code: "ERR_OPTION_INVALID" });
  });

  test("is written in large pieces, and what is inside only comes as fast as it is written", async () => {
    const content = patterned(3_000_000);
    const sizes: number[] = [];
    let given = 0;
    let writtenOctets = 0;
    let furthest = 0;
    const { fileSystem, authority } = realEnvironment;
    const watching: StorageEnvironment = {
      authority,
      fileSystem: {
        ...fileSystem,
        async open(path, how, mode) {
          const file = await fileSystem.open(path, how, mode);
          if (!path.endsWith(".opened")) return file;
          return {
            ...file,
            async write(octets, position) {
              sizes.push(octets.length);
              await file.write(octets, position);
              writtenOctets += octets.length;
            },
          };
        },
      },
    };
    const open: InboxSinkOptions["open"] = async function* () {
      // One buffer for all chunks: each holds until the next is asked for.
      const chunk = Buffer.alloc(700);
      for (let at = 0; at < content.length; at += 700) {
        const length = content.copy(chunk, 0, at, at + 700);
        given = at + length;
        furthest = Math.max(furthest, given - writtenOctets);
        yield chunk.subarray(0, length);
      }
    };
    await receive(await sinkFor({}, { open }, watching), Buffer.from("sealed"));
    expect((await received()).equals(content)).toBe(true);
    expect(given).toBe(content.length);
    expect(sizes.length).toBeLessThan(12);
    expect(furthest).toBeLessThan(1_200_000);
  });
});

describe("what happens when it cannot be opened:", () => {
  test.each([
    ["a reason of its own", new FileRefusedError(21, "wrong signature"), 21],
    ["any other error", new Error("no key"), 12],
    ["a failing disk", Object.assign(new Error("broken"), { code: "EIO" }), 12],
  ])("%s refuses it, and leaves nothing", async (_, error, reason) => {
    const sink = await sinkFor({}, { open: failing(error) });
    await expect(receive(sink, patterned(5000))).rejects.toMatchObject({ reason, retry: false });
    await sink.discard();
    expect([await inbox(), await partial(), stored]).toEqual([[], [], []]);
    const again = await sinkFor({}, { open: giving("inside") });
    expect(again.restartPosition).toBe(0);
    await receive(again, patterned(5000));
    expect(String(await received())).toBe("inside");
  });

  test("an error at once, or one that nobody expects, does the same", async () => {
    const open = () => {
      throw new FileRefusedError(22, "no key");
    };
    const sink = await sinkFor({}, { open });
    await expect(receive(sink, patterned(5000))).rejects.toMatchObject({ reason: 22 });
    await sink.discard();
    expect(await partial()).toEqual([]);
  });

  test.each([
    ["a full disk", Object.assign(new Error("full"), { code: "ENOSPC" })],
    ["a refusal with retry", new FileRefusedError(12, "the keys are away", { retry: true })],
  ])("%s keeps what was transmitted for a restart at its end", async (_, error) => {
    const sealed = patterned(5000);
    const sink = await sinkFor({}, { open: failing(error) });
    await expect(receive(sink, sealed)).rejects.toMatchObject({ reason: 12, retry: true });
    await sink.discard();
    expect([await inbox(), await kinds(), stored]).toEqual([[], ["sealed"], []]);

    let seen: Buffer | undefined;
    const open: InboxSinkOptions["open"] = async function* (transmitted) {
      seen = await gather(transmitted);
      yield Buffer.from("inside");
    };
    const again = await sinkFor({ restartPosition: 4 }, { open });
    expect(again.restartPosition).toBe(4);
    expect(await again.begin(4)).toEqual({ records: 0, octets: 4096 });
    await again.write(sealed.subarray(4096));
    await again.finish({ records: 0, octets: 5000 });
    expect(seen?.equals(sealed)).toBe(true);
    expect(String(await received())).toBe("inside");
    expect([await partial(), stored.length]).toEqual([[], 1]);
  });

  test("a partner that starts again from a sealed file's beginning may do so", async () => {
    const full = Object.assign(new Error("full"), { code: "EDQUOT" });
    const sink = await sinkFor({}, { open: failing(full) });
    await expect(receive(sink, patterned(5000))).rejects.toMatchObject({ retry: true });
    await sink.discard();
    const open: InboxSinkOptions["open"] = (transmitted) => transmitted;
    await receive(await sinkFor({}, { open }), patterned(3000, 7));
    expect((await received()).equals(patterned(3000, 7))).toBe(true);
    expect(await partial()).toEqual([]);
  });

  test("a record that cannot be revoked is kept, and delivered by recovery", async () => {
    await mkdir(inboxFolder());
    const { fileSystem, authority } = realEnvironment;
    const broken: StorageEnvironment = {
      authority,
      fileSystem: {
        ...fileSystem,
        async link() {
          throw Object.assign(new Error("broken"), { code: "EIO" });
        },
      },
    };
    const stubborn: ReceptionLedger = {
      ...ledger,
      async revoke() {
        throw new Error("broken");
      },
    };
    const sink = await sinkFor({}, { open: giving("inside"), ledger: stubborn }, broken);
    await expect(receive(sink, Buffer.from("sealed"))).rejects.toMatchObject({ reason: 12 });
    await sink.discard();
    expect([await inbox(), await kinds()]).toEqual([[], ["opened", "sealed"]]);
    const { delivered } = await recoverInbox({ partialFolder: partialFolder(), ledger });
    expect(delivered.map(({ finalPath }) => finalPath)).toEqual([join(inboxFolder(), "FILE")]);
    expect(String(await received())).toBe("inside");
    expect(await partial()).toEqual([]);
  });
});

describe("a name that is taken", () => {
  beforeEach(async () => {
    await mkdir(inboxFolder());
    await writeFile(join(inboxFolder(), "FILE"), "old");
  });

  test("rename: gets a number", async () => {
    await receive(await sinkFor({}, { open: giving("new") }), Buffer.from("sealed"));
    expect([String(await received()), String(await received("FILE-1"))]).toEqual(["old", "new"]);
    expect(await partial()).toEqual([]);
  });

  test("replace: takes its place", async () => {
    const open: InboxSinkOptions["open"] = async function* (transmitted) {
      yield* giving("new")(transmitted);
      expect(String(await received())).toBe("old");
    };
    await receive(await sinkFor({}, { open, overwrite: "replace" }), Buffer.from("sealed"));
    expect(await inbox()).toEqual(["FILE"]);
    expect(String(await received())).toBe("new");
    expect(await partial()).toEqual([]);
  });

  test("never: refused when it came while the file was opened, and nothing is left", async () => {
    const open: InboxSinkOptions["open"] = async function* (transmitted) {
      yield* giving("new")(transmitted);
      await writeFile(join(inboxFolder(), "LATER"), "quicker");
    };
    const sink = await sinkFor({}, { open, overwrite: "never", fileName: "LATER" });
    await expect(receive(sink, Buffer.from("sealed"))).rejects.toMatchObject({ reason: 13 });
    await sink.discard();
    expect(String(await received("LATER"))).toBe("quicker");
    expect([await partial(), stored]).toEqual([[], []]);
  });
});

describe("recovery of what a crash left", () => {
  const key = receivedFileKey(BASE);
  const path = (kind: string) => join(partialFolder(), `${key}.${RECEPTION}.${kind}`);
  const options = () => ({ partialFolder: partialFolder(), ledger });
  const nothing = { delivered: [], restartable: 0, removed: 0 };
  const record = () => {
    const totals = { records: 0, octets: 5000 };
    const finalPath = join(inboxFolder(), "FILE");
    stored = [{ key, receptionId: RECEPTION, finalPath, totals, contentTotals: totals }];
  };

  async function leave(...left: string[]): Promise<void> {
    await mkdir(inboxFolder());
    await mkdir(partialFolder());
    for (const kind of left) await writeFile(path(kind), kind === "sealed" ? patterned(5000) : "inside");
  }

  test.each([[["opened", "sealed"]], [["opened"]]])("%j, recorded: delivered", async (left) => {
    await leave(...left);
    record();
    const delivered = [{ key, finalPath: join(inboxFolder(), "FILE") }];
    expect(await recoverInbox(options())).toEqual({ ...nothing, delivered });
    expect(String(await received())).toBe("inside");
    expect(await partial()).toEqual([]);
  });

  test("sealed, recorded: it was delivered before", async () => {
    await leave("sealed");
    record();
    expect(await recoverInbox(options())).toEqual(nothing);
    expect([await inbox(), await partial()]).toEqual([[], []]);
  });

  test.each([[["opened", "sealed"]], [["sealed"]]])("%j, not recorded: restartable", async (left) => {
    await leave(...left);
    expect(await recoverInbox(options())).toEqual({ ...nothing, restartable: 1 });
    expect([await inbox(), await kinds()]).toEqual([[], ["sealed"]]);
    const sink = await sinkFor({ restartPosition: 4 }, { open: giving("again") });
    expect(sink.restartPosition).toBe(4);
    await sink.begin(4);
    await sink.write(patterned(5000).subarray(4096));
    await sink.finish({ records: 0, octets: 5000 });
    expect(String(await received())).toBe("again");
    expect(await partial()).toEqual([]);
  });

  test("opened, not recorded: removed", async () => {
    await leave("opened");
    expect(await recoverInbox(options())).toEqual(nothing);
    expect([await inbox(), await partial()]).toEqual([[], []]);
  });

  test.each([[["opened", "sealed"]], [["opened"]], [["sealed"]]])(
    "%j, recorded, and a session that comes first: received before",
    async (left) => {
      await leave(...left);
      record();
      await expect(sinkFor({}, { open: giving("again") })).rejects.toMatchObject({ reason: 13 });
      expect(await inbox()).toEqual(left.includes("opened") ? ["FILE"] : []);
      expect(await partial()).toEqual([]);
    },
  );

  test("what nobody goes on with is removed when it is old", async () => {
    await leave("opened", "sealed");
    expect(await recoverInbox({ ...options(), partialLifetimeMs: 60_000 })).toMatchObject({ restartable: 1 });
    expect(await recoverInbox({ ...options(), partialLifetimeMs: 0 })).toEqual({ ...nothing, removed: 1 });
    expect(await partial()).toEqual([]);
  });

  test("a link in the place of what is opened is not followed", async () => {
    await leave();
    const victim = join(folder.path, "victim");
    await writeFile(victim, "untouched");
    const { fileSystem, authority } = realEnvironment;
    const attacked: StorageEnvironment = {
      authority,
      fileSystem: {
        ...fileSystem,
        async open(path, how, mode) {
          if (path.endsWith(".opened")) await fileSystem.link(victim, path);
          return fileSystem.open(path, how, mode);
        },
      },
    };
    const sink = await sinkFor({}, { open: giving("inside") }, attacked);
    await expect(receive(sink, Buffer.from("sealed"))).rejects.toMatchObject({ reason: 12 });
    await sink.discard();
    expect(String(await readFile(victim))).toBe("untouched");
    expect(await inbox()).toEqual([]);
  });
});

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
          expect(await inbox()).not.toContain(`R${run}`);
          seen.push(await gather(octets));
        };
        const options = { fileName: `R${run}`, lineEnd, recordMapping: mapping, inspect } as const;
        const sfid = { format, maxRecordSize, datasetName: `R${run}`, envelope: 0 } as const;
        const totals = { records: format === "F" || format === "V" ? 60 : 0, octets: content.length };
        let sent = 0;
        for (const [to, back] of [...cuts, [100, 0] as const]) {
          const sink = await sinkFor(sfid, options);
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
        expect((await received(`R${run}`)).equals(expected)).toBe(true);
        expect(stored.at(-1)).toMatchObject({ totals, contentTotals: totals });
      },
    );
    await fc.assert(property, { numRuns: 60 });
    expect(await partial()).toEqual([]);
  });

  test("of a large file comes in order, the lengths of V left out wherever chunks end", async () => {
    const records = Array.from({ length: 40 }, (_, i) => patterned((i * 1601) % 65_000, i));
    const wire = prefixed(records);
    expect(wire.length).toBeGreaterThan(1_100_000);
    let seen: Buffer | undefined;
    const inspect: InboxSinkOptions["inspect"] = async (octets) => {
      seen = await gather(octets);
    };
    const sfid = { format: "V", maxRecordSize: 65_000, envelope: 0 } as const;
    const content = Buffer.concat(records);
    const totals = { records: 40, octets: content.length };
    await receive(await sinkFor(sfid, { inspect, recordMapping: "length-prefixed" }), wire, totals);
    expect(seen?.equals(content)).toBe(true);
    expect((await received()).equals(wire)).toBe(true);
  });

  test("is not asked of what is opened, but of an envelope that is passed on", async () => {
    const seen: string[] = [];
    const inspect: InboxSinkOptions["inspect"] = async (octets) => {
      seen.push(String(await gather(octets)));
    };
    await receive(await sinkFor({}, { inspect, open: giving("inside") }), Buffer.from("sealed"));
    expect(seen).toEqual([]);
    const other = { datasetName: "OTHER", format: "V", maxRecordSize: 4 } as const;
    await receive(await sinkFor(other, { inspect, fileName: "OTHER" }), Buffer.from("passed on"));
    expect(seen).toEqual(["passed on"]);
    expect(String(await received("OTHER"))).toBe("passed on");
  });

  test.each([
    ["U", { format: "U" }, Buffer.from("text"), 0, []],
    ["V as lines", { format: "V", maxRecordSize: 9 }, prefixed([Buffer.from("text")]), 1, []],
  ] as [string, Partial<Sfid>, Buffer, number, string[]][])(
    "that rejects refuses the file: %s",
    async (_, format, wire, records, left) => {
      const inspect = async () => {
        throw new FileRefusedError(99, "no");
      };
      const sink = await sinkFor({ ...format, envelope: 0 }, { inspect });
      await expect(receive(sink, wire, { records, octets: 4 })).rejects.toMatchObject({ reason: 99 });
      await sink.discard();
      expect([await inbox(), await partial(), stored]).toEqual([[], left, []]);
    },
  );

  test("that comes or goes between two sessions: nothing goes on that is kept otherwise", async () => {
    const records = [Buffer.from("one"), Buffer.from("two\n"), Buffer.from("three")];
    const sfid = { format: "V", maxRecordSize: 9, envelope: 0 } as const;
    const totals = { records: 3, octets: 12 };
    const away = async () => {
      throw new FileRefusedError(12, "away", { retry: true });
    };
    const first = await sinkFor(sfid, { inspect: away });
    await expect(receive(first, prefixed(records), totals)).rejects.toMatchObject({ retry: true });
    await first.discard();
    expect(await kinds()).toEqual(["sealed"]);
    const second = await sinkFor(sfid);
    expect(second.restartPosition).toBe(0);
    await receive(second, prefixed(records), totals);
    expect(String(await received())).toBe("one\ntwo\n\nthree\n");
    expect(await partial()).toEqual([]);
  });
});
