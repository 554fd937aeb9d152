import { randomBytes } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { localFileSystem, serveSftp } from "@waybill/sftp-server";
import {
  describeWithPeers,
  type ProgramResult,
  peerPath,
  peers,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";
import { openFilesBelow } from "./support/open-files.js";

// OpenSSH's client runs a program in place of an SSH connection (-D): one that joins it to a socket of this process.
const BRIDGE = `
import { connect } from "node:net";
const socket = connect(process.argv[2]);
process.stdin.pipe(socket);
socket.pipe(process.stdout);
`;

describeWithPeers("OpenSSH's sftp", [peers.sftp], () => {
  let bridge: TemporaryFolder;
  let folder: TemporaryFolder;
  let server: Server;
  let served: Promise<void>[];

  beforeAll(async () => {
    bridge = await temporaryFolder();
    writeFileSync(join(bridge.path, "bridge.mjs"), BRIDGE);
  });

  afterAll(() => bridge.remove());

  beforeEach(async () => {
    folder = await temporaryFolder();
    mkdirSync(join(folder.path, "remote"));
    mkdirSync(join(folder.path, "local"));
    served = [];
    const fileSystem = await localFileSystem(join(folder.path, "remote"));
    server = createServer({ allowHalfOpen: true }, (socket) =>
      served.push(serveSftp(socket, { fileSystem })),
    );
    await new Promise<void>((resolve) => server.listen(join(folder.path, "socket"), resolve));
  });

  afterEach(async () => {
    await Promise.all(served);
    expect(openFilesBelow(join(folder.path, "remote"))).toEqual([]);
    await new Promise((resolve) => server.close(resolve));
    await folder.remove();
  });

  function sftp(commands: readonly string[], ...options: string[]): Promise<ProgramResult> {
    const program = `${process.execPath} ${join(bridge.path, "bridge.mjs")} ${join(folder.path, "socket")}`;
    const input = `${commands.join("\n")}\n`;
    const cwd = join(folder.path, "local");
    return runProgram(peerPath(peers.sftp), [...options, "-b", "-", "-D", program], { input, cwd });
  }

  const remote = (name: string) => join(folder.path, "remote", name);
  const local = (name: string) => join(folder.path, "local", name);

  test("uploads and downloads, with times and modes, and resumes", async () => {
    const content = randomBytes(5_000_001);
    writeFileSync(local("file"), content, { mode: 0o640 });
    utimesSync(local("file"), 1_000_000_000, 1_100_000_000);
    const { code, stderr } = await sftp([
      "put -p file up",
      "get -p up down",
      "put file part",
      "get up down-part",
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readFileSync(remote("up")).equals(content)).toBe(true);
    expect(readFileSync(local("down")).equals(content)).toBe(true);
    expect(statSync(remote("up")).mode & 0o777).toBe(0o640);
    expect(statSync(remote("up")).mtimeMs).toBe(1_100_000_000_000);
    expect(statSync(local("down")).mtimeMs).toBe(1_100_000_000_000);
    writeFileSync(remote("part"), content.subarray(0, 1_234_567));
    writeFileSync(local("down-part"), content.subarray(0, 2_345_678));
    expect((await sftp(["reput file part", "reget up down-part"])).code).toBe(0);
    expect(readFileSync(remote("part")).equals(content)).toBe(true);
    expect(readFileSync(local("down-part")).equals(content)).toBe(true);
  });

  test("transfers trees with odd names", async () => {
    const names = ["plain", "with space", "quote'\"", "new\nline", "żółć", "-dash", "back\\slash"];
    mkdirSync(local("tree/deep/er"), { recursive: true });
    for (const name of names) {
      writeFileSync(local(`tree/${name}`), name);
      writeFileSync(local(`tree/deep/er/${name}`), `deep ${name}`);
    }
    const { code, stderr } = await sftp(["put -r tree", "get -r tree back"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const tree of [remote("tree"), local("back")]) {
      expect(readdirSync(tree).sort()).toEqual([...names, "deep"].sort());
      for (const name of names)
        expect(readFileSync(join(tree, "deep/er", name), "utf8")).toBe(`deep ${name}`);
    }
  });

  test("lists, renames, links, copies, changes and removes", async () => {
    writeFileSync(local("file"), "content");
    const { code, stdout, stderr } = await sftp([
      "mkdir d",
      "put file d/a",
      "rename d/a d/b",
      "ln -s b d/link",
      "ln d/b d/hard",
      "cp d/b d/copy",
      "chmod 600 d/b",
      "ls -l d",
      "ls -la d",
      "df d",
      "pwd",
      "cd d",
      "pwd",
      "rm hard",
      "mkdir empty",
      "rmdir empty",
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readdirSync(remote("d")).sort()).toEqual(["b", "copy", "link"]);
    expect(readlinkSync(remote("d/link"))).toBe("b");
    expect(readFileSync(remote("d/copy"), "utf8")).toBe("content");
    expect(statSync(remote("d/b")).mode & 0o777).toBe(0o600);
    expect(stdout).toMatch(/^-rw------- .* 7 .* d\/b$/m);
    expect(stdout).toMatch(/^lrwxrwxrwx .* d\/link$/m);
    expect(stdout).toContain("Remote working directory: /d\n");
  });

  test("is told what went wrong", async () => {
    writeFileSync(remote("file"), "content");
    const { stdout, stderr } = await sftp([
      "-get none",
      "-rename file file",
      "-rm /",
      "-mkdir file",
      "-ls -l file",
    ]);
    expect(stderr).toContain('File "/none" not found');
    expect(stderr).toContain('remote mkdir "/file": Failure');
    expect(stderr).toContain("Permission denied");
    expect(stdout).toContain("file");
  });
});
