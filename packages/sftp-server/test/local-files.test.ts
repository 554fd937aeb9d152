import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { decodeName, localFileSystem, OpenFlag, StatusCode } from "@waybill/sftp-server";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { attributesOf, nameOf, statusOf, TestClient } from "./support/test-client.js";

const { READ, WRITE, APPEND, CREAT, TRUNC, EXCL } = OpenFlag;

let folder: TemporaryFolder;
let client: TestClient;

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(async () => {
  await client.end();
  await folder.remove();
});

const local = (name: string) => join(folder.path, name);

// Each way of making calls and of holding paths is the same to a client.
describe.each([
  { calls: "direct", containment: "pin" },
  { calls: "pooled", containment: "pin" },
  { calls: "direct", containment: "check" },
] as const)("local files, calls $calls, containment $containment", (options) => {
  beforeEach(async () => {
    client = await TestClient.open({ fileSystem: await localFileSystem(folder.path, options) });
  });

  test("are written, read, listed and removed", async () => {
    expect(await client.status({ kind: "mkdir", path: "/d", attributes: { permissions: 0o750 } })).toBe(0);
    await client.putFile("/d/a", "content");
    expect(readFileSync(local("d/a"), "utf8")).toBe("content");
    expect(statSync(local("d")).mode & 0o777).toBe(0o750);
    expect((await client.getFile("/d/a")).toString()).toBe("content");
    expect(await client.list("/")).toEqual(["d"]);
    expect(await client.list("/d")).toEqual(["a"]);
    expect(await client.status({ kind: "rmdir", path: "/d" })).toBe(StatusCode.FAILURE);
    expect(await client.status({ kind: "remove", path: "/d" })).not.toBe(0);
    expect(await client.status({ kind: "remove", path: "/d/a" })).toBe(0);
    expect(await client.status({ kind: "rmdir", path: "/d" })).toBe(0);
    expect(await client.list("/")).toEqual([]);
  });

  test("are opened as the flags say", async () => {
    const open = async (path: string, flags: number) =>
      await client.request({ kind: "open", path, flags, attributes: {} });
    expect(statusOf(await open("/new", READ))).toBe(StatusCode.NO_SUCH_FILE);
    expect(statusOf(await open("/new", WRITE))).toBe(StatusCode.NO_SUCH_FILE);
    expect((await open("/new", WRITE | CREAT | EXCL)).kind).toBe("handle");
    expect(statusOf(await open("/new", WRITE | CREAT | EXCL))).toBe(StatusCode.FAILURE);
    await client.putFile("/f", "0123456789");
    const part = await client.openFile("/f", WRITE | CREAT);
    await client.write(part, 2, Buffer.from("xx"));
    expect(readFileSync(local("f"), "utf8")).toBe("01xx456789");
    const append = await client.openFile("/f", WRITE | APPEND);
    await client.write(append, 0, Buffer.from("end"));
    expect(readFileSync(local("f"), "utf8")).toBe("01xx456789end");
    await client.openFile("/f", WRITE | TRUNC);
    expect(statSync(local("f")).size).toBe(0);
    const both = await client.openFile("/f", READ | WRITE);
    await client.write(both, 3, Buffer.from("abc"));
    expect(await client.read(both, 0, 100)).toEqual(Buffer.from("\0\0\0abc"));
    expect(await client.read(both, 6, 100)).toBe(StatusCode.EOF);
    expect(await client.read(both, 1000, 100)).toBe(StatusCode.EOF);
    expect(await client.read(both, 0, 0)).toEqual(Buffer.alloc(0));
  });

  test("get the mode that the client asks for", async () => {
    const handle = await client.openFile("/f", WRITE | CREAT, { permissions: 0o100640 });
    await client.close(handle);
    expect(statSync(local("f")).mode & 0o7777).toBe(0o640);
    expect(await client.status({ kind: "setstat", path: "/f", attributes: { permissions: 0o104711 } })).toBe(
      0,
    );
    expect(statSync(local("f")).mode).toBe(0o104711);
  });

  test("have attributes that can be read and set, by path and by handle", async () => {
    await client.putFile("/f", "0123456789");
    const times = { accessed: 1_000_000_000, modified: 1_100_000_000 };
    const set = { size: 4, permissions: 0o600, times };
    expect(await client.status({ kind: "setstat", path: "/f", attributes: set })).toBe(0);
    const expected = { size: 4, permissions: 0o100600, times };
    expect(attributesOf(await client.request({ kind: "stat", path: "/f" }))).toMatchObject(expected);
    expect(attributesOf(await client.request({ kind: "lstat", path: "/f" }))).toMatchObject(expected);
    const handle = await client.openFile("/f", READ | WRITE);
    const later = { size: 6, permissions: 0o644, times: { accessed: 5, modified: 6 } };
    expect(await client.status({ kind: "fsetstat", handle, attributes: later })).toBe(0);
    const { uid, gid } = statSync(local("f"));
    expect(attributesOf(await client.request({ kind: "fstat", handle }))).toEqual({
      size: 6,
      permissions: 0o100644,
      owner: { uid, gid },
      times: { accessed: 5, modified: 6 },
    });
    expect(await client.status({ kind: "setstat", path: "/f", attributes: { owner: { uid, gid } } })).toBe(0);
    expect(await client.status({ kind: "setstat", path: "/none", attributes: set })).toBe(
      StatusCode.NO_SUCH_FILE,
    );
    expect(await client.status({ kind: "setstat", path: "/", attributes: { size: 1 } })).toBe(
      StatusCode.FAILURE,
    );
  });

  test("are renamed, never over another one", async () => {
    await client.putFile("/a", "a");
    await client.putFile("/b", "b");
    await client.status({ kind: "mkdir", path: "/d", attributes: {} });
    await client.status({ kind: "mkdir", path: "/e", attributes: {} });
    expect(await client.status({ kind: "rename", from: "/a", to: "/b" })).toBe(StatusCode.FAILURE);
    expect(await client.status({ kind: "rename", from: "/a", to: "/d" })).toBe(StatusCode.FAILURE);
    expect(await client.status({ kind: "rename", from: "/d", to: "/e" })).toBe(StatusCode.FAILURE);
    expect(await client.status({ kind: "rename", from: "/none", to: "/x" })).toBe(StatusCode.NO_SUCH_FILE);
    expect(await client.status({ kind: "rename", from: "/a", to: "/d/a" })).toBe(0);
    expect(await client.status({ kind: "rename", from: "/d", to: "/moved" })).toBe(0);
    symlinkSync("nowhere", local("l"));
    expect(await client.status({ kind: "rename", from: "/b", to: "/l" })).toBe(StatusCode.FAILURE);
    expect(await client.status({ kind: "rename", from: "/l", to: "/l2" })).toBe(0);
    expect(await client.list("/")).toEqual(["b", "e", "l2", "moved"]);
    expect(await client.list("/moved")).toEqual(["a"]);
  });

  test("are replaced by posix-rename", async () => {
    await client.putFile("/a", "a");
    await client.putFile("/b", "b");
    expect(await client.status({ kind: "posix-rename", from: "/a", to: "/b" })).toBe(0);
    expect(await client.list("/")).toEqual(["b"]);
    expect((await client.getFile("/b")).toString()).toBe("a");
  });

  test("are linked", async () => {
    await client.putFile("/f", "content");
    await client.status({ kind: "mkdir", path: "/d", attributes: {} });
    expect(await client.status({ kind: "symlink", target: "../f", path: "/d/l" })).toBe(0);
    expect(nameOf(await client.request({ kind: "readlink", path: "/d/l" }))).toBe("../f");
    expect((await client.getFile("/d/l")).toString()).toBe("content");
    expect(attributesOf(await client.request({ kind: "stat", path: "/d/l" })).size).toBe(7);
    const link = attributesOf(await client.request({ kind: "lstat", path: "/d/l" }));
    expect((link.permissions ?? 0) & 0o170000).toBe(0o120000);
    expect(nameOf(await client.request({ kind: "realpath", path: "/d/l" }))).toBe("/f");
    expect(nameOf(await client.request({ kind: "realpath", path: "/d/none" }))).toBe("/d/none");
    expect(await client.status({ kind: "realpath", path: "/none/none" })).toBe(StatusCode.NO_SUCH_FILE);
    expect(await client.status({ kind: "hardlink", existing: "/f", path: "/hard" })).toBe(0);
    expect(statSync(local("f")).nlink).toBe(2);
    expect(await client.status({ kind: "hardlink", existing: "/f", path: "/hard" })).toBe(StatusCode.FAILURE);
    expect(await client.status({ kind: "readlink", path: "/f" })).toBe(StatusCode.FAILURE);
    expect(await client.status({ kind: "symlink", target: "x", path: "/f" })).toBe(StatusCode.FAILURE);
    await client.status({ kind: "symlink", target: "loop2", path: "/loop1" });
    await client.status({ kind: "symlink", target: "loop1", path: "/loop2" });
    expect(await client.status({ kind: "stat", path: "/loop1" })).toBe(StatusCode.NO_SUCH_FILE);
    expect(await client.status({ kind: "stat", path: "/loop1/x" })).toBe(StatusCode.NO_SUCH_FILE);
    expect(await client.status({ kind: "stat", path: "/f/x" })).toBe(StatusCode.NO_SUCH_FILE);
  });

  test("change through a link, and links change by themselves", async () => {
    await client.putFile("/f", "content");
    symlinkSync("f", local("l"));
    const times = { accessed: 11, modified: 12 };
    expect(await client.status({ kind: "lsetstat", path: "/l", attributes: { times } })).toBe(0);
    expect(lstatSync(local("l")).mtimeMs).toBe(12_000);
    expect(statSync(local("f")).mtimeMs).not.toBe(12_000);
    expect(
      await client.status({ kind: "setstat", path: "/l", attributes: { times: { ...times, modified: 13 } } }),
    ).toBe(0);
    expect(lstatSync(local("l")).mtimeMs).toBe(12_000);
    expect(statSync(local("f")).mtimeMs).toBe(13_000);
    expect(
      await client.status({ kind: "setstat", path: "/l", attributes: { size: 3, permissions: 0o600 } }),
    ).toBe(0);
    expect(readFileSync(local("f"), "utf8")).toBe("con");
    expect(await client.status({ kind: "lsetstat", path: "/l", attributes: { size: 1 } })).toBe(
      StatusCode.FAILURE,
    );
    expect(await client.status({ kind: "lsetstat", path: "/f", attributes: { permissions: 0o640 } })).toBe(0);
    expect(statSync(local("f")).mode & 0o777).toBe(0o640);
    const handle = await client.openFile("/dangling", WRITE | CREAT).catch(() => undefined);
    expect(handle).toBeDefined();
  });

  test("are made at the end of a link that leads nowhere yet", async () => {
    symlinkSync("target", local("l"));
    await client.putFile("/l", "content");
    expect(readFileSync(local("target"), "utf8")).toBe("content");
    const open = { kind: "open", path: "/l", flags: WRITE | CREAT | EXCL, attributes: {} } as const;
    expect(await client.status(open)).toBe(StatusCode.FAILURE);
  });

  test("that are not regular do not make the server wait", async () => {
    execFileSync("mkfifo", [local("fifo")]);
    mkdirSync(local("d"));
    for (const flags of [READ, WRITE, READ | WRITE, WRITE | CREAT | TRUNC]) {
      expect(await client.status({ kind: "open", path: "/fifo", flags, attributes: {} })).toBe(
        StatusCode.FAILURE,
      );
      expect(await client.status({ kind: "open", path: "/d", flags, attributes: {} })).toBe(
        StatusCode.FAILURE,
      );
    }
    expect(await client.status({ kind: "setstat", path: "/fifo", attributes: { size: 0 } })).toBe(
      StatusCode.FAILURE,
    );
    expect(attributesOf(await client.request({ kind: "lstat", path: "/fifo" })).permissions! & 0o170000).toBe(
      0o010000,
    );
  });

  test("have any name that Unix allows, byte for byte", async () => {
    const names = [
      "plain",
      " -leading and trailing ",
      "quote'\"`$(x)",
      "new\nline",
      "żółć 🚀",
      "\\back",
      decodeName(Buffer.from([0x63, 0x61, 0x66, 0xe9])),
      decodeName(Buffer.from([0xff, 0xfe])),
      "�",
    ];
    for (const name of names) await client.putFile(`/${name}`, `content of ${name}`);
    const latin1 = decodeName(Buffer.from([0xe9]));
    await client.status({ kind: "mkdir", path: `/${latin1}`, attributes: {} });
    await client.putFile(`/${latin1}/x`, "inside");
    await client.status({ kind: "symlink", target: `${latin1}/x`, path: "/link" });
    expect((await client.getFile("/link")).toString()).toBe("inside");
    expect(nameOf(await client.request({ kind: "readlink", path: "/link" }))).toBe(`${latin1}/x`);
    expect(nameOf(await client.request({ kind: "realpath", path: "/link" }))).toBe(`/${latin1}/x`);
    expect(await client.list(`/${latin1}`)).toEqual(["x"]);
    expect(await client.list("/")).toEqual([...names, latin1, "link"].sort());
    for (const name of names) {
      expect((await client.getFile(`/${name}`)).equals(Buffer.from(`content of ${name}`))).toBe(true);
      expect(await client.status({ kind: "remove", path: `/${name}` })).toBe(0);
    }
  });

  test("with names that are too long get a failure and nothing else", async () => {
    const name = "n".repeat(256);
    for (const draft of [
      { kind: "open", path: `/${name}`, flags: WRITE | CREAT, attributes: {} },
      { kind: "mkdir", path: `/${name}`, attributes: {} },
      { kind: "lstat", path: `/${name}` },
      { kind: "lstat", path: `/${"d/".repeat(2040)}x${"y".repeat(200)}` },
    ] as const) {
      const reply = await client.request(draft);
      expect(reply).toMatchObject({
        kind: "status",
        code: StatusCode.FAILURE,
        message: "File name too long",
      });
    }
    expect(await client.status({ kind: "lstat", path: `/${"d/".repeat(2000)}x` })).toBe(
      StatusCode.NO_SUCH_FILE,
    );
  });

  test("are listed in packets that every client takes", async () => {
    mkdirSync(local("many"));
    const names = Array.from({ length: 700 }, (_, index) => `${"long".repeat(30)}-${index}`);
    for (const name of names) writeFileSync(local(`many/${name}`), "");
    expect(await client.list("/many")).toEqual([...names].sort());
    for (const reply of client.replies) {
      if (reply.kind === "name") expect(JSON.stringify(reply.names).length).toBeGreaterThan(0);
    }
    const sizes = client.replies.map((reply) => (reply.kind === "name" ? reply.names.length : 0));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100);
  });
});

