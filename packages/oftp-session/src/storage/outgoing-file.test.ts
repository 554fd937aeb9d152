import {
  appendFile,
  mkdir,
  readdir,
  readlink,
  rename,
  truncate,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import fc from "fast-check";
import type { OutgoingFile } from "../user-monitor.js";
import { bufferOutgoingFile, localOutgoingFile, type OutgoingFileOptions } from "./outgoing-file.js";
import { spoolOutgoingFile } from "./spool-outgoing-file.js";

const ID = {
  datasetName: "ORDERS",
  timestamp: { date: "20240229", time: "1200000001" },
  destination: "O0013000000BETA",
  originator: "O0013000000ALPHA",
};
const facts = (more: Partial<OutgoingFileOptions> & Pick<OutgoingFileOptions, "format">) => ({
  ...ID,
  ...more,
});

let folder: TemporaryFolder;
let path: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  path = join(folder.path, "file");
});
afterEach(() => folder.remove());

async function contentOf(file: OutgoingFile, offset = 0): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await file.open(offset)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function prefixed(records: readonly Uint8Array[]): Buffer {
  const parts = records.flatMap((record) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(record.length);
    return [length, record];
  });
  return Buffer.concat(parts);
}

describe("localOutgoingFile", () => {
  test("U: has what an SFID needs, and can be read from any place, more than once", async () => {
    const content = Buffer.alloc(700_001, "waybill ");
    await writeFile(path, content);
    const file = await localOutgoingFile({ path, ...facts({ format: "U", description: "Größe" }) });
    expect(file).toMatchObject({
      ...ID,
      format: "U",
      maxRecordSize: 0,
      size: 700_001,
      originalSize: 700_001,
      totals: { records: 0, octets: 700_001 },
      description: "Größe",
      userData: "",
    });
    for (const offset of [0, 1024, 262_144, 700_000, 700_001]) {
      expect((await contentOf(file, offset)).equals(content.subarray(offset))).toBe(true);
    }
  });

  test("an empty file is sent as one", async () => {
    await writeFile(path, "");
    for (const format of ["U", "T", "V"] as const) {
      const file = await localOutgoingFile({ path, ...facts({ format }) });
      expect(file.totals).toEqual({ records: 0, octets: 0 });
      expect((await contentOf(file)).length).toBe(0);
    }
  });

  test("a file that is read only in part leaves nothing open", async () => {
    await writeFile(path, Buffer.alloc(2_000_000));
    const file = await localOutgoingFile({ path, ...facts({ format: "U" }) });
    for (let i = 0; i < 5; i++) {
      for await (const _ of await file.open(0)) break;
    }
    await file.open(0);
    expect(await openFiles()).toBe(0);
  });

  test.each([
    ["grows", () => appendFile(path, "more"), "grew"],
    ["shrinks", () => truncate(path, 300_000), "shrank"],
    ["is touched", () => utimes(path, 1, 1), "wrote"],
    ["is replaced", () => replaceFile(), "put another"],
  ])("a file that %s before or while it is sent is not sent to its end", async (_, change, how) => {
    await writeFile(path, Buffer.alloc(900_000, 1));
    const file = await localOutgoingFile({ path, ...facts({ format: "U" }) });
    const chunks = (await file.open(0))[Symbol.asyncIterator]();
    await chunks.next();
    await change();
    const rest = async () => {
      for (;;) if ((await chunks.next()).done === true) return;
    };
    // What has another name is what was opened: whoever replaces a file leaves the old one whole.
    if (how === "put another") await rest();
    else await expect(rest()).rejects.toMatchObject({ code: "ERR_OFTP_FILE_CHANGED" });
    const error = await file.open(0).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_OFTP_FILE_CHANGED" });
    expect(String(error)).toContain(how);
  });

  test("refuses what cannot be read", async () => {
    const unreadable = { code: "ERR_OFTP_FILE_UNREADABLE" };
    await expect(localOutgoingFile({ path, ...facts({ format: "U" }) })).rejects.toMatchObject(unreadable);
    await mkdir(path);
    await expect(localOutgoingFile({ path, ...facts({ format: "U" }) })).rejects.toMatchObject(unreadable);
    const other = join(folder.path, "other");
    await writeFile(other, "x");
    const file = await localOutgoingFile({ path: other, ...facts({ format: "U" }) });
    await unlink(other);
    await expect(file.open(0)).rejects.toMatchObject(unreadable);
  });

  test("sentBefore counts only for the same content", async () => {
    await writeFile(path, "content");
    const sentBefore = { records: 0, octets: 5 };
    const { fingerprint } = await localOutgoingFile({ path, ...facts({ format: "U" }) });
    const again = facts({ format: "U", sentBefore, sentFingerprint: fingerprint });
    expect((await localOutgoingFile({ path, ...again })).sentBefore).toEqual(sentBefore);
    await writeFile(path, "changed");
    await utimes(path, 5, 5);
    expect((await localOutgoingFile({ path, ...again })).sentBefore).toBeUndefined();
  });

  async function replaceFile(): Promise<void> {
    await writeFile(`${path}.new`, Buffer.alloc(900_000, 2));
    await rename(`${path}.new`, path);
  }
});

