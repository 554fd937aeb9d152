import { execFileSync } from "node:child_process";
import { readFileSync, statfsSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  decodeAccountNames,
  decodeStatistics,
  encodeRequest,
  localFileSystem,
  OpenFlag,
  type Reply,
  StatusCode,
} from "@waybill/sftp-server";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { nameOf, statusOf, TestClient } from "./support/test-client.js";

const { READ, WRITE, CREAT } = OpenFlag;

let folder: TemporaryFolder;
let client: TestClient;

beforeEach(async () => {
  folder = await temporaryFolder();
  client = new TestClient({ fileSystem: await localFileSystem(folder.path) });
});

afterEach(async () => {
  await client.end();
  await folder.remove();
});

function bodyOf(reply: Reply): Buffer {
  if (reply.kind !== "extended") throw new Error(`expected an extended reply, got ${reply.kind}`);
  return reply.data;
}

describe("OpenSSH's extensions", () => {
  test("are all announced by a local file system", async () => {
    expect(await client.init()).toMatchObject({
      extensions: [
        { name: "posix-rename@openssh.com", data: "1" },
        { name: "statvfs@openssh.com", data: "2" },
        { name: "fstatvfs@openssh.com", data: "2" },
        { name: "hardlink@openssh.com", data: "1" },
        { name: "fsync@openssh.com", data: "1" },
        { name: "lsetstat@openssh.com", data: "1" },
        { name: "limits@openssh.com", data: "1" },
        { name: "expand-path@openssh.com", data: "1" },
        { name: "copy-data", data: "1" },
        { name: "home-directory", data: "1" },
        { name: "users-groups-by-id@openssh.com", data: "1" },
      ],
    });
  });

  test("statvfs and fstatvfs tell of the disk", async () => {
    await client.init();
    const expected = statfsSync(folder.path, { bigint: true });
    await client.putFile("/f", "x");
    const handle = await client.openFile("/f", READ);
    for (const draft of [
      { kind: "statvfs", path: "/" },
      { kind: "statvfs", path: "/f" },
      { kind: "fstatvfs", handle },
    ] as const) {
      const statistics = decodeStatistics(bodyOf(await client.request(draft)));
      expect(statistics).toMatchObject({
        blockSize: expected.bsize,
        blocks: expected.blocks,
        files: expected.files,
        maxNameLength: 255n,
        flags: 0n,
      });
      expect(statistics.availableBlocks).toBeLessThanOrEqual(statistics.blocks);
    }
    expect(await client.status({ kind: "statvfs", path: "/none" })).toBe(StatusCode.NO_SUCH_FILE);
  });

  test("fsync answers when the file is synced", async () => {
    await client.init();
    const handle = await client.openFile("/f", WRITE | CREAT);
    await client.write(handle, 0, Buffer.from("content"));
    expect(await client.status({ kind: "fsync", handle })).toBe(StatusCode.OK);
    expect(await client.status({ kind: "fsync", handle: "none" })).toBe(StatusCode.FAILURE);
  });

  test("expand-path and home-directory lead to the root for everybody", async () => {
    await client.init();
    await client.status({ kind: "mkdir", path: "/d", attributes: {} });
    for (const [path, expected] of [
      ["~", "/"],
      ["~/d", "/d"],
      ["~somebody", "/"],
      ["~somebody/d/../new", "/new"],
      ["", "/"],
      ["d", "/d"],
    ] as const) {
      expect(nameOf(await client.request({ kind: "expand-path", path }))).toBe(expected);
    }
    expect(nameOf(await client.request({ kind: "home-directory", user: "" }))).toBe("/");
    expect(nameOf(await client.request({ kind: "home-directory", user: "somebody" }))).toBe("/");
  });

  test("users-groups-by-id gives names, empty ones for unknown ids", async () => {
    await client.init();
    const { uid, gid, username } = userInfo();
    const group = execFileSync("id", ["-gn"]).toString().trim();
    const unknown = 4_000_000_000;
    const reply = await client.request({
      kind: "users-groups-by-id",
      users: [uid, unknown],
      groups: [unknown, gid],
    });
    expect(decodeAccountNames(bodyOf(reply))).toEqual({ users: [username, ""], groups: ["", group] });
    const none = await client.request({ kind: "users-groups-by-id", users: [], groups: [] });
    expect(decodeAccountNames(bodyOf(none))).toEqual({ users: [], groups: [] });
    const odd = encodeRequest({ kind: "users-groups-by-id", id: 77, users: [1], groups: [] });
    // Three bytes are not an id: the string loses one, and the packet too.
    const cut = Buffer.concat([odd.subarray(0, -5), Buffer.alloc(4)]);
    cut.writeUInt32BE(cut.length - 4, 0);
    cut.writeUInt32BE(3, cut.length - 11);
    const answer = client.expect(77);
    client.channel.write(cut);
    expect(statusOf(await answer)).toBe(StatusCode.BAD_MESSAGE);
  });

  test("names are kept from clients when the administrator says so", async () => {
    const quiet = await TestClient.open({
      fileSystem: await localFileSystem(folder.path, { showAccountNames: false }),
    });
    const reply = await quiet.request({ kind: "users-groups-by-id", users: [0], groups: [0] });
    expect(decodeAccountNames(bodyOf(reply))).toEqual({ users: [""], groups: [""] });
    await quiet.end();
  });
});

