import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Sfid } from "@waybill/oftp-codec";
import { patterned, sfidOf } from "../../test/storage-support/sfid.js";
import {
  gather,
  giving,
  receive,
  type TemporaryInbox,
  temporaryInbox,
} from "../../test/storage-support/temporary-inbox.js";
import { FileRefusedError } from "../file-refused-error.js";
import type { InboxSinkOptions } from "./inbox-sink.js";
import { receivedFileKey } from "./received-file-key.js";
import { recoverInbox } from "./recover-inbox.js";
import { realEnvironment, type StorageEnvironment } from "./storage-environment.js";
import type { ReceptionLedger } from "./whole-file.js";

const BASE = sfidOf({ envelope: 1 });
const RECEPTION = "0123456789abcdef";

let inbox: TemporaryInbox;
beforeEach(async () => {
  inbox = await temporaryInbox(BASE);
});
afterEach(() => inbox.remove());

function failing(error: unknown): NonNullable<InboxSinkOptions["open"]> {
  return async function* (sealed) {
    for await (const chunk of sealed) yield chunk;
    throw error;
  };
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
          expect(await inbox.names()).not.toContain(`F${size}`);
          yield* giving(content, size)(transmitted);
        };
        const fileName = `F${size}`;
        const sink = await inbox.sink({ ...sfid, datasetName: fileName }, { ...options, fileName, open });
        await receive(sink, sealed);
        expect(seen?.equals(sealed)).toBe(true);
        expect(String(await inbox.read(fileName))).toBe(expected);
        expect(inbox.seenWhenStored.at(-1)).not.toContain(fileName);
        expect(inbox.stored.at(-1)).toMatchObject({
          finalPath: join(inbox.inboxFolder, fileName),
          totals: { records: 0, octets: 3000 },
          contentTotals: { records, octets },
        });
      }
      expect(await inbox.partial()).toEqual([]);
    },
  );

  test("gets the mode that is asked for, and its name only", async () => {
    await receive(await inbox.sink({}, { open: giving("x"), fileMode: 0o600 }), Buffer.from("sealed"));
    expect((await stat(join(inbox.inboxFolder, "FILE"))).mode & 0o777).toBe(0o600);
    expect(await inbox.names()).toEqual(["FILE"]);
  });

  test("is kept as it is when nobody opens it, and one without an envelope is not opened", async () => {
    await receive(await inbox.sink({ format: "V", maxRecordSize: 9 }), Buffer.from("sealed"));
    expect(String(await inbox.read())).toBe("sealed");
    const never = failing(new Error("opened"));
    const plain = { envelope: 0, datasetName: "PLAIN" } as const;
    await receive(await inbox.sink(plain, { open: never, fileName: "PLAIN" }), Buffer.from("plain"));
    expect(String(await inbox.read("PLAIN"))).toBe("plain");
    for (const { totals, contentTotals } of inbox.stored) expect(contentTotals).toEqual(totals);
  });

  test("need not be read to its end", async () => {
    const sealed = patterned(1_600_000);
    const open: InboxSinkOptions["open"] = async function* (transmitted) {
      for await (const chunk of transmitted) {
        yield chunk.subarray(0, 10);
        return;
      }
    };
    await receive(await inbox.sink({}, { open }), sealed);
    expect((await inbox.read()).equals(sealed.subarray(0, 10))).toBe(true);
    expect(await inbox.partial()).toEqual([]);
  });

  test.each([
    ["a record that is cut off", "\0\x02a", 10],
    ["a length that is cut off", "\0\x02aa\0", 10],
    ["a record that is too long", "\0\x05aaaaa", 5],
  ])("of format V with %s is refused", async (_, content, reason) => {
    for (const recordMapping of ["lines", "length-prefixed"] as const) {
      const sink = await inbox.sink(
        { format: "V", maxRecordSize: 4 },
        { open: giving(content, 1), recordMapping },
      );
      await expect(receive(sink, Buffer.from("sealed"))).rejects.toMatchObject({ reason, retry: false });
      await sink.discard();
      expect([await inbox.names(), await inbox.partial(), inbox.stored]).toEqual([[], [], []]);
    }
  });

  test("with records needs their size, and a mapping that suits them", async () => {
    for (const format of ["F", "V"] as const) {
      await expect(inbox.sink({ format }, { open: giving("") })).rejects.toMatchObject({ reason: 5 });
      // Who only passes it on does not mind.
      await (await inbox.sink({ format })).discard();
    }
    const wrong = inbox.sink({ format: "V", maxRecordSize: 9 }, { open: giving(""), recordMapping: "fixed" });
    await expect(wrong).rejects.toMatchObject({ code: "ERR_OPTION_INVALID" });
  });

  test("is written in large pieces, and what is inside only comes as fast as it is written", async () => {
    const content = patterned(1_600_000);
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
    await receive(await inbox.sink({}, { open }, watching), Buffer.from("sealed"));
    expect((await inbox.read()).equals(content)).toBe(true);
    expect(given).toBe(content.length);
    expect(sizes.length).toBeLessThan(6);
    expect(furthest).toBeLessThan(1_200_000);
  });
});