describe("records", () => {
  const lines = fc.array(
    fc
      .uint8Array({ maxLength: 40 })
      .map((line) => line.map((octet) => (octet === 10 || octet === 13 ? 32 : octet))),
  );

  test("V: lines with LF or CR LF become records, wherever chunks end", async () => {
    const property = fc.asyncProperty(lines, fc.boolean(), fc.boolean(), async (records, crlf, openEnd) => {
      const end = Buffer.from(crlf ? "\r\n" : "\n");
      const last = openEnd && (records.at(-1)?.length ?? 0) > 0;
      const content = Buffer.concat(
        records.flatMap((line, i) => (last && i === records.length - 1 ? [line] : [line, end])),
      );
      const file = await bufferOutgoingFile({ content, ...facts({ format: "V" }) });
      const octets = records.reduce((sum, { length }) => sum + length, 0);
      expect(file.totals).toEqual({ records: records.length, octets });
      expect(file.size).toBe(octets);
      expect((await contentOf(file)).equals(prefixed(records))).toBe(true);
      expect(file.maxRecordSize).toBe(Math.max(1, ...records.map(({ length }) => length)));
    });
    await fc.assert(property);
  });

  test("V: a file of many chunks, as lines and with lengths", async () => {
    const records = Array.from({ length: 30_000 }, (_, i) => Buffer.alloc((i * 31) % 90, "r"));
    await writeFile(path, Buffer.concat(records.flatMap((record) => [record, Buffer.from("\r\n")])));
    const file = await localOutgoingFile({ path, ...facts({ format: "V", maxRecordSize: 120 }) });
    expect((await contentOf(file)).equals(prefixed(records))).toBe(true);
    await writeFile(path, prefixed(records));
    const same = await localOutgoingFile({
      path,
      ...facts({ format: "V", recordMapping: "length-prefixed" }),
    });
    expect(same.totals).toEqual(file.totals);
    expect(same.maxRecordSize).toBe(89);
    expect((await contentOf(same)).equals(prefixed(records))).toBe(true);
  });

  test("F: fixed records as they are, and as lines from any record on", async () => {
    const content = Buffer.from("aaaabbbbccccdddd");
    const fixed = await bufferOutgoingFile({ content, ...facts({ format: "F", maxRecordSize: 4 }) });
    expect(fixed.totals).toEqual({ records: 4, octets: 16 });
    expect(String(await contentOf(fixed, 4))).toBe("bbbbccccdddd");
    const text = "aaaa\nbbbb\r\ncccc\ndddd";
    const asLines = await bufferOutgoingFile({
      content: text,
      ...facts({ format: "F", recordMapping: "lines" }),
    });
    expect(asLines).toMatchObject({ totals: { records: 4, octets: 16 }, maxRecordSize: 4 });
    for (const offset of [0, 4, 12, 16]) {
      expect(String(await contentOf(asLines, offset))).toBe(content.toString().slice(offset));
    }
  });

  test.each([
    ["F, not a multiple", "abcde", { format: "F", maxRecordSize: 4 }],
    ["F, lines of two lengths", "abcd\nabc\n", { format: "F", recordMapping: "lines" }],
    ["F, a line too long", "abcde\n", { format: "F", maxRecordSize: 4, recordMapping: "lines" }],
    ["V, a line too long", "abcd\nabcde\n", { format: "V", maxRecordSize: 4 }],
    ["V, a line without an end too long", "abcde", { format: "V", maxRecordSize: 4 }],
    ["V, no line at all", "x".repeat(70_000), { format: "V" }],
    [
      "V, a length too long",
      "\0\x05abcde",
      { format: "V", maxRecordSize: 4, recordMapping: "length-prefixed" },
    ],
    ["V, cut in a record", "\0\x05abcd", { format: "V", recordMapping: "length-prefixed" }],
    ["V, cut in a length", "\0\x01a\0", { format: "V", recordMapping: "length-prefixed" }],
  ] as [string, string, Partial<OutgoingFileOptions> & Pick<OutgoingFileOptions, "format">][])(
    "%s: ERR_OFTP_RECORD_LENGTH before anything is sent",
    async (_, content, more) => {
      await expect(bufferOutgoingFile({ content, ...facts(more) })).rejects.toMatchObject({
        code: "ERR_OFTP_RECORD_LENGTH",
      });
    },
  );

  test.each([
    ["F without a length", { format: "F" }],
    ["U with one", { format: "U", maxRecordSize: 80 }],
    ["V over 65535", { format: "V", maxRecordSize: 65_536 }],
    ["F with lengths", { format: "F", maxRecordSize: 8, recordMapping: "length-prefixed" }],
    ["V without separators", { format: "V", recordMapping: "fixed" }],
  ] as [string, Partial<OutgoingFileOptions> & Pick<OutgoingFileOptions, "format">][])(
    "%s: ERR_OPTION_INVALID",
    async (_, more) => {
      await expect(bufferOutgoingFile({ content: "", ...facts(more) })).rejects.toMatchObject({
        code: "ERR_OPTION_INVALID",
      });
    },
  );

  test("an enveloped file is sent as it is, whatever its records were", async () => {
    const security = {
      securityLevel: 3,
      cipherSuite: 1,
      compressed: true,
      enveloped: true,
      signedReceipt: false,
    } as const;
    const file = await bufferOutgoingFile({
      content: "sealed",
      ...facts({ format: "F", maxRecordSize: 80, security }),
    });
    expect(file).toMatchObject({ totals: { records: 0, octets: 6 }, maxRecordSize: 80, security });
    expect(String(await contentOf(file, 2))).toBe("aled");
  });
});

