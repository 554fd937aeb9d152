import { describe, expect, test } from "@jest/globals";
import { encodeRequest, PacketType, StatusCode } from "@waybill/sftp-server";
import { MemoryFileSystem } from "./support/memory-file-system.js";
import { statusOf, TestClient } from "./support/test-client.js";

const options = () => ({ fileSystem: new MemoryFileSystem() });

/** A packet with its length, from a type and a body. */
function packet(type: number, ...body: number[]): Buffer {
  return Buffer.from([0, 0, 0, body.length + 1, type, ...body]);
}

describe("the beginning of a session", () => {
  test("is INIT and VERSION 3, with the extensions that the file system can do", async () => {
    const client = new TestClient(options());
    expect(await client.init()).toEqual({
      kind: "version",
      version: 3,
      extensions: [
        { name: "fsync@openssh.com", data: "1" },
        { name: "limits@openssh.com", data: "1" },
        { name: "expand-path@openssh.com", data: "1" },
        { name: "copy-data", data: "1" },
        { name: "home-directory", data: "1" },
      ],
    });
    await client.end();
  });

  test("answers clients of later versions with 3 and ignores their extensions", async () => {
    const client = new TestClient(options());
    const reply = client.init();
    client.channel.write(encodeRequest({ kind: "limits", id: 4 }));
    expect(await reply).toMatchObject({ version: 3 });
    const later = new TestClient(options());
    later.channel.write(encodeRequest({ kind: "init", version: 6, extensions: [{ name: "x@y", data: "" }] }));
    expect(statusOf(await later.request({ kind: "lstat", path: "/missing" }))).toBe(StatusCode.NO_SUCH_FILE);
    expect(later.replies[0]).toMatchObject({ kind: "version", version: 3 });
    await Promise.all([client.end(), later.end()]);
  });

  test.each([
    ["a request before INIT", encodeRequest({ kind: "stat", id: 1, path: "/" }), "ERR_SFTP_NO_INIT"],
    ["version 2", encodeRequest({ kind: "init", version: 2, extensions: [] }), "ERR_SFTP_VERSION"],
    ["an INIT with half a pair", packet(PacketType.INIT, 0, 0, 0, 3, 0, 0, 0, 1, 65), "ERR_SFTP_MALFORMED"],
    ["a packet of two bytes", Buffer.from([0, 0, 0, 2, 1, 1]), "ERR_SFTP_PACKET_TOO_SHORT"],
    ["a packet of 4 GiB", Buffer.from([0xff, 0xff, 0xff, 0xff]), "ERR_SFTP_PACKET_TOO_LONG"],
  ])("%s ends it", async (_name, bytes, code) => {
    const client = new TestClient(options());
    client.channel.write(bytes);
    await expect(client.served).rejects.toMatchObject({ code });
  });
});

describe("a session", () => {
  test("ends at a second INIT", async () => {
    const client = await TestClient.open(options());
    client.channel.write(encodeRequest({ kind: "init", version: 3, extensions: [] }));
    await expect(client.served).rejects.toMatchObject({ code: "ERR_SFTP_SECOND_INIT" });
  });

  test("ends at a packet beyond its maximum, and not before", async () => {
    const client = await TestClient.open({ ...options(), maxPacketBytes: 40_000 });
    const path = Buffer.alloc(40_000 + 1024 - 9, 0x61).toString("latin1");
    expect(await client.status({ kind: "stat", path })).toBe(StatusCode.FAILURE);
    client.channel.write(encodeRequest({ kind: "stat", id: 99, path: `${path}a` }));
    await expect(client.served).rejects.toMatchObject({ code: "ERR_SFTP_PACKET_TOO_LONG" });
  });

  test("answers packets of unknown types and goes on", async () => {
    const client = await TestClient.open(options());
    for (const type of [0, PacketType.VERSION, 21, PacketType.STATUS, PacketType.EXTENDED_REPLY, 255]) {
      const reply = await client.request({ kind: "unknown", type, body: Buffer.from("x") });
      expect(statusOf(reply)).toBe(StatusCode.OP_UNSUPPORTED);
    }
    const draft = { kind: "unknown-extension", name: "none@example.com", data: Buffer.from("x") } as const;
    expect(await client.status(draft)).toBe(StatusCode.OP_UNSUPPORTED);
    await client.end();
  });

  test("answers malformed packets with their id and goes on", async () => {
    const client = await TestClient.open(options());
    const short = client.expect(0x01020304);
    client.channel.write(packet(PacketType.OPEN, 1, 2, 3, 4, 0, 0, 0, 9, 65));
    expect(statusOf(await short)).toBe(StatusCode.BAD_MESSAGE);
    const trailing = client.expect(5);
    client.channel.write(packet(PacketType.LSTAT, 0, 0, 0, 5, 0, 0, 0, 1, 47, 0));
    expect(statusOf(await trailing)).toBe(StatusCode.BAD_MESSAGE);
    const empty = client.expect(6);
    client.channel.write(packet(PacketType.WRITE, 0, 0, 0, 6));
    expect(statusOf(await empty)).toBe(StatusCode.BAD_MESSAGE);
    expect(await client.request({ kind: "stat", path: "/" })).toMatchObject({ kind: "attributes" });
    await client.end();
  });

  test("refuses offsets that it cannot handle with a failure, not as malformed", async () => {
    const client = await TestClient.open(options());
    const bytes = encodeRequest({ kind: "read", id: 8, handle: "h", offset: 0, length: 1 });
    bytes.writeBigUInt64BE(2n ** 64n - 1n, bytes.length - 12);
    const reply = client.expect(8);
    client.channel.write(bytes);
    expect(statusOf(await reply)).toBe(StatusCode.FAILURE);
    await client.end();
  });

  test("tells its limits", async () => {
    const client = await TestClient.open({ ...options(), maxHandles: 7 });
    const reply = await client.request({ kind: "limits" });
    expect(reply).toMatchObject({ kind: "extended" });
    const fields = reply.kind === "extended" ? reply.data : Buffer.alloc(0);
    expect([0, 8, 16, 24].map((at) => Number(fields.readBigUInt64BE(at)))).toEqual([
      262_144, 261_120, 261_120, 7,
    ]);
    await client.end();
  });

  test("works when the channel delivers single bytes", async () => {
    const client = await TestClient.open(options());
    const reply = client.expect(3);
    for (const byte of encodeRequest({ kind: "realpath", id: 3, path: "a/./b/../c" })) {
      client.channel.write(Buffer.of(byte));
    }
    expect(await reply).toMatchObject({ names: [{ name: "/a/c", attributes: {} }] });
    await client.end();
  });

  test("resolves when the client ends in the middle of a packet", async () => {
    const client = await TestClient.open(options());
    client.channel.write(Buffer.from([0, 0, 1, 0, PacketType.WRITE]));
    await client.end();
  });

  test("answers what was sent before the end", async () => {
    const client = await TestClient.open(options());
    const replies = client.requestAll(
      Array.from({ length: 200 }, () => ({ kind: "lstat", path: "/" }) as const),
    );
    client.channel.end();
    for (const reply of await Promise.all(replies)) expect(reply.kind).toBe("attributes");
    await client.served;
  });
});

