import { mkdir, readdir, readFile, readlink, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "@jest/globals";
import { describeWithPeers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { type Access, expectingAnotherHostKey } from "./client-access.js";
import { fail, interruptWhen, succeed } from "./command.js";
import type { SftpAbility, SftpClient, SftpClientProgram } from "./sftp-client.js";
import { isThere, MIB, makeFile, sha256, sizeOf } from "./test-files.js";
import { type TestWithLog, testWith, useWaybillServer, type WaybillServer } from "./waybill-server.js";

/** Names that programs get wrong. */
const ODD_NAMES = ["with  two spaces", "ünïcödé 文件.txt", "-rf", `it's "quoted"`, ".hidden"];

const LARGE_BYTES = 100 * MIB;
/** Slow enough to be interrupted, for programs that can be slowed down. */
const SLOW_BYTES_PER_SECOND = 20 * MIB;
const INTERRUPT_AT_BYTES = 2 * MIB;
const TIME = new Date("2020-05-06T07:08:09Z");

/** What the tests of one client share. */
export interface ClientJob {
  /** Jest's `test`, with the server's log when it fails. */
  readonly test: TestWithLog;
  /** During tests only, as all that follows. */
  server(): WaybillServer;
  /** Its tests ask only for what the program can do. */
  client(): Required<SftpClient>;
  /** A path on the server's disk. */
  served(path: string): string;
  /** A path on the client's disk. */
  local(name: string): string;
}

/**
 * The same job for every client: log in both ways, list, upload, download, resume, rename, remove, make and remove folders, set
 * modes and times, follow and make links, 100 MiB there and back. Every step is checked on the disk of the side that it
 * changes. `more` adds what only this client can do.
 */
export function describeSftpClient(
  program: SftpClientProgram,
  more: (job: ClientJob) => void = () => {},
): void {
  describeWithPeers(program.name, program.peers, () => {
    const server = useWaybillServer();
    let client: SftpClient | undefined;
    let folder: TemporaryFolder | undefined;
    beforeAll(async () => {
      folder = await temporaryFolder("waybill-client-");
      client = await program.open(server().access);
    });
    afterAll(() => folder?.remove());
    const job: ClientJob = {
      test: testWith(server),
      server,
      client: () => client as Required<SftpClient>,
      served: (path) => join(server().root, path),
      local: (name) => join(folder!.path, name),
    };
    logins(job, program);
    names(job);
    transfers(job);
    folders(job);
    for (const [ability, tests] of ABILITY_TESTS) {
      if (program.cannot[ability] === undefined) tests(job);
    }
    more(job);
  });
}

function logins({ test, server, served }: ClientJob, program: SftpClientProgram): void {
  const as = (changes: Partial<Access>) => program.open({ ...server().access, ...changes });

  for (const method of ["password", "key"] as const) {
    test(`logs in by ${method} and lists the root`, async () => {
      await writeFile(served(`seen-by-${method}`), "x");
      const client = await as({ method });
      const listed = client.listed(await succeed(client.list("/")));
      expect(listed.sort()).toEqual((await readdir(server().root)).sort());
    });
  }

  test("does not get in with a wrong password", async () => {
    const client = await as({ method: "password", password: "wrong" });
    const before = server().log.length;
    await fail(client.list("/"));
    expect(server().log.slice(before)).toContain("login failed");
    expect(server().log.slice(before)).not.toContain("sftp session started");
  });

  test("does not talk to a server that has another key", async () => {
    const client = await program.open(await expectingAnotherHostKey(server().access));
    const before = server().log.length;
    await fail(client.list("/"));
    expect(server().log.slice(before)).not.toContain("sftp session started");
  });
}

function names({ test, client, served, local }: ClientJob): void {
  test("uploads, lists, downloads and removes files with odd names in a folder with an odd name", async () => {
    const folder = "/names of ü";
    await mkdir(served(folder));
    for (const [index, name] of ODD_NAMES.entries()) {
      const content = `content ${index}`;
      await writeFile(local("source"), content);
      await succeed(client().upload(local("source"), `${folder}/${name}`));
      expect(await readFile(served(`${folder}/${name}`), "utf8")).toBe(content);
      await succeed(client().download(`${folder}/${name}`, local(`copy-${index}`)));
      expect(await readFile(local(`copy-${index}`), "utf8")).toBe(content);
    }
    expect((await readdir(served(folder))).sort()).toEqual([...ODD_NAMES].sort());
    expect(
      client()
        .listed(await succeed(client().list(folder)))
        .sort(),
    ).toEqual([...ODD_NAMES].sort());
    for (const name of ODD_NAMES) await succeed(client().remove(`${folder}/${name}`));
    expect(await readdir(served(folder))).toEqual([]);
  });

  test("lists a folder of 1,000 files", async () => {
    await mkdir(served("many"));
    const expected = Array.from({ length: 1000 }, (_, index) => `file ${index}`);
    await Promise.all(expected.map((name) => writeFile(served(`many/${name}`), "")));
    expect(
      client()
        .listed(await succeed(client().list("/many")))
        .sort(),
    ).toEqual(expected.sort());
  });
}

function transfers({ test, client, served, local }: ClientJob): void {
  test("100 MiB come back as they went up, over files that were there and longer", async () => {
    const expected = await makeFile(local("large"), LARGE_BYTES);
    for (const path of [served("large"), local("large-copy")]) {
      await makeFile(path, LARGE_BYTES + 5 * MIB, { holeEvery: 10 });
    }
    await succeed(client().upload(local("large"), "/large"));
    expect(await sha256(served("large"))).toBe(expected);
    await succeed(client().download("/large", local("large-copy")));
    expect(await sha256(local("large-copy"))).toBe(expected);
  });

  test("empty files go both ways", async () => {
    await writeFile(local("empty"), "");
    await succeed(client().upload(local("empty"), "/empty"));
    expect(await readFile(served("empty"), "utf8")).toBe("");
    await succeed(client().download("/empty", local("empty-copy")));
    expect(await readFile(local("empty-copy"), "utf8")).toBe("");
  });

  test("fails when there is nothing to download or to remove", async () => {
    await fail(client().download("/nothing", local("nothing")));
    expect(await sizeOf(local("nothing"))).toBe(0);
    await fail(client().remove("/nothing"));
  });
}

function folders({ test, client, served, local }: ClientJob): void {
  test("makes and removes folders", async () => {
    await succeed(client().mkdir("/new folder"));
    expect((await stat(served("new folder"))).isDirectory()).toBe(true);
    await writeFile(served("new folder/file"), "x");
    await fail(client().rmdir("/new folder"));
    await succeed(client().remove("/new folder/file"));
    await succeed(client().rmdir("/new folder"));
    expect(await isThere(served("new folder"))).toBe(false);
  });

  test("renames files, into another folder too", async () => {
    await mkdir(served("moved"));
    await writeFile(served("old name"), "content");
    await succeed(client().rename("/old name", "/moved/new name"));
    expect(await readFile(served("moved/new name"), "utf8")).toBe("content");
    expect(await isThere(served("old name"))).toBe(false);
  });

  test("follows links when it lists and downloads", async () => {
    await mkdir(served("behind"));
    await writeFile(served("behind/file"), "content");
    await symlink("behind", served("folder-link"));
    await symlink("/folder-link/file", served("file-link"));
    expect(client().listed(await succeed(client().list("/folder-link")))).toEqual(["file"]);
    await succeed(client().download("/file-link", local("followed")));
    expect(await readFile(local("followed"), "utf8")).toBe("content");
  });
}

const ABILITY_TESTS: readonly (readonly [SftpAbility, (job: ClientJob) => void])[] = [
  [
    "resumeUpload",
    ({ test, client, served, local }) => {
      test("resumes an upload that was interrupted", async () => {
        const expected = await makeFile(local("up"), LARGE_BYTES);
        const upload = client().upload(local("up"), "/up", SLOW_BYTES_PER_SECOND);
        await interruptWhen(upload, async () => (await sizeOf(served("up"))) > INTERRUPT_AT_BYTES);
        const kept = await sizeOf(served("up"));
        expect(kept).toBeLessThan(LARGE_BYTES);
        await succeed(client().resumeUpload(local("up"), "/up"));
        expect(await sha256(served("up"))).toBe(expected);
      });

      test("sends only what is missing of an upload", async () => {
        await makeFile(local("whole"), 3 * MIB);
        await writeFile(served("part"), Buffer.alloc(MIB, "."));
        await succeed(client().resumeUpload(local("whole"), "/part"));
        await expectMarkedPart(served("part"), local("whole"));
      });
    },
  ],
  [
    "resumeDownload",
    ({ test, client, served, local }) => {
      test("resumes a download that was interrupted", async () => {
        const expected = await makeFile(served("down"), LARGE_BYTES);
        const download = client().download("/down", local("down"), SLOW_BYTES_PER_SECOND);
        await interruptWhen(download, async () => (await sizeOf(local("down"))) > INTERRUPT_AT_BYTES);
        expect(await sizeOf(local("down"))).toBeLessThan(LARGE_BYTES);
        await succeed(client().resumeDownload("/down", local("down")));
        expect(await sha256(local("down"))).toBe(expected);
      });

      test("asks only for what is missing of a download", async () => {
        await makeFile(served("whole"), 3 * MIB);
        await writeFile(local("part"), Buffer.alloc(MIB, "."));
        await succeed(client().resumeDownload("/whole", local("part")));
        await expectMarkedPart(local("part"), served("whole"));
      });
    },
  ],
  [
    "setMode",
    ({ test, client, served }) =>
      test("sets modes", async () => {
        await writeFile(served("moded"), "x");
        for (const mode of [0o600, 0o755, 0o444]) {
          await succeed(client().setMode("/moded", mode));
          expect((await stat(served("moded"))).mode & 0o7777).toBe(mode);
        }
      }),
  ],
  [
    "setTime",
    ({ test, client, served }) =>
      test("sets times", async () => {
        await writeFile(served("timed"), "x");
        await succeed(client().setTime("/timed", TIME));
        expect((await stat(served("timed"))).mtime).toEqual(TIME);
      }),
  ],
  [
    "uploadWithTime",
    ({ test, client, served, local }) =>
      test("keeps the time of an upload", async () => {
        await makeTimed(local("timed-up"));
        await succeed(client().uploadWithTime(local("timed-up"), "/timed-up"));
        expect((await stat(served("timed-up"))).mtime).toEqual(TIME);
      }),
  ],
  [
    "downloadWithTime",
    ({ test, client, served, local }) =>
      test("keeps the time of a download", async () => {
        await makeTimed(served("timed-down"));
        await succeed(client().downloadWithTime("/timed-down", local("timed-down")));
        expect((await stat(local("timed-down"))).mtime).toEqual(TIME);
      }),
  ],
  [
    "symlink",
    ({ test, client, served }) =>
      test("makes symbolic links", async () => {
        await writeFile(served("target file"), "content");
        await succeed(client().symlink("target file", "/made link"));
        expect(await readlink(served("made link"))).toBe("target file");
        await succeed(client().symlink("nowhere", "/dangling"));
        expect(await readlink(served("dangling"))).toBe("nowhere");
      }),
  ],
  [
    "readlink",
    ({ test, client, served }) =>
      test("shows where a link leads", async () => {
        await mkdir(served("shown"));
        await symlink("some target", served("shown/link"));
        expect(await succeed(client().readlink("/shown/link"))).toContain("some target");
      }),
  ],
  [
    "hardlink",
    ({ test, client, served }) =>
      test("makes hard links", async () => {
        await writeFile(served("linked"), "content");
        await succeed(client().hardlink("/linked", "/linked again"));
        expect((await stat(served("linked again"))).ino).toBe((await stat(served("linked"))).ino);
      }),
  ],
];

/** The first MiB of `part` is still what was there, the rest is from `whole`. */
async function expectMarkedPart(part: string, whole: string): Promise<void> {
  const content = await readFile(part);
  expect(content.subarray(0, MIB).equals(Buffer.alloc(MIB, "."))).toBe(true);
  expect(content.subarray(MIB).equals((await readFile(whole)).subarray(MIB))).toBe(true);
}

async function makeTimed(path: string): Promise<void> {
  await writeFile(path, "content");
  await utimes(path, TIME, TIME);
}
