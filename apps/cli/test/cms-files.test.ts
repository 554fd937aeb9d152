import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { watch } from "node:fs";
import { lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { PASSWORD } from "./cert-fixtures.js";
import { cmsHere, type FiledIdentity, filedIdentity, temporaryFilesIn } from "./cms-fixtures.js";
import { MAIN } from "./waybill-command.js";

const content = Buffer.concat([randomBytes(200_000), Buffer.alloc(100_000, "waybill ")]);

let folder: TemporaryFolder;
let own: FiledIdentity;
let other: FiledIdentity;
let partner: FiledIdentity;
let old: FiledIdentity;
let input: string;
/** Signed, compressed and encrypted for the partner. */
let sealed: string;

const path = (name: string) => join(folder.path, name);

async function seal(name: string, ...args: string[]): Promise<string> {
  const { code, stderr } = await cmsHere(["seal", ...args, "--out", path(name), input]);
  if (code !== 0) throw new Error(stderr);
  return path(name);
}

beforeAll(async () => {
  folder = await temporaryFolder();
  const past = { notBefore: new Date("2020-01-01"), notAfter: new Date("2021-01-01") };
  [own, other, partner, old] = await Promise.all([
    filedIdentity(folder.path, "own"),
    filedIdentity(folder.path, "other", { type: "ec" }),
    filedIdentity(folder.path, "partner"),
    filedIdentity(folder.path, "old", { type: "ec" }, past),
  ]);
  input = path("content");
  await writeFile(input, content);
  sealed = await seal("sealed", "--sign", own.store, "--compress", "--encrypt", partner.certificateFile);
});
afterAll(() => folder.remove());

describe("waybill cms open", () => {
  test("gives back what was sealed, with the mode of any new file", async () => {
    const args = ["--key", partner.store, "--signer", own.certificateFile, "--out", path("good"), sealed];
    const { code, stdout, stderr } = await cmsHere(["open", ...args]);
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      /^.*good: .*sealed opened, 300000 bytes from \d+\n {2}encrypted for .*CN=partner.*\n {2}compressed .*\n {2}signed by .*CN=own/,
    );
    expect(code).toBe(0);
    expect(content.equals(await readFile(path("good")))).toBe(true);
    expect((await stat(path("good"))).mode & 0o777).toBe((await stat(input)).mode & 0o777);
  });

  test.each([
    ["wrong key", () => ["--key", own.store, "--signer", own.certificateFile], /encrypted for others/],
    ["no key", () => ["--signer", own.certificateFile], /it is encrypted: .*--key/],
    [
      "wrong signer",
      () => ["--key", partner.store, "--signer", partner.certificateFile],
      /none of the certificates that --signer names/,
    ],
    ["no signer named", () => ["--key", partner.store], /it is signed: .*--signer.*--any-signer/],
    [
      "certificate left out",
      () => ["--key", partner.store, "--any-signer"],
      /certificate did not come with it/,
    ],
    [
      "too large",
      () => ["--key", partner.store, "--signer", own.certificateFile, "--max-size", "299999"],
      /--max-size/,
    ],
  ])("refuses and writes nothing: %s", async (_, args, message) => {
    await expectRefused(sealed, args(), message);
  });

  test("refuses a key whose certificate is another's", async () => {
    const mixed = path("mixed.pem");
    await writeFile(mixed, `${partner.certificate.pem}${await readFile(own.keyFile, "utf8")}`);
    await expectRefused(sealed, ["--key", mixed, "--signer", own.certificateFile], /mixed.pem/);
  });

  test.each([0, 1, 100, 0.5, -1])("refuses a file cut at %d", async (at) => {
    const bytes = await readFile(sealed);
    const end = at < 0 ? bytes.length + at : at < 1 ? Math.floor(bytes.length * at) : at;
    await writeFile(path("cut"), bytes.subarray(0, end));
    await expectRefused(path("cut"), ["--key", partner.store, "--signer", own.certificateFile], /cut: /);
  });

  test("refuses a file that was changed, and one with something behind it", async () => {
    const signed = await seal("signed", "--sign", own.store);
    const bytes = await readFile(signed);
    const changed = Buffer.from(bytes);
    changed[1000] = (changed[1000] ?? 0) ^ 1;
    for (const [name, data, message] of [
      ["changed", changed, /the content is not the one that was signed/],
      ["longer", Buffer.concat([bytes, Buffer.from("x")]), /longer: /],
    ] as const) {
      await writeFile(path(name), data);
      await expectRefused(path(name), ["--signer", own.certificateFile], message);
    }
  });

  test("--any-signer says who signed, and that nobody vouches", async () => {
    const signed = await seal(
      "included",
      "--sign",
      own.store,
      "--sign",
      other.store,
      "--include-certificates",
    );
    const { code, stdout, stderr } = await cmsHere(["open", "--any-signer", "--out", path("any"), signed]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^waybill: warning: .*nobody vouches for it\n$/);
    for (const { subject, certificate } of [own, other]) {
      expect(stdout).toContain(`signed by    ${subject}`);
      expect(stdout).toContain(`SHA-256 ${certificate.thumbprint("sha256")}`);
    }
    expect(content.equals(await readFile(path("any")))).toBe(true);
  });

  test("of several signers one that is named is enough; the others are mentioned", async () => {
    const signed = await seal("two", "--sign", own.store, "--sign", other.store);
    const named = ["--signer", partner.certificateFile, "--signer", other.certificateFile];
    const { code, stdout, stderr } = await cmsHere(["open", ...named, "--out", path("one-of-two"), signed]);
    expect(code).toBe(0);
    expect(stdout).toContain(`signed by    ${other.subject}`);
    expect(stderr).toMatch(/another signature, by serial .* of CN=own,O=Waybill, was not checked/);
  });

  test("what is not signed must not be, and a signature cannot be left out", async () => {
    const plain = await seal("unsigned", "--encrypt", partner.certificateFile, own.certificateFile);
    for (const signer of [["--signer", own.certificateFile], ["--any-signer"]]) {
      await expectRefused(plain, ["--key", own.store, ...signer], /not signed/);
    }
    const { code, stderr } = await cmsHere(["open", "--key", own.store, "--out", path("bare"), plain]);
    expect(code).toBe(0);
    expect(stderr).toBe("waybill: warning: the file is not signed: nobody vouches for what is in it\n");
    expect(content.equals(await readFile(path("bare")))).toBe(true);
  });

  test("weak and expired signers only when they are let", async () => {
    const weak = await seal("weak", "--sign", own.store, "--suite", "02", "--allow-weak");
    await expectRefused(weak, ["--signer", own.certificateFile], /SHA-1.*--allow-weak/);
    const args = ["open", "--signer", own.certificateFile, "--allow-weak", "--out", path("weak-out"), weak];
    expect(await cmsHere(args)).toMatchObject({ code: 0, stderr: expect.stringMatching(/warning: .*SHA-1/) });

    const expired = await seal("expired", "--sign", old.store);
    await expectRefused(expired, ["--signer", old.certificateFile], /2021.*--allow-expired/);
    const late = ["open", "--signer", old.certificateFile, "--allow-expired", "--out", path("late"), expired];
    expect(await cmsHere(late)).toMatchObject({ code: 0, stderr: "" });
  });

  async function expectRefused(file: string, args: readonly string[], message: RegExp): Promise<void> {
    const before = await readdir(folder.path);
    const { code, stdout, stderr } = await cmsHere(["open", ...args, "--out", path("never"), file]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^waybill: .*\n$/);
    expect(stdout).toBe("");
    expect(code).toBe(1);
    expect(await readdir(folder.path)).toEqual(before);
  }
});

