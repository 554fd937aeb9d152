import { appendFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type FileSystem, localFileSystem, OpenFlag, StatusCode } from "@waybill/sftp-server";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { ControlledFileSystem } from "./support/controlled-file-system.js";
import { MemoryFileSystem } from "./support/memory-file-system.js";
import { TestClient } from "./support/test-client.js";

const { READ, WRITE, CREAT, TRUNC } = OpenFlag;
const BLOCK = 32_768;

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(() => folder.remove());

/** Jest compares large buffers byte by byte, and slowly. */
function shown(data: Buffer | number): string | number {
  if (typeof data === "number") return data;
  return data.length > 100 ? `${data.length} bytes, ${data[0]} to ${data.at(-1)}` : data.toString();
}

/** Both kinds: one that comes with the package and one of somebody else. */
const fileSystems: [string, () => Promise<FileSystem>][] = [
  ["local", () => localFileSystem(folder.path)],
  ["memory", async () => new MemoryFileSystem()],
];

describe.each(fileSystems)("a read after a change, %s", (_name, makeFileSystem) => {
  let client: TestClient;
  let fileSystem: FileSystem;
  const before = Buffer.alloc(40 * BLOCK, "a");
  const after = Buffer.alloc(BLOCK, "b");

  beforeEach(async () => {
    fileSystem = await makeFileSystem();
    client = await TestClient.open({ fileSystem });
    await client.putFile("/f", before);
  });

  afterEach(() => client.end());

  /** A handle that has been read in sequence: what follows is read ahead by now. */
  async function readingHandle(): Promise<string> {
    const handle = await client.openFile("/f", READ);
    for (let block = 0; block < 4; block += 1) {
      expect(shown(await client.read(handle, block * BLOCK, BLOCK))).toBe(shown(before.subarray(0, BLOCK)));
    }
    return handle;
  }

  test("by another handle of the session sees it", async () => {
    const reading = await readingHandle();
    const writing = await client.openFile("/f", WRITE);
    await client.write(writing, 4 * BLOCK, after);
    expect(shown(await client.read(reading, 4 * BLOCK, BLOCK))).toBe(shown(after));
    expect(shown(await client.read(reading, 5 * BLOCK, BLOCK))).toBe(shown(before.subarray(0, BLOCK)));
  });

  test("by the same handle sees it, sent at once", async () => {
    const handle = await client.openFile("/f", READ | WRITE);
    for (let block = 0; block < 4; block += 1) await client.read(handle, block * BLOCK, BLOCK);
    const replies = client.requestAll([
      { kind: "read", handle, offset: 4 * BLOCK, length: BLOCK },
      { kind: "write", handle, offset: 5 * BLOCK, data: [after], length: BLOCK },
      { kind: "read", handle, offset: 5 * BLOCK, length: BLOCK },
    ]);
    const [first, , last] = await Promise.all(replies);
    expect(first?.kind === "data" && shown(first.data)).toBe(shown(before.subarray(0, BLOCK)));
    expect(last?.kind === "data" && shown(last.data)).toBe(shown(after));
  });

  test("by another session sees it", async () => {
    const reading = await readingHandle();
    const other = await TestClient.open({ fileSystem });
    const writing = await other.openFile("/f", WRITE);
    await other.write(writing, 4 * BLOCK, after);
    expect(shown(await client.read(reading, 4 * BLOCK, BLOCK))).toBe(shown(after));
    await other.end();
  });

  test.each([
    [
      "SETSTAT",
      async () => client.status({ kind: "setstat", path: "/f", attributes: { size: 4 * BLOCK + 10 } }),
    ],
    [
      "FSETSTAT",
      async () => {
        const handle = await client.openFile("/f", WRITE);
        return client.status({ kind: "fsetstat", handle, attributes: { size: 4 * BLOCK + 10 } });
      },
    ],
  ])("of the size by %s sees it", async (_request, change) => {
    const reading = await readingHandle();
    expect(await change()).toBe(StatusCode.OK);
    expect(shown(await client.read(reading, 4 * BLOCK, BLOCK))).toBe(shown(before.subarray(0, 10)));
    expect(await client.read(reading, 4 * BLOCK + 10, BLOCK)).toBe(StatusCode.EOF);
  });

  test("by an OPEN that empties the file sees it", async () => {
    const reading = await readingHandle();
    await client.openFile("/f", WRITE | CREAT | TRUNC);
    expect(await client.read(reading, 4 * BLOCK, BLOCK)).toBe(StatusCode.EOF);
  });

  test("by copy-data sees it", async () => {
    const reading = await readingHandle();
    await client.putFile("/source", after);
    const source = await client.openFile("/source", READ);
    const target = await client.openFile("/f", WRITE);
    const draft = {
      kind: "copy-data",
      source,
      sourceOffset: 0,
      length: 0,
      target,
      targetOffset: 4 * BLOCK,
    } as const;
    expect(await client.status(draft)).toBe(StatusCode.OK);
    expect(shown(await client.read(reading, 4 * BLOCK, BLOCK))).toBe(shown(after));
  });

  test("of the end follows a file that grows", async () => {
    const reading = await client.openFile("/f", READ);
    const end = before.length;
    for (let block = 36; block < 40; block += 1) await client.read(reading, block * BLOCK, BLOCK);
    expect(await client.read(reading, end, BLOCK)).toBe(StatusCode.EOF);
    expect(await client.read(reading, end, BLOCK)).toBe(StatusCode.EOF);
    const writing = await client.openFile("/f", WRITE);
    for (const text of ["one", "two", "three"]) {
      const at = end + { one: 0, two: 3, three: 6 }[text]!;
      await client.write(writing, at, Buffer.from(text));
      expect(shown(await client.read(reading, at, BLOCK))).toBe(shown(Buffer.from(text)));
      expect(await client.read(reading, at + text.length, BLOCK)).toBe(StatusCode.EOF);
    }
  });
});

