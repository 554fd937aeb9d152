import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "@jest/globals";
import { describeWithPeers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { type Access, expectingAnotherHostKey } from "./client-access.js";
import { fail, succeed } from "./command.js";
import type { SftpClient, SftpClientProgram } from "./sftp-client.js";
import { ABILITY_TESTS, type ClientJob } from "./sftp-client-abilities.js";
import { isThere, MIB, makeFile, sha256, sizeOf } from "./test-files.js";
import { testWith, useWaybillServer } from "./waybill-server.js";

/** Names that programs get wrong. */
const ODD_NAMES = ["with  two spaces", "ünïcödé 文件.txt", "-rf", `it's "quoted"`, ".hidden"];

const LARGE_BYTES = 100 * MIB;

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