describe("the output", () => {
  test("is not overwritten without --force, and only a file with it", async () => {
    await writeFile(path("taken"), "mine");
    await mkdir(path("folder"));
    const args = ["seal", "--compress", "--out"];
    const refused = await cmsHere([...args, path("taken"), input]);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^waybill: .*taken is there already.*--force/),
    });
    expect(await readFile(path("taken"), "utf8")).toBe("mine");
    expect(await cmsHere([...args, path("folder"), "--force", input])).toMatchObject({ code: 1 });
    expect((await lstat(path("folder"))).isDirectory()).toBe(true);
    await symlink(path("taken"), path("link"));
    expect(await cmsHere([...args, path("link"), input])).toMatchObject({ code: 1 });
    expect(await cmsHere([...args, path("taken"), "--force", input])).toMatchObject({ code: 0, stderr: "" });
    expect((await readFile(path("taken")))[0]).toBe(0x30);
  });

  test("stays what it was when what should replace it is not good", async () => {
    await writeFile(path("kept"), "mine");
    const args = ["open", "--key", partner.store, "--any-signer", "--force", "--out", path("kept"), sealed];
    expect(await cmsHere(args)).toMatchObject({ code: 1 });
    expect(await readFile(path("kept"), "utf8")).toBe("mine");
    expect(await temporaryFilesIn(folder.path)).toEqual([]);
  });

  test("may replace the input itself", async () => {
    await writeFile(path("same"), content);
    expect(
      await cmsHere(["seal", "--compress", "--out", path("same"), "--force", path("same")]),
    ).toMatchObject({ code: 0 });
    expect(await cmsHere(["open", "--out", path("same"), "--force", path("same")])).toMatchObject({
      code: 0,
    });
    expect(content.equals(await readFile(path("same")))).toBe(true);
  });

  test("a problem with a file is one line", async () => {
    const there = path("new");
    for (const [args, message] of [
      [
        ["seal", "--compress", "--out", path("no/folder"), input],
        /cannot write .*no\/folder: its folder does not exist/,
      ],
      [
        ["seal", "--compress", "--out", there, path("nothing")],
        /cannot read .*nothing: there is no such file/,
      ],
      [["seal", "--compress", "--out", there, folder.path], /cannot read .*: it is a folder/],
      [["seal", "--sign", own.certificateFile, "--out", there, input], /no private key/],
      [["seal", "--sign", own.keyFile, "--out", there, input], /no certificate for it: `waybill cert join`/],
      [["seal", "--encrypt", own.keyFile, "--out", there, input], /own.key has no certificate/],
      [["open", "--out", there, input], /content: .*damaged/],
    ] as const) {
      const { code, stderr } = await cmsHere(args);
      expect(stderr).toMatch(message);
      expect(stderr).toMatch(/^waybill: .*\n$/);
      expect(code).toBe(1);
    }
    expect(await temporaryFilesIn(folder.path)).toEqual([]);
  });

  test("a file with several certificates is not guessed about", async () => {
    await writeFile(path("many.pem"), own.certificate.pem + partner.certificate.pem);
    const { code, stderr } = await cmsHere([
      "seal",
      "--encrypt",
      path("many.pem"),
      "--out",
      path("x"),
      input,
    ]);
    expect(stderr).toMatch(/many.pem has several certificates: .*waybill cert convert/);
    expect(code).toBe(1);
    // As a signer any of them will do.
    const signed = await seal("by-one", "--sign", own.store);
    const open = ["open", "--signer", path("many.pem"), "--out", path("by-one-out"), signed];
    expect(await cmsHere(open)).toMatchObject({ code: 0 });
  });

  test("warns of a recipient whose certificate has expired", async () => {
    const { code, stderr } = await cmsHere([
      "seal",
      "--encrypt",
      old.certificateFile,
      "--out",
      path("late-to"),
      input,
    ]);
    expect(stderr).toMatch(/^waybill: warning: the certificate of CN=old,O=Waybill: EXPIRED \d+ days ago\n$/);
    expect(code).toBe(0);
  });
});

