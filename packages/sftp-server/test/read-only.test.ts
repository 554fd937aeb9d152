import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { localFileSystem, OpenFlag, type SftpSessionOptions, StatusCode } from "@waybill/sftp-server";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { type Draft, TestClient } from "./support/test-client.js";

const { READ, WRITE, APPEND, CREAT, TRUNC } = OpenFlag;

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await temporaryFolder();
  writeFileSync(join(folder.path, "f"), "content");
  mkdirSync(join(folder.path, "d"));
  symlinkSync("f", join(folder.path, "l"));
});

afterEach(() => folder.remove());

describe("read-only", () => {
  test.each<[string, () => Promise<SftpSessionOptions>]>([
    ["as a session", async () => ({ fileSystem: await localFileSystem(folder.path), readOnly: true })],
    [
      "as a file system",
      async () => ({ fileSystem: await localFileSystem(folder.path, { readOnly: true }) }),
    ],
  ])("%s refuses whatever changes something", async (_name, options) => {
    const client = await TestClient.open(await options());
    const handle = await client.openFile("/f", READ);
    const attributes = { permissions: 0o600 };
    const drafts: Draft[] = [
      ...[WRITE, READ | WRITE, READ | APPEND, READ | CREAT, READ | TRUNC, WRITE | CREAT].map(
        (flags) => ({ kind: "open", path: "/f", flags, attributes: {} }) as const,
      ),
      { kind: "write", handle, offset: 0, data: [Buffer.from("x")], length: 1 },
      { kind: "fsetstat", handle, attributes },
      { kind: "setstat", path: "/f", attributes },
      { kind: "lsetstat", path: "/l", attributes: { times: { accessed: 1, modified: 1 } } },
      { kind: "mkdir", path: "/new", attributes: {} },
      { kind: "rmdir", path: "/d" },
      { kind: "remove", path: "/f" },
      { kind: "rename", from: "/f", to: "/new" },
      { kind: "posix-rename", from: "/f", to: "/new" },
      { kind: "symlink", target: "f", path: "/new" },
      { kind: "hardlink", existing: "/f", path: "/new" },
      { kind: "copy-data", source: handle, sourceOffset: 0, length: 0, target: handle, targetOffset: 0 },
    ];
    for (const draft of drafts) {
      expect({ draft, code: await client.status(draft) }).toEqual({
        draft,
        code: StatusCode.PERMISSION_DENIED,
      });
    }
    expect(readdirSync(folder.path).sort()).toEqual(["d", "f", "l"]);
    expect((await client.getFile("/l")).toString()).toBe("content");
    expect(await client.list("/")).toEqual(["d", "f", "l"]);
    const statistics = await client.request({ kind: "statvfs", path: "/" });
    expect(statistics.kind === "extended" && statistics.data.readBigUInt64BE(72)).toBe(1n);
    await client.end();
  });

  test("holds in the file system itself, for programs that use it directly", async () => {
    const fileSystem = await localFileSystem(folder.path, { readOnly: true });
    const flags = {
      read: true,
      write: true,
      append: false,
      create: false,
      truncate: false,
      exclusive: false,
    };
    const refused = { code: "ERR_READ_ONLY" };
    await expect(fileSystem.open("/f", flags, {})).rejects.toMatchObject(refused);
    await expect(fileSystem.remove("/f")).rejects.toMatchObject(refused);
    await expect(fileSystem.mkdir("/new", {})).rejects.toMatchObject(refused);
    await expect(fileSystem.rename("/f", "/new")).rejects.toMatchObject(refused);
    const handle = await fileSystem.open("/f", { ...flags, write: false }, {});
    await expect(handle.setstat({ permissions: 0 })).rejects.toMatchObject(refused);
    await handle.close();
  });
});