describe("handles", () => {
  test("cannot be guessed, mixed up or used after CLOSE", async () => {
    const client = await TestClient.open(options());
    await client.putFile("/file", "content");
    const file = await client.openFile("/file", 1);
    const other = await client.openFile("/file", 1);
    expect(file).toHaveLength(36);
    expect(file.slice(0, 8)).not.toBe(other.slice(0, 8));
    const reply = await client.request({ kind: "opendir", path: "/" });
    const folder = reply.kind === "handle" ? reply.handle : "";
    for (const handle of ["", "x", file.slice(1), `${file}x`, "y".repeat(500)]) {
      expect(await client.status({ kind: "fstat", handle })).toBe(StatusCode.FAILURE);
      expect(await client.close(handle)).toBe(StatusCode.FAILURE);
    }
    expect(await client.status({ kind: "readdir", handle: file })).toBe(StatusCode.FAILURE);
    expect(await client.read(folder, 0, 10)).toBe(StatusCode.FAILURE);
    expect(await client.write(folder, 0, Buffer.from("x"))).toBe(StatusCode.FAILURE);
    expect(await client.close(file)).toBe(StatusCode.OK);
    expect(await client.close(file)).toBe(StatusCode.FAILURE);
    expect(await client.read(file, 0, 10)).toBe(StatusCode.FAILURE);
    expect(await client.read(other, 0, 10)).toEqual(Buffer.from("content"));
    await client.end();
  });

  test("of one session mean nothing in another", async () => {
    const fileSystem = new MemoryFileSystem();
    const first = await TestClient.open({ fileSystem });
    const second = await TestClient.open({ fileSystem });
    await first.putFile("/file", "content");
    const handle = await first.openFile("/file", 1);
    expect(await second.read(handle, 0, 10)).toBe(StatusCode.FAILURE);
    await Promise.all([first.end(), second.end()]);
  });

  test("are limited, also while many are being opened", async () => {
    const client = await TestClient.open({ ...options(), maxHandles: 3 });
    await client.putFile("/file", "content");
    const open = { kind: "open", path: "/file", flags: 1, attributes: {} } as const;
    const replies = await Promise.all(client.requestAll([open, open, open, open, open]));
    const kinds = replies.map((reply) => reply.kind).sort();
    expect(kinds).toEqual(["handle", "handle", "handle", "status", "status"]);
    const opened = replies.find((reply) => reply.kind === "handle");
    await client.close(opened?.kind === "handle" ? opened.handle : "");
    await client.openFile("/file", 1);
    await client.end();
  });

  test("may only be used as they were opened", async () => {
    const client = await TestClient.open(options());
    const write = await client.openFile("/file", 2 | 8);
    expect(await client.read(write, 0, 1)).toBe(StatusCode.PERMISSION_DENIED);
    const read = await client.openFile("/file", 1);
    expect(await client.write(read, 0, Buffer.from("x"))).toBe(StatusCode.PERMISSION_DENIED);
    await client.end();
  });
});