describe("as a process", () => {
  test("from the standard input to the standard output and back", async () => {
    const sealing = start(["seal", "--sign", own.store, "--out", "-", "-"]);
    const bytes: Buffer[] = [];
    sealing.stdout?.on("data", (chunk: Buffer) => bytes.push(chunk));
    sealing.stdin?.end(content);
    expect(await ended(sealing)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^the standard output: the standard input sealed/),
    });
    const opening = start(["open", "--signer", own.certificateFile, "--quiet", "--out", path("piped"), "-"]);
    opening.stdin?.end(Buffer.concat(bytes));
    expect(await ended(opening)).toMatchObject({ code: 0, stderr: "" });
    expect(content.equals(await readFile(path("piped")))).toBe(true);
  });

  test.each(["SIGTERM", "SIGINT", "SIGKILL"] as const)(
    "%s in the middle leaves no output",
    async (signal) => {
      const half = (await readFile(sealed)).subarray(0, 150_000);
      for (const args of [
        ["open", "--key", partner.store, "--signer", own.certificateFile],
        ["seal", "--sign", own.store],
      ]) {
        const place = path(`${args[0]}-${signal}`);
        await mkdir(place);
        const watcher = watch(place);
        const begun = once(watcher, "change");
        const child = start([...args, "--out", join(place, "out"), "-"]);
        child.stdin?.write(half);
        await begun;
        watcher.close();
        const result = ended(child);
        child.kill(signal);
        const { code, stderr } = await result;
        const left = await readdir(place);
        if (signal === "SIGKILL") {
          // Nobody could take it away; what was unverified is for its owner only.
          expect(left).toEqual([expect.stringMatching(/^\.waybill-\w+\.tmp$/)]);
          expect((await stat(join(place, left[0] ?? ""))).mode & 0o777).toBe(0o600);
          continue;
        }
        expect(stderr).toBe(`waybill: interrupted by ${signal}: no file was written\n`);
        expect(code).toBe(1);
        expect(left).toEqual([]);
      }
    },
  );

  function start(args: readonly string[]): ChildProcess {
    const env = { ...process.env, WAYBILL_PASSWORD: PASSWORD };
    return spawn(process.execPath, [MAIN, "cms", ...args], { env, stdio: ["pipe", "pipe", "pipe"] });
  }

  async function ended(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
    let stderr = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr += chunk.toString("utf8");
    });
    child.stdin?.on("error", () => {});
    const [code] = await once(child, "close");
    return { code, stderr };
  }
});