describe("copy-data", () => {
  let source: string;
  let target: string;
  const content = Buffer.alloc(700_000, "0123456789");

  beforeEach(async () => {
    await client.init();
    writeFileSync(join(folder.path, "source"), content);
    source = await client.openFile("/source", READ);
    target = await client.openFile("/target", READ | WRITE | CREAT);
  });

  const copied = () => readFileSync(join(folder.path, "target"));

  test("copies a part", async () => {
    const draft = {
      kind: "copy-data",
      source,
      sourceOffset: 3,
      length: 300_001,
      target,
      targetOffset: 5,
    } as const;
    expect(await client.status(draft)).toBe(StatusCode.OK);
    expect(copied().equals(Buffer.concat([Buffer.alloc(5), content.subarray(3, 300_004)]))).toBe(true);
    expect(await client.read(target, 5, 4)).toEqual(Buffer.from("3456"));
  });

  test("copies up to the end", async () => {
    const draft = { kind: "copy-data", source, sourceOffset: 1, length: 0, target, targetOffset: 0 } as const;
    expect(await client.status(draft)).toBe(StatusCode.OK);
    expect(copied().equals(content.subarray(1))).toBe(true);
  });

  test("tells when the source ends too early", async () => {
    const draft = {
      kind: "copy-data",
      source,
      sourceOffset: 0,
      length: 700_001,
      target,
      targetOffset: 0,
    } as const;
    expect(await client.status(draft)).toBe(StatusCode.EOF);
    expect(copied().equals(content)).toBe(true);
  });

  test("sees writes before it and is seen by reads after it, all sent at once", async () => {
    const data = Buffer.from("written first");
    const [, , read] = client.requestAll([
      { kind: "write", handle: target, offset: 0, data: [data], length: data.length },
      { kind: "copy-data", source, sourceOffset: 0, length: 7, target, targetOffset: 0 },
      { kind: "read", handle: target, offset: 0, length: 100 },
    ]);
    expect(await read).toMatchObject({ kind: "data", data: Buffer.from("0123456 first") });
  });

  test("refuses one file for both, and handles that are not open for it", async () => {
    const again = await client.openFile("/source", READ | WRITE);
    for (const [from, to] of [
      [source, again],
      [target, target],
      [source, source],
      [source, "none"],
    ] as const) {
      const draft = {
        kind: "copy-data",
        source: from,
        sourceOffset: 0,
        length: 0,
        target: to,
        targetOffset: 9,
      } as const;
      expect(await client.status(draft)).toBe(StatusCode.FAILURE);
    }
    const backwards = {
      kind: "copy-data",
      source: target,
      sourceOffset: 0,
      length: 0,
      target: source,
      targetOffset: 0,
    } as const;
    expect(await client.status(backwards)).toBe(StatusCode.PERMISSION_DENIED);
    expect(readFileSync(join(folder.path, "source")).equals(content)).toBe(true);
  });
});