describe("what happens when it cannot be opened:", () => {
  test.each([
    ["a reason of its own", new FileRefusedError(21, "wrong signature"), 21],
    ["any other error", new Error("no key"), 12],
    ["a failing disk", Object.assign(new Error("broken"), { code: "EIO" }), 12],
  ])("%s refuses it, and leaves nothing", async (_, error, reason) => {
    const sink = await inbox.sink({}, { open: failing(error) });
    await expect(receive(sink, patterned(5000))).rejects.toMatchObject({ reason, retry: false });
    await sink.discard();
    expect([await inbox.names(), await inbox.partial(), inbox.stored]).toEqual([[], [], []]);
    const again = await inbox.sink({}, { open: giving("inside") });
    expect(again.restartPosition).toBe(0);
    await receive(again, patterned(5000));
    expect(String(await inbox.read())).toBe("inside");
  });

  test("an error at once, or one that nobody expects, does the same", async () => {
    const open = () => {
      throw new FileRefusedError(22, "no key");
    };
    const sink = await inbox.sink({}, { open });
    await expect(receive(sink, patterned(5000))).rejects.toMatchObject({ reason: 22 });
    await sink.discard();
    expect(await inbox.partial()).toEqual([]);
  });

  test("nothing is written any more when its file is closed", async () => {
    const events: string[] = [];
    let hasFailed: () => void = () => {};
    const failed = new Promise<void>((resolve) => {
      hasFailed = resolve;
    });
    const { fileSystem, authority } = realEnvironment;
    const slow: StorageEnvironment = {
      authority,
      fileSystem: {
        ...fileSystem,
        async open(path, how, mode) {
          const file = await fileSystem.open(path, how, mode);
          if (!path.endsWith(".opened")) return file;
          return {
            ...file,
            async write(octets, position) {
              events.push("write");
              await failed;
              await new Promise((resolve) => setImmediate(resolve));
              await file.write(octets, position);
              events.push("written");
            },
            async close() {
              events.push("close");
              await file.close();
            },
          };
        },
      },
    };
    const open: InboxSinkOptions["open"] = async function* () {
      yield Buffer.alloc(600_000);
      hasFailed();
      throw new Error("wrong");
    };
    const sink = await inbox.sink({}, { open }, slow);
    await expect(receive(sink, Buffer.from("sealed"))).rejects.toMatchObject({ reason: 12 });
    await sink.discard();
    expect(events).toEqual(["write", "written", "close"]);
  });

  test.each([
    ["a full disk", Object.assign(new Error("full"), { code: "ENOSPC" })],
    ["a refusal with retry", new FileRefusedError(12, "the keys are away", { retry: true })],
  ])("%s keeps what was transmitted for a restart at its end", async (_, error) => {
    const sealed = patterned(5000);
    const sink = await inbox.sink({}, { open: failing(error) });
    await expect(receive(sink, sealed)).rejects.toMatchObject({ reason: 12, retry: true });
    await sink.discard();
    expect([await inbox.names(), await inbox.kinds(), inbox.stored]).toEqual([[], ["sealed"], []]);

    let seen: Buffer | undefined;
    const open: InboxSinkOptions["open"] = async function* (transmitted) {
      seen = await gather(transmitted);
      yield Buffer.from("inside");
    };
    const again = await inbox.sink({ restartPosition: 4 }, { open });
    expect(again.restartPosition).toBe(4);
    expect(await again.begin(4)).toEqual({ records: 0, octets: 4096 });
    await again.write(sealed.subarray(4096));
    await again.finish({ records: 0, octets: 5000 });
    expect(seen?.equals(sealed)).toBe(true);
    expect(String(await inbox.read())).toBe("inside");
    expect([await inbox.partial(), inbox.stored.length]).toEqual([[], 1]);
  });

  test("a partner that starts again from a sealed file's beginning may do so", async () => {
    const full = Object.assign(new Error("full"), { code: "EDQUOT" });
    const sink = await inbox.sink({}, { open: failing(full) });
    await expect(receive(sink, patterned(5000))).rejects.toMatchObject({ retry: true });
    await sink.discard();
    const open: InboxSinkOptions["open"] = (transmitted) => transmitted;
    await receive(await inbox.sink({}, { open }), patterned(3000, 7));
    expect((await inbox.read()).equals(patterned(3000, 7))).toBe(true);
    expect(await inbox.partial()).toEqual([]);
  });

  test("a record that cannot be revoked is kept, and delivered by recovery", async () => {
    await mkdir(inbox.inboxFolder);
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
      ...inbox.ledger,
      async revoke() {
        throw new Error("broken");
      },
    };
    const sink = await inbox.sink({}, { open: giving("inside"), ledger: stubborn }, broken);
    await expect(receive(sink, Buffer.from("sealed"))).rejects.toMatchObject({ reason: 12 });
    await sink.discard();
    expect([await inbox.names(), await inbox.kinds()]).toEqual([[], ["opened", "sealed"]]);
    const { delivered } = await recoverInbox({ partialFolder: inbox.partialFolder, ledger: inbox.ledger });
    expect(delivered.map(({ finalPath }) => finalPath)).toEqual([join(inbox.inboxFolder, "FILE")]);
    expect(String(await inbox.read())).toBe("inside");
    expect(await inbox.partial()).toEqual([]);
  });
});

