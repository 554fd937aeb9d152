import { createECDH, createPrivateKey } from "node:crypto";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import {
  formatOpenSshPrivateKey,
  formatOpenSshPublicKey,
  GENERATED_KEY_KINDS,
  generateHostKey,
  generatePrivateKey,
  parsePrivateKey,
  parsePublicKey,
  readPrivateKey,
  readPublicKey,
  type SoftwarePrivateKey,
  writeKeyPair,
} from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { COMMENT, PASSPHRASE, passphraseFile, runPeer } from "./key-fixtures.js";

describeWithPeers("the keys that we write", [peers.sshKeygen, peers.puttygen], () => {
  let folder: TemporaryFolder;
  const keys = new Map<string, SoftwarePrivateKey>();
  beforeAll(async () => {
    folder = await temporaryFolder();
    for (const kind of GENERATED_KEY_KINDS) {
      const bits = kind === "rsa" ? { bits: 2048 } : {};
      keys.set(kind, await generatePrivateKey(kind, { comment: COMMENT, ...bits }));
    }
  });
  afterAll(() => folder.remove());

  test.each(GENERATED_KEY_KINDS.flatMap((kind) => [[kind, ""] as const, [kind, PASSPHRASE] as const]))(
    "%s with passphrase %j are read by ssh-keygen and puttygen",
    async (kind, passphrase) => {
      const key = keys.get(kind) as SoftwarePrivateKey;
      const path = `${folder.path}/${kind}-${passphrase === "" ? "clear" : "encrypted"}`;
      await writeKeyPair(path, key, { passphrase, rounds: 3 });
      const line = formatOpenSshPublicKey(key.publicKey);
      expect(line).toMatch(/^[^\n]*$/);
      expect((await runPeer("sshKeygen", ["-y", "-P", passphrase, "-f", path])).trim()).toBe(line);
      expect(await readFile(`${path}.pub`, "utf8")).toBe(`${line}\n`);
      const listed = await runPeer("sshKeygen", ["-l", "-f", path]);
      expect(listed.split(" ").slice(0, 2)).toEqual([String(key.bits), key.publicKey.fingerprint()]);
      expect(listed).toContain(COMMENT);
      const secret = passphrase === "" ? [] : ["--old-passphrase", await passphraseFile(folder.path)];
      const putty = await runPeer("puttygen", [path, "-O", "public-openssh", ...secret]);
      expect(putty.split(" ")[1]).toBe(line.split(" ")[1]);
      const back = await readPrivateKey(path, { passphrase });
      expect(back.comment).toBe(COMMENT);
      expect(back.publicKey.equals(key.publicKey)).toBe(true);
    },
  );

  test("with ssh-keygen's rounds unless told otherwise", async () => {
    const key = keys.get("ed25519") as SoftwarePrivateKey;
    const text = await formatOpenSshPrivateKey(key, { passphrase: "x", comment: "other" });
    const bytes = Buffer.from(text.split("\n").slice(1, -2).join(""), "base64");
    expect(bytes.readUInt32BE(bytes.indexOf("bcrypt") + 6 + 4 + 4 + 16)).toBe(24);
    expect((await parsePrivateKey(text, { passphrase: "x" })).comment).toBe("other");
    for (const rounds of [0, 257, 1.5, Number.NaN]) {
      await expect(formatOpenSshPrivateKey(key, { passphrase: "x", rounds })).rejects.toMatchObject({
        code: "ERR_KEY_OPTIONS",
      });
    }
  });

  test("an elliptic key whose private number is short", async () => {
    for (const [kind, curve, name] of [
      ["ecdsa-p256", "prime256v1", "P-256"],
      ["ecdsa-p521", "secp521r1", "P-521"],
    ] as const) {
      const length = kind === "ecdsa-p256" ? 32 : 66;
      const ecdh = createECDH(curve);
      const scalar = Buffer.alloc(length - 3, 0x85);
      ecdh.setPrivateKey(scalar);
      const point = ecdh.getPublicKey();
      const jwk = {
        ...{ kty: "EC", crv: name, d: Buffer.concat([Buffer.alloc(3), scalar]).toString("base64url") },
        x: point.toString("base64url", 1, 1 + length),
        y: point.toString("base64url", 1 + length),
      };
      const keyObject = createPrivateKey({ key: jwk, format: "jwk" });
      const key = await parsePrivateKey(keyObject.export({ format: "pem", type: "pkcs8" }));
      const path = `${folder.path}/short-${kind}`;
      await writeKeyPair(path, key, { comment: "short" });
      expect((await runPeer("sshKeygen", ["-y", "-f", path])).split(" ")[1]).toBe(
        key.publicKey.blob.toString("base64"),
      );
      expect((await readPrivateKey(path)).publicKey.equals(key.publicKey)).toBe(true);
      await runPeer("puttygen", [path, "-O", "private", "-o", `${path}.ppk`]);
      expect((await readPrivateKey(`${path}.ppk`)).publicKey.equals(key.publicKey)).toBe(true);
    }
  });

  test("a comment stays on its line", () => {
    const key = (keys.get("ed25519") as SoftwarePrivateKey).publicKey;
    const line = formatOpenSshPublicKey(key, "one\nssh-ed25519 AAAA\r\u0000two ");
    expect(line).toMatch(/ one ssh-ed25519 AAAA two$/);
    expect(parsePublicKey(line).equals(key)).toBe(true);
    expect(formatOpenSshPublicKey(key, "")).toBe(`ssh-ed25519 ${key.blob.toString("base64")}`);
  });
});

