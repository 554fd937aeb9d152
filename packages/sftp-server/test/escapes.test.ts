import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { localFileSystem, OpenFlag, StatusCode } from "@waybill/sftp-server";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { type Draft, nameOf, TestClient } from "./support/test-client.js";

const { READ, WRITE, CREAT, TRUNC } = OpenFlag;
const SECRET = "secret of the outside";

let folder: TemporaryFolder;
let root: string;
let outside: string;
let client: TestClient;

beforeEach(async () => {
  folder = await temporaryFolder();
  root = join(folder.path, "root");
  outside = join(folder.path, "outside");
  mkdirSync(root);
  mkdirSync(join(root, "inside"));
  mkdirSync(outside);
  mkdirSync(join(outside, "sub"));
  writeFileSync(join(outside, "file"), SECRET, { mode: 0o644 });
});

afterEach(async () => {
  await client.end();
  await folder.remove();
});

/** What is outside, to see that nothing of it changed. */
function outsideState(): unknown {
  const { mode, size, mtimeMs, nlink } = statSync(join(outside, "file"));
  return {
    names: readdirSync(outside).sort(),
    sub: readdirSync(join(outside, "sub")),
    mode,
    size,
    mtimeMs,
    nlink,
  };
}

/** Every request that could touch what a path leads to. */
function attempts(path: string): Draft[] {
  const attributes = { size: 1, permissions: 0o777, times: { accessed: 1, modified: 1 } };
  return [
    { kind: "open", path, flags: READ, attributes: {} },
    { kind: "open", path, flags: WRITE, attributes: {} },
    { kind: "open", path, flags: WRITE | TRUNC, attributes: {} },
    { kind: "opendir", path },
    { kind: "stat", path },
    { kind: "setstat", path, attributes },
    { kind: "statvfs", path },
    { kind: "realpath", path: `${path}/x` },
    { kind: "rename", from: path, to: "/taken" },
    { kind: "posix-rename", from: path, to: "/taken" },
    { kind: "hardlink", existing: path, path: "/taken" },
    { kind: "remove", path },
    { kind: "rmdir", path },
  ];
}

/** Every request that could make something where a path leads. */
function makers(path: string): Draft[] {
  return [
    { kind: "open", path, flags: WRITE | CREAT, attributes: {} },
    { kind: "mkdir", path, attributes: {} },
    { kind: "symlink", target: "x", path },
    { kind: "rename", from: "/own", to: path },
    { kind: "posix-rename", from: "/own", to: path },
    { kind: "hardlink", existing: "/own", path },
  ];
}

