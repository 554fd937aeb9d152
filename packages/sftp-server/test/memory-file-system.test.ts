import { describe, expect, test } from "@jest/globals";
import { OpenFlag, StatusCode } from "@waybill/sftp-server";
import { MemoryFileSystem } from "./support/memory-file-system.js";
import { TestClient } from "./support/test-client.js";

describe("a file system of one's own", () => {
  test("serves files, folders and listings", async () => {
    const client = await TestClient.open({ fileSystem: new MemoryFileSystem() });
    expect(await client.status({ kind: "mkdir", path: "/in", attributes: {} })).toBe(StatusCode.OK);
    await client.putFile("/in/a.txt", "hello");
    expect(await client.list("/in")).toEqual(["a.txt"]);
    expect((await client.getFile("/in/a.txt")).toString()).toBe("hello");
    expect(await client.status({ kind: "rename", from: "/in/a.txt", to: "/in/b.txt" })).toBe(StatusCode.OK);
    expect(await client.status({ kind: "rmdir", path: "/in" })).toBe(StatusCode.FAILURE);
    expect(await client.status({ kind: "remove", path: "/in/b.txt" })).toBe(StatusCode.OK);
    expect(await client.status({ kind: "rmdir", path: "/in" })).toBe(StatusCode.OK);
    await client.end();
  });

  test("gets paths in normal form only", async () => {
    const seen: string[] = [];
    const fileSystem = new MemoryFileSystem();
    const lstat = fileSystem.lstat.bind(fileSystem);
    fileSystem.lstat = (path) => {
      seen.push(path);
      return lstat(path);
    };
    const client = await TestClient.open({ fileSystem });
    for (const path of ["", ".", "/", "a//b/", "/../../etc", "./x/../y", "...", "/a/..b/.c"]) {
      await client.request({ kind: "lstat", path });
    }
    expect(seen).toEqual(["/", "/", "/", "/a/b", "/etc", "/y", "/...", "/a/..b/.c"]);
    expect(await client.status({ kind: "lstat", path: "/a\0b" })).toBe(StatusCode.BAD_MESSAGE);
    expect(await client.status({ kind: "lstat", path: `/${"x".repeat(5000)}` })).toBe(StatusCode.FAILURE);
    expect(seen).toHaveLength(8);
    await client.end();
  });

  test("need not support everything", async () => {
    const client = await TestClient.open({ fileSystem: new MemoryFileSystem() });
    const handle = await client.openFile("/file", OpenFlag.WRITE | OpenFlag.CREAT);
    for (const draft of [
      { kind: "readlink", path: "/file" },
      { kind: "symlink", target: "x", path: "/l" },
      { kind: "hardlink", existing: "/file", path: "/l" },
      { kind: "posix-rename", from: "/file", to: "/l" },
      { kind: "statvfs", path: "/" },
      { kind: "fstatvfs", handle },
      { kind: "fsync", handle },
      { kind: "lsetstat", path: "/file", attributes: {} },
      { kind: "users-groups-by-id", users: [0], groups: [0] },
    ] as const) {
      expect(await client.status(draft)).toBe(StatusCode.OP_UNSUPPORTED);
    }
    await client.end();
  });
});