describe("local files", () => {
  beforeEach(async () => {
    client = await TestClient.open({ fileSystem: await localFileSystem(folder.path) });
  });

  test("are listed like ls -l does it", async () => {
    writeFileSync(local("f"), "12345");
    chmodSync(local("f"), 0o4755);
    execFileSync("touch", ["-d", "2001-02-03 04:05:06", local("f")]);
    const reply = await client.request({ kind: "opendir", path: "/" });
    const handle = reply.kind === "handle" ? reply.handle : "";
    const names = await client.request({ kind: "readdir", handle });
    const entry = names.kind === "name" ? names.names[0] : undefined;
    const [mode, links, user, group, size, ...rest] = (entry?.longName ?? "").split(/ +/);
    const [expectedUser, expectedGroup] = execFileSync("stat", ["-c", "%U %G", local("f")])
      .toString()
      .trim()
      .split(" ");
    expect([mode, links, user, group, size]).toEqual(["-rwsr-xr-x", "1", expectedUser, expectedGroup, "5"]);
    expect(rest).toEqual(["Feb", "3", "2001", "f"]);
    expect(statusOf(await client.request({ kind: "readdir", handle }))).toBe(StatusCode.EOF);
    expect(statusOf(await client.request({ kind: "readdir", handle }))).toBe(StatusCode.EOF);
  });

  test("have no times before 1970 for version 3", async () => {
    writeFileSync(local("f"), "");
    execFileSync("touch", ["-d", "1960-01-01", local("f")]);
    expect(attributesOf(await client.request({ kind: "stat", path: "/f" })).times).toEqual({
      accessed: 0,
      modified: 0,
    });
  });
});