describe("a name that is taken", () => {
  beforeEach(async () => {
    await mkdir(inbox.inboxFolder);
    await writeFile(join(inbox.inboxFolder, "FILE"), "old");
  });

  test("rename: gets a number", async () => {
    await receive(await inbox.sink({}, { open: giving("new") }), Buffer.from("sealed"));
    expect([String(await inbox.read()), String(await inbox.read("FILE-1"))]).toEqual(["old", "new"]);
    expect(await inbox.partial()).toEqual([]);
  });

  test("replace: takes its place", async () => {
    const open: InboxSinkOptions["open"] = async function* (transmitted) {
      yield* giving("new")(transmitted);
      expect(String(await inbox.read())).toBe("old");
    };
    await receive(await inbox.sink({}, { open, overwrite: "replace" }), Buffer.from("sealed"));
    expect(await inbox.names()).toEqual(["FILE"]);
    expect(String(await inbox.read())).toBe("new");
    expect(await inbox.partial()).toEqual([]);
  });

  test("never: refused when it came while the file was opened, and nothing is left", async () => {
    const open: InboxSinkOptions["open"] = async function* (transmitted) {
      yield* giving("new")(transmitted);
      await writeFile(join(inbox.inboxFolder, "LATER"), "quicker");
    };
    const sink = await inbox.sink({}, { open, overwrite: "never", fileName: "LATER" });
    await expect(receive(sink, Buffer.from("sealed"))).rejects.toMatchObject({ reason: 13 });
    await sink.discard();
    expect(String(await inbox.read("LATER"))).toBe("quicker");
    expect([await inbox.partial(), inbox.stored]).toEqual([[], []]);
  });
});

