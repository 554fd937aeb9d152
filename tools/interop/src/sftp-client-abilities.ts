import { mkdir, readFile, readlink, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { expect } from "@jest/globals";
import { interruptWhen, succeed } from "./command.js";
import type { SftpAbility, SftpClient } from "./sftp-client.js";
import { MIB, makeFile, sha256, sizeOf } from "./test-files.js";
import type { TestWithLog, WaybillServer } from "./waybill-server.js";

/** Large enough that even a fast program is still at it when it is interrupted. */
const LARGE_BYTES = 64 * MIB;
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

/** The tests of what not every client can do. */
export const ABILITY_TESTS: readonly (readonly [SftpAbility, (job: ClientJob) => void])[] = [
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