describe("localFileSystem", () => {
  beforeEach(async () => {
    client = await TestClient.open({ fileSystem: await localFileSystem(folder.path) });
  });

  test("wants a root that is a folder", async () => {
    await expect(localFileSystem(local("missing"))).rejects.toMatchObject({ code: "ERR_ROOT_MISSING" });
    writeFileSync(local("file"), "");
    await expect(localFileSystem(local("file"))).rejects.toMatchObject({ code: "ERR_ROOT_NOT_A_DIRECTORY" });
    await expect(localFileSystem(local("file/x"))).rejects.toMatchObject({ code: "ERR_ROOT_MISSING" });
  });

  test("never lets the root itself go", async () => {
    for (const draft of [
      { kind: "rmdir", path: "/" },
      { kind: "remove", path: "/.." },
      { kind: "rename", from: "/", to: "/x" },
      { kind: "posix-rename", from: "/", to: "/x" },
      { kind: "hardlink", existing: "/", path: "/x" },
    ] as const) {
      expect(await client.status(draft)).toBe(StatusCode.PERMISSION_DENIED);
    }
    expect(await client.status({ kind: "mkdir", path: "/", attributes: {} })).toBe(StatusCode.FAILURE);
    expect(await client.status({ kind: "open", path: "/", flags: READ, attributes: {} })).toBe(
      StatusCode.FAILURE,
    );
    expect(attributesOf(await client.request({ kind: "stat", path: "/" })).permissions! & 0o170000).toBe(
      0o040000,
    );
  });
});
