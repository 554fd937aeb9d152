import { describe, expect, test } from "@jest/globals";
import { OpenFlag, StatusCode } from "@waybill/sftp-server";
import { ControlledFileSystem, settled } from "./support/controlled-file-system.js";
import { type Draft, statusOf, TestClient } from "./support/test-client.js";

const { READ, WRITE, CREAT } = OpenFlag;

async function session(maxRequestsInFlight = 64) {
  const controlled = new ControlledFileSystem();
  const client = await TestClient.open({ fileSystem: controlled.fileSystem, maxRequestsInFlight });
  return { controlled, client };
}

function write(handle: string, offset: number, text: string): Draft {
  const data = Buffer.from(text);
  return { kind: "write", handle, offset, data: [data], length: data.length };
}

describe("requests sent without waiting", () => {
  test("write, close, set times and rename one after the other", async () => {
    const { controlled, client } = await session();
    const handle = await client.openFile("/part", WRITE | CREAT);
    controlled.hold = true;
    const replies = client.requestAll([
      write(handle, 0, "abc"),
      { kind: "close", handle },
      { kind: "setstat", path: "/part", attributes: { times: { accessed: 1, modified: 1 } } },
      { kind: "rename", from: "/part", to: "/whole" },
      { kind: "stat", path: "/whole" },
    ]);
    for (const name of ["write 0+3", "close", "setstat /part", "rename /part /whole", "stat /whole"]) {
      await controlled.held(1);
      await settled();
      expect(controlled.names).toEqual([name]);
      controlled.proceed(name);
    }
    expect((await Promise.all(replies)).map((reply) => reply.kind)).toEqual([
      "status",
      "status",
      "status",
      "status",
      "attributes",
    ]);
    await client.end();
  });

  test("join adjacent writes, and keep overlapping ones in order", async () => {
    const { controlled, client } = await session();
    const handle = await client.openFile("/f", READ | WRITE | CREAT);
    controlled.hold = true;
    const replies = client.requestAll([
      write(handle, 0, "aaaa"),
      write(handle, 4, "bbbb"),
      write(handle, 8, "cccc"),
      write(handle, 2, "xx"),
      write(handle, 3, "yy"),
      { kind: "read", handle, offset: 0, length: 100 },
    ]);
    await controlled.held(1);
    expect(controlled.names).toEqual(["write 0+4"]);
    controlled.release();
    expect(await replies.at(-1)).toMatchObject({ data: Buffer.from("aaxyybbbcccc") });
    expect(controlled.log.filter((name) => name.startsWith("write"))).toEqual([
      "write 0+4",
      "write 4+8",
      "write 2+2",
      "write 3+2",
    ]);
    await client.end();
  });

  test("give each write its own answer when a joined one fails", async () => {
    const { controlled, client } = await session();
    const handle = await client.openFile("/f", WRITE | CREAT);
    controlled.hold = true;
    const replies = client.requestAll([
      write(handle, 0, "first"),
      write(handle, 5, "fits"),
      write(handle, 9, "does not fit"),
      write(handle, 21, "neither"),
    ]);
    await controlled.held(1);
    controlled.proceed("write 0+5");
    await controlled.held(1);
    const full = Object.assign(new Error("disk full: /real/path"), { code: "ENOSPC" });
    controlled.fail("write 5+23", full);
    for (const [name, error] of [
      ["write 5+4", undefined],
      ["write 9+12", full],
      ["write 21+7", full],
    ] as const) {
      await controlled.held(1);
      if (error === undefined) controlled.proceed(name);
      else controlled.fail(name, error);
    }
    const answers = await Promise.all(replies);
    expect(answers.map(statusOf)).toEqual([0, 0, StatusCode.FAILURE, StatusCode.FAILURE]);
    expect(answers[2]).toMatchObject({ message: "No space left on device" });
    controlled.release();
    await client.end();
  });

  test("run side by side when they only read", async () => {
    const { controlled, client } = await session();
    await client.putFile("/f", "content");
    const one = await client.openFile("/f", READ);
    controlled.hold = true;
    const replies = client.requestAll([
      { kind: "read", handle: one, offset: 0, length: 3 },
      { kind: "stat", path: "/f" },
      { kind: "fstat", handle: one },
      { kind: "opendir", path: "/" },
      { kind: "open", path: "/f", flags: READ, attributes: {} },
    ]);
    await controlled.held(5);
    expect(controlled.names.sort()).toEqual(["fstat", "open /f", "opendir /", "read 0", "stat /f"]);
    // The last one first: replies leave as they are ready.
    controlled.proceed("open /f");
    expect((await replies[4]!).kind).toBe("handle");
    controlled.release();
    await Promise.all(replies);
    await client.end();
  });

  test("work on different files side by side, on one file in order", async () => {
    const { controlled, client } = await session();
    const one = await client.openFile("/one", READ | WRITE | CREAT);
    const two = await client.openFile("/two", READ | WRITE | CREAT);
    const oneAgain = await client.openFile("/one", READ);
    controlled.hold = true;
    const replies = client.requestAll([
      write(one, 0, "abc"),
      write(two, 0, "def"),
      { kind: "fsync", handle: two },
      { kind: "read", handle: oneAgain, offset: 0, length: 3 },
    ]);
    await controlled.held(2);
    await settled();
    expect(controlled.names).toEqual(["write 0+3", "write 0+3"]);
    controlled.proceed("write 0+3");
    await settled();
    expect(controlled.names).toEqual(["write 0+3"]);
    controlled.release();
    expect(await replies[3]).toMatchObject({ data: Buffer.from("abc") });
    await client.end();
  });

  test("make a later request wait for an earlier one that changes paths, and none starve", async () => {
    const { controlled, client } = await session();
    const handle = await client.openFile("/f", READ | WRITE | CREAT);
    controlled.hold = true;
    const replies = client.requestAll([
      { kind: "read", handle, offset: 0, length: 3 },
      { kind: "remove", path: "/f" },
      { kind: "read", handle, offset: 0, length: 3 },
      { kind: "stat", path: "/f" },
    ]);
    await controlled.held(1);
    await settled();
    expect(controlled.names).toEqual(["read 0"]);
    controlled.proceed("read 0");
    await controlled.held(1);
    await settled();
    expect(controlled.names).toEqual(["remove /f"]);
    controlled.proceed("remove /f");
    await controlled.held(2);
    expect(controlled.names.sort()).toEqual(["read 0", "stat /f"]);
    controlled.release();
    expect(statusOf((await Promise.all(replies))[3]!)).toBe(StatusCode.NO_SUCH_FILE);
    await client.end();
  });

  test("use a handle before its CLOSE, not after it", async () => {
    const { controlled, client } = await session();
    await client.putFile("/f", "content");
    const handle = await client.openFile("/f", READ);
    controlled.hold = true;
    const replies = client.requestAll([
      { kind: "read", handle, offset: 0, length: 7 },
      { kind: "close", handle },
      { kind: "read", handle, offset: 0, length: 7 },
      { kind: "fstat", handle },
    ]);
    await controlled.held(1);
    await settled();
    expect(controlled.names).toEqual(["read 0"]);
    controlled.release();
    const answers = await Promise.all(replies);
    expect(answers[0]).toMatchObject({ data: Buffer.from("content") });
    expect(answers.slice(1).map(statusOf)).toEqual([0, StatusCode.FAILURE, StatusCode.FAILURE]);
    await client.end();
  });
});

describe("requests in flight", () => {
  test("are limited; the rest waits in the channel", async () => {
    const { controlled, client } = await session(5);
    controlled.hold = true;
    const replies = client.requestAll(
      Array.from({ length: 200 }, () => ({ kind: "stat", path: "/" }) as const),
    );
    await controlled.held(5);
    await settled();
    expect(controlled.calls).toHaveLength(5);
    controlled.proceed("stat /");
    controlled.proceed("stat /");
    await controlled.held(5);
    await settled();
    expect(controlled.calls).toHaveLength(5);
    expect(controlled.log).toHaveLength(7);
    controlled.release();
    expect(await Promise.all(replies)).toHaveLength(200);
    await client.end();
  });

  test("are 64 unless said otherwise", async () => {
    const { controlled, client } = await session();
    controlled.hold = true;
    const replies = client.requestAll(
      Array.from({ length: 100 }, () => ({ kind: "stat", path: "/" }) as const),
    );
    await controlled.held(64);
    await settled();
    expect(controlled.calls).toHaveLength(64);
    controlled.release();
    await Promise.all(replies);
    await client.end();
  });
});