describe("spoolOutgoingFile", () => {
  test("takes a stream, and can be made again from its path", async () => {
    const spool = join(folder.path, "spool");
    const file = await spoolOutgoingFile(Readable.from(["one\n", "two\n"]), spool, facts({ format: "V" }));
    expect(String(await contentOf(file))).toBe("\0\x03one\0\x03two");
    const again = await localOutgoingFile({ path: file.path, ...facts({ format: "V" }) });
    expect(again.fingerprint).toBe(file.fingerprint);
    await file.remove();
    await expect(file.open(0)).rejects.toMatchObject({ code: "ERR_OFTP_FILE_UNREADABLE" });
  });

  test("leaves nothing when the stream or the records are wrong", async () => {
    const spool = join(folder.path, "spool");
    const broken = Readable.from(
      (async function* () {
        yield "x";
        throw new Error("broken");
      })(),
    );
    await expect(spoolOutgoingFile(broken, spool, facts({ format: "U" }))).rejects.toThrow("broken");
    const wrong = spoolOutgoingFile(Readable.from(["abc"]), spool, facts({ format: "F", maxRecordSize: 2 }));
    await expect(wrong).rejects.toMatchObject({ code: "ERR_OFTP_RECORD_LENGTH" });
    expect(await readdir(spool)).toEqual([]);
  });
});

async function openFiles(): Promise<number> {
  const links = await Promise.all(
    (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
  );
  return links.filter((link) => link.startsWith(folder.path)).length;
}