describe("generateHostKey", () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());

  test("writes both files with their modes, whatever the umask", async () => {
    const path = `${folder.path}/host_key`;
    const previous = process.umask(0o000);
    try {
      await generateHostKey(path, { comment: "host" });
      process.umask(0o077);
      await generateHostKey(`${path}2`, { kind: "ecdsa-p256" });
    } finally {
      process.umask(previous);
    }
    for (const name of [path, `${path}2`]) {
      expect((await stat(name)).mode & 0o7777).toBe(0o600);
      expect((await stat(`${name}.pub`)).mode & 0o7777).toBe(0o644);
    }
    expect((await readPrivateKey(path)).comment).toBe("host");
    expect((await readdir(folder.path)).sort()).toEqual([
      "host_key",
      "host_key.pub",
      "host_key2",
      "host_key2.pub",
    ]);
  });

  test("keeps what is there", async () => {
    const path = `${folder.path}/host_key`;
    await writeFile(path, "mine");
    await expect(generateHostKey(path)).rejects.toMatchObject({
      code: "ERR_KEY_EXISTS",
      message: expect.stringContaining(path),
    });
    expect(await readFile(path, "utf8")).toBe("mine");
    await writeFile(`${folder.path}/other.pub`, "mine");
    await expect(generateHostKey(`${folder.path}/other`)).rejects.toMatchObject({ code: "ERR_KEY_EXISTS" });
    await symlink("nowhere", `${folder.path}/dangling`);
    await expect(generateHostKey(`${folder.path}/dangling`)).rejects.toMatchObject({
      code: "ERR_KEY_EXISTS",
    });
    expect((await readdir(folder.path)).sort()).toEqual(["dangling", "host_key", "other.pub"]);
  });

  test("one of many at once wins, and its two files belong together", async () => {
    const path = `${folder.path}/host_key`;
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => generateHostKey(path)));
    const won = results.filter((result) => result.status === "fulfilled");
    expect(won).toHaveLength(1);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "ERR_KEY_EXISTS" });
    }
    const key = await readPrivateKey(path);
    expect(key.publicKey.equals(await readPublicKey(`${path}.pub`))).toBe(true);
    expect(won[0]?.value.publicKey.equals(key.publicKey)).toBe(true);
    expect((await readdir(folder.path)).sort()).toEqual(["host_key", "host_key.pub"]);
  });

  test("says what hinders it", async () => {
    await expect(generateHostKey(`${folder.path}/missing/key`)).rejects.toMatchObject({
      code: "ERR_KEY_NOT_WRITTEN",
      message: expect.stringContaining("folder does not exist"),
    });
    await writeFile(`${folder.path}/file`, "");
    await expect(generateHostKey(`${folder.path}/file/key`)).rejects.toMatchObject({
      code: "ERR_KEY_NOT_WRITTEN",
    });
  });

  test("refuses options that make no sense", async () => {
    for (const bits of [1024, 2047, 2049, 8200, Number.NaN]) {
      await expect(generatePrivateKey("rsa", { bits })).rejects.toMatchObject({ code: "ERR_KEY_OPTIONS" });
    }
    await expect(generatePrivateKey("ed25519", { bits: 256 })).rejects.toMatchObject({
      code: "ERR_KEY_OPTIONS",
    });
    await expect(generatePrivateKey("dsa" as "rsa")).rejects.toMatchObject({ code: "ERR_KEY_OPTIONS" });
  });

  test("a file that may not be read is unreadable", async () => {
    const path = `${folder.path}/host_key`;
    await generateHostKey(path);
    await chmod(path, 0);
    await mkdir(`${folder.path}/folder`);
    // The permissions do not hold for root, but a folder cannot be read by anyone.
    const refused = process.getuid?.() === 0 ? `${folder.path}/folder` : path;
    await expect(readPrivateKey(refused)).rejects.toMatchObject({
      code: "ERR_KEY_UNREADABLE",
      message: expect.stringContaining(refused),
    });
  });
});