describe("recovery of what a crash left", () => {
  const key = receivedFileKey(BASE);
  const path = (kind: string) => join(inbox.partialFolder, `${key}.${RECEPTION}.${kind}`);
  const options = () => ({ partialFolder: inbox.partialFolder, ledger: inbox.ledger });
  const nothing = { delivered: [], restartable: 0, removed: 0 };
  const record = (finalPath = join(inbox.inboxFolder, "FILE")) => {
    const totals = { records: 0, octets: 5000 };
    inbox.stored = [{ key, receptionId: RECEPTION, finalPath, totals, contentTotals: totals }];
  };

  async function leave(...left: string[]): Promise<void> {
    await mkdir(inbox.inboxFolder);
    await mkdir(inbox.partialFolder);
    for (const kind of left) await writeFile(path(kind), kind === "sealed" ? patterned(5000) : "inside");
  }

  test.each([[["opened", "sealed"]], [["opened"]]])("%j, recorded: delivered", async (left) => {
    await leave(...left);
    record();
    const delivered = [{ key, finalPath: join(inbox.inboxFolder, "FILE") }];
    expect(await recoverInbox(options())).toEqual({ ...nothing, delivered });
    expect(String(await inbox.read())).toBe("inside");
    expect(await inbox.partial()).toEqual([]);
  });

  test("sealed, recorded: it was delivered before", async () => {
    await leave("sealed");
    record();
    expect(await recoverInbox(options())).toEqual(nothing);
    expect([await inbox.names(), await inbox.partial()]).toEqual([[], []]);
  });

  test.each([[["opened", "sealed"]], [["sealed"]]])("%j, not recorded: restartable", async (left) => {
    await leave(...left);
    expect(await recoverInbox(options())).toEqual({ ...nothing, restartable: 1 });
    expect([await inbox.names(), await inbox.kinds()]).toEqual([[], ["sealed"]]);
    const sink = await inbox.sink({ restartPosition: 4 }, { open: giving("again") });
    expect(sink.restartPosition).toBe(4);
    await sink.begin(4);
    await sink.write(patterned(5000).subarray(4096));
    await sink.finish({ records: 0, octets: 5000 });
    expect(String(await inbox.read())).toBe("again");
    expect(await inbox.partial()).toEqual([]);
  });

  test("opened and sealed, recorded, where it cannot be delivered: both stay", async () => {
    await leave("opened", "sealed");
    record(join(inbox.folder.path, "missing/FILE"));
    const problems: string[] = [];
    const onProblem = ({ code }: { code: string }) => problems.push(code);
    expect(await recoverInbox({ ...options(), onProblem, partialLifetimeMs: 0 })).toEqual(nothing);
    expect([problems, await inbox.kinds()]).toEqual([["ERR_OFTP_INBOX_RECOVERY"], ["opened", "sealed"]]);
  });

  test("opened, not recorded: removed", async () => {
    await leave("opened");
    expect(await recoverInbox(options())).toEqual(nothing);
    expect([await inbox.names(), await inbox.partial()]).toEqual([[], []]);
  });

  test.each([[["opened", "sealed"]], [["opened"]], [["sealed"]]])(
    "%j, recorded, and a session that comes first: received before",
    async (left) => {
      await leave(...left);
      record();
      await expect(inbox.sink({}, { open: giving("again") })).rejects.toMatchObject({ reason: 13 });
      expect(await inbox.names()).toEqual(left.includes("opened") ? ["FILE"] : []);
      expect(await inbox.partial()).toEqual([]);
    },
  );

  test("what nobody goes on with is removed when it is old", async () => {
    await leave("opened", "sealed");
    // Of another reception, however it came.
    await writeFile(path("sealed").replace(RECEPTION, "f".repeat(16)), "sealed");
    expect(await recoverInbox({ ...options(), partialLifetimeMs: 60_000 })).toMatchObject({ restartable: 1 });
    expect(await recoverInbox({ ...options(), partialLifetimeMs: 0 })).toEqual({ ...nothing, removed: 1 });
    expect(await inbox.partial()).toEqual([]);
  });

  test("a link in the place of what is opened is not followed", async () => {
    await leave();
    const victim = join(inbox.folder.path, "victim");
    await writeFile(victim, "untouched");
    const { fileSystem, authority } = realEnvironment;
    const attacked: StorageEnvironment = {
      authority,
      fileSystem: {
        ...fileSystem,
        async open(path, how, mode) {
          if (path.endsWith(".opened")) await symlink(victim, path);
          return fileSystem.open(path, how, mode);
        },
      },
    };
    const sink = await inbox.sink({}, { open: giving("inside") }, attacked);
    await expect(receive(sink, Buffer.from("sealed"))).rejects.toMatchObject({ reason: 12 });
    await sink.discard();
    expect(String(await readFile(victim))).toBe("untouched");
    expect(await inbox.names()).toEqual([]);
  });
});