describe.each(["pin", "check"] as const)("escapes, containment %s", (containment) => {
  beforeEach(async () => {
    client = await TestClient.open({ fileSystem: await localFileSystem(root, { containment }) });
  });

  /** All of these must fail, and leave the outside as it is. */
  async function allFail(drafts: readonly Draft[]): Promise<void> {
    const before = outsideState();
    for (const draft of drafts) {
      const reply = await client.request(draft);
      expect({ draft, reply }).toMatchObject({ reply: { kind: "status" } });
      expect({ draft, reply }).not.toMatchObject({ reply: { code: StatusCode.OK } });
    }
    expect(outsideState()).toEqual(before);
  }

  test("by .. stop at the root", async () => {
    for (const path of ["..", "/..", "../..", "/inside/../../..", "inside/../../../../"]) {
      expect(nameOf(await client.request({ kind: "realpath", path }))).toBe("/");
      expect(await client.list(path)).toEqual(["inside"]);
    }
    for (const path of [
      "../outside/file",
      "/../outside/file",
      "inside/../../outside/file",
      "/inside/..//../outside/file",
    ]) {
      await allFail(attempts(path));
    }
    await client.putFile("/own", "");
    await allFail(makers("../outside/new"));
  });

  test("by absolute paths are paths below the root", async () => {
    await allFail(attempts(join(outside, "file")));
    await allFail(attempts(outside));
    await allFail(attempts("/etc/passwd"));
    await client.putFile("/own", "");
    await allFail(makers(join(outside, "new")));
    await client.status({ kind: "mkdir", path: "/etc", attributes: {} });
    await client.putFile("/etc/passwd", "mine");
    expect(readFileSync(join(root, "etc/passwd"), "utf8")).toBe("mine");
  });

  test("by links to a file outside fail", async () => {
    symlinkSync(join(outside, "file"), join(root, "absolute"));
    symlinkSync("../outside/file", join(root, "relative"));
    symlinkSync("../../outside/file", join(root, "inside/deep"));
    for (const path of ["/absolute", "/relative", "/inside/deep"]) {
      const before = outsideState();
      // The link itself is the client's to see, to move and to remove.
      expect((await client.request({ kind: "lstat", path })).kind).toBe("attributes");
      await allFail(
        attempts(path).filter((draft) =>
          ["open", "opendir", "stat", "setstat", "statvfs"].includes(draft.kind),
        ),
      );
      expect(await client.status({ kind: "posix-rename", from: path, to: "/link" })).toBe(StatusCode.OK);
      expect(await client.status({ kind: "remove", path: "/link" })).toBe(StatusCode.OK);
      expect(outsideState()).toEqual(before);
    }
  });

  test("by links to a folder outside fail", async () => {
    symlinkSync(outside, join(root, "absolute"));
    symlinkSync("../outside", join(root, "relative"));
    symlinkSync("../..", join(root, "inside/up"));
    await client.putFile("/own", "");
    for (const link of ["/absolute", "/relative", "/inside/up/outside"]) {
      await allFail(attempts(`${link}/file`));
      await allFail(attempts(`${link}/sub`));
      await allFail(makers(`${link}/new`));
      await allFail([{ kind: "opendir", path: link }]);
    }
    expect(await client.list("/inside/up")).toEqual(["absolute", "inside", "own", "relative"]);
  });

  test("by links that the client makes fail", async () => {
    await client.putFile("/own", "");
    const targets = [
      outside,
      join(outside, "file"),
      "../outside",
      "../outside/file",
      "inside/../../outside/file",
      "/..",
    ];
    for (const [index, target] of targets.entries()) {
      const path = `/link${index}`;
      expect(await client.status({ kind: "symlink", target, path })).toBe(StatusCode.OK);
      expect(nameOf(await client.request({ kind: "readlink", path }))).toBe(target);
      await allFail(attempts(`${path}/file`));
      await allFail(makers(`${path}/sub/new`));
      await allFail([{ kind: "open", path, flags: READ, attributes: {} }]);
    }
    await client.status({ kind: "mkdir", path: "/a", attributes: {} });
    await client.status({ kind: "mkdir", path: "/a/b", attributes: {} });
    await client.status({ kind: "symlink", target: "../../outside", path: "/a/b/l" });
    // Moved up, the same target would lead outside.
    expect(await client.status({ kind: "rename", from: "/a/b/l", to: "/l" })).toBe(StatusCode.OK);
    await allFail(attempts("/l/file"));
    await allFail(makers("/l/new"));
  });

  test("by links to links and long ways fail", async () => {
    await client.putFile("/own", "");
    symlinkSync("two", join(root, "one"));
    symlinkSync("inside/three", join(root, "two"));
    symlinkSync("../../outside", join(root, "inside/three"));
    await allFail(attempts("/one/file"));
    await allFail(makers("/one/new"));
    let target = "outside";
    for (let depth = 0; depth < 60; depth += 1) target = `../${target}`;
    symlinkSync(target, join(root, "far"));
    await allFail(attempts("/far/file"));
  });

  test("are told from links that stay inside", async () => {
    writeFileSync(join(root, "inside/file"), "inside");
    symlinkSync("/inside", join(root, "virtual"));
    symlinkSync(join(root, "inside"), join(root, "real"));
    symlinkSync("../../inside", join(root, "inside/clamped"));
    for (const path of ["/virtual/file", "/real/file", "/inside/clamped/file", "/virtual/../real/file"]) {
      expect((await client.getFile(path)).toString()).toBe("inside");
    }
    expect(nameOf(await client.request({ kind: "readlink", path: "/virtual" }))).toBe("/inside");
    expect(nameOf(await client.request({ kind: "readlink", path: "/real" }))).toBe("/inside");
    expect(nameOf(await client.request({ kind: "realpath", path: "/real/clamped" }))).toBe("/inside");
    await client.putFile("/virtual/new", "new");
    expect(readFileSync(join(root, "inside/new"), "utf8")).toBe("new");
  });

  test("do not come with an open folder that is replaced by a link", async () => {
    const reply = await client.request({ kind: "opendir", path: "/inside" });
    rmSync(join(root, "inside"), { recursive: true });
    symlinkSync(outside, join(root, "inside"));
    const names = await client.request({
      kind: "readdir",
      handle: reply.kind === "handle" ? reply.handle : "",
    });
    expect(JSON.stringify(names)).not.toContain("file");
    await allFail(attempts("/inside/file"));
  });
});

describe("a race", () => {
  let swapper: ChildProcess;

  afterEach(async () => {
    swapper.kill();
    await once(swapper, "exit");
  });

  /** A process that makes `/door` a folder and a link to the outside in turn, as fast as it can. */
  async function startSwapping(): Promise<void> {
    mkdirSync(join(root, "folder"));
    writeFileSync(join(root, "folder/file"), "inside");
    symlinkSync(outside, join(root, "link"));
    const program = `
      const { renameSync } = require("node:fs");
      process.chdir(${JSON.stringify(root)});
      process.stdout.write("started");
      for (;;) {
        for (const name of ["folder", "link"]) {
          renameSync(name, "door");
          renameSync("door", name);
        }
      }`;
    swapper = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    await once(swapper.stdout!, "data");
  }

  test("between a check and its use is not won", async () => {
    await startSwapping();
    const fileSystem = await localFileSystem(root, { calls: "pooled" });
    client = await TestClient.open({ fileSystem });
    const before = outsideState();
    let reached = 0;
    const started = Date.now();
    // Longer only when the machine is too busy for anything to have happened.
    while (Date.now() < started + 1500 || (reached === 0 && Date.now() < started + 20_000)) {
      const replies = await Promise.all(
        client.requestAll([
          { kind: "open", path: "/door/file", flags: READ, attributes: {} },
          { kind: "open", path: "/door/file", flags: WRITE | CREAT | TRUNC, attributes: {} },
          { kind: "open", path: "/door/made", flags: WRITE | CREAT, attributes: {} },
          { kind: "mkdir", path: "/door/made2", attributes: {} },
          { kind: "stat", path: "/door/file" },
          { kind: "setstat", path: "/door/file", attributes: { permissions: 0o600 } },
          { kind: "remove", path: "/door/file" },
          { kind: "rename", from: "/door/made", to: "/door/file" },
        ]),
      );
      for (const reply of replies) {
        if (reply.kind === "attributes") expect(reply.attributes.size).not.toBe(SECRET.length);
        if (reply.kind !== "handle") continue;
        reached += 1;
        expect(await client.read(reply.handle, 0, 100)).not.toEqual(Buffer.from(SECRET));
        await client.close(reply.handle);
      }
    }
    expect(outsideState()).toEqual(before);
    expect(existsSync(join(outside, "made"))).toBe(false);
    // Otherwise nothing was tried.
    expect(reached).toBeGreaterThan(0);
  });
});