describe("a read after a change by another program", () => {
  test("sees a file that grows", async () => {
    const client = await TestClient.open({ fileSystem: await localFileSystem(folder.path) });
    const path = join(folder.path, "log");
    writeFileSync(path, Buffer.alloc(3 * BLOCK + 5, "a"));
    const handle = await client.openFile("/log", READ);
    for (let block = 0; block < 3; block += 1) await client.read(handle, block * BLOCK, BLOCK);
    expect(shown(await client.read(handle, 3 * BLOCK, BLOCK))).toBe(shown(Buffer.from("aaaaa")));
    appendFileSync(path, "more");
    expect(shown(await client.read(handle, 3 * BLOCK + 5, BLOCK))).toBe(shown(Buffer.from("more")));
    truncateSync(path, 2);
    expect(await client.read(handle, 3 * BLOCK + 9, BLOCK)).toBe(StatusCode.EOF);
    await client.end();
  });
});

describe("reading ahead", () => {
  test("joins what a sequential client asks for into few large calls", async () => {
    const memory = new MemoryFileSystem();
    const controlled = new ControlledFileSystem(memory);
    const client = await TestClient.open({ fileSystem: controlled.fileSystem });
    await client.putFile("/f", Buffer.alloc(100 * BLOCK, "x"));
    expect((await client.getFile("/f")).length).toBe(100 * BLOCK);
    const reads = controlled.log.filter((name) => name.startsWith("read"));
    expect(reads.length).toBeLessThan(20);
    await client.end();
  });

  test("leaves a client alone that jumps about", async () => {
    const controlled = new ControlledFileSystem();
    const client = await TestClient.open({ fileSystem: controlled.fileSystem });
    await client.putFile("/f", Buffer.alloc(100 * BLOCK, "x"));
    const handle = await client.openFile("/f", READ);
    const positions = [50, 7, 93, 12, 61].map((block) => block * BLOCK);
    for (const position of positions) await client.read(handle, position, 100);
    expect(controlled.log.filter((name) => name.startsWith("read"))).toEqual(
      positions.map((at) => `read ${at}`),
    );
    await client.end();
  });
});
