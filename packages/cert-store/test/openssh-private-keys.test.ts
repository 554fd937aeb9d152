import { copyFile, readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { parsePrivateKey, readPrivateKey } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { COMMENT, encryptedCopy, KINDS, makeKey, PASSPHRASE, publicBase64, runPeer } from "./key-fixtures.js";

const CIPHERS = [
  "aes128-ctr",
  "aes192-ctr",
  "aes256-ctr",
  "aes128-cbc",
  "aes192-cbc",
  "aes256-cbc",
  "3des-cbc",
  "aes128-gcm@openssh.com",
  "aes256-gcm@openssh.com",
  "chacha20-poly1305@openssh.com",
];

/** Replaces the binary content of an OpenSSH private key. */
function rewrite(pem: string, change: (bytes: Buffer) => Buffer): string {
  const body = pem.split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
  const bytes = change(Buffer.from(body.join(""), "base64"));
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString("base64")}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

describeWithPeers("private keys of ssh-keygen", [peers.sshKeygen], () => {
  let folder: TemporaryFolder;
  const paths = new Map<string, string>();
  const pathOf = (name: string) => paths.get(name) ?? "";

  beforeAll(async () => {
    folder = await temporaryFolder();
    for (const kind of KINDS) paths.set(kind.name, await makeKey(folder.path, kind));
  });
  afterAll(() => folder.remove());

  describe.each(KINDS)("$name", (kind) => {
    test("is read in the clear", async () => {
      const key = await readPrivateKey(pathOf(kind.name));
      expect(key).toMatchObject({ type: kind.type, bits: kind.bits, comment: COMMENT });
      expect(key.publicKey.blob.toString("base64")).toBe(await publicBase64(pathOf(kind.name)));
      const signature = await key.sign(Buffer.from("data"));
      expect(key.publicKey.verify(Buffer.from("data"), signature)).toBe(true);
    });

    test("a passphrase that is not needed is no error", async () => {
      await readPrivateKey(pathOf(kind.name), { passphrase: "x" });
    });

    test.each(CIPHERS)("is read with %s", async (cipher) => {
      const path = await encryptedCopy(pathOf(kind.name), cipher, ["-Z", cipher]);
      const key = await readPrivateKey(path, { passphrase: PASSPHRASE });
      expect(key.comment).toBe(COMMENT);
      expect(key.publicKey.blob.toString("base64")).toBe(await publicBase64(pathOf(kind.name)));
      const wrong = { code: "ERR_KEY_PASSPHRASE_WRONG", message: expect.stringContaining(path) };
      await expect(readPrivateKey(path, { passphrase: "wrong" })).rejects.toMatchObject(wrong);
      await expect(readPrivateKey(path, { passphrase: "" })).rejects.toMatchObject(wrong);
      await expect(readPrivateKey(path)).rejects.toMatchObject({ code: "ERR_KEY_PASSPHRASE_REQUIRED" });
    });
  });

  test("many rounds are taken up to the limit, and no further", async () => {
    const path = await encryptedCopy(pathOf("ed25519"), "rounds", ["-Z", "aes256-ctr"]);
    const text = await readFile(path, "utf8");
    const withRounds = (rounds: number) =>
      rewrite(text, (bytes) => {
        const marker = Buffer.from("bcrypt", "latin1");
        const salt = bytes.indexOf(marker) + marker.length + 4 + 4;
        bytes.writeUInt32BE(rounds, salt + 16);
        return bytes;
      });
    await expect(parsePrivateKey(withRounds(1), { passphrase: PASSPHRASE })).resolves.toBeDefined();
    // The limits come first: a file that keeps them gets as far as asking for its passphrase.
    await expect(parsePrivateKey(withRounds(256))).rejects.toMatchObject({
      code: "ERR_KEY_PASSPHRASE_REQUIRED",
    });
    for (const rounds of [257, 0xffffffff]) {
      await expect(
        parsePrivateKey(withRounds(rounds), { passphrase: PASSPHRASE, fileName: "slow" }),
      ).rejects.toMatchObject({
        code: "ERR_KEY_UNSUPPORTED",
        message: expect.stringMatching(/^slow: .*rounds/),
      });
    }
    await expect(parsePrivateKey(withRounds(0), { passphrase: PASSPHRASE })).rejects.toMatchObject({
      code: "ERR_KEY_DAMAGED",
    });
  });

  test.each(KINDS)("damage anywhere in a $name key in the clear is found", async (kind) => {
    const text = await readFile(pathOf(kind.name), "utf8");
    const length = Buffer.from(text.split("\n").slice(1, -2).join(""), "base64").length;
    const comment = Buffer.byteLength(COMMENT);
    // The comment and the two check numbers carry no redundancy; everything before and after them does.
    for (let position = 0; position < length; position += kind.name === "rsa" ? 7 : 1) {
      let changed = "";
      const damaged = rewrite(text, (bytes) => {
        const start = bytes.indexOf(COMMENT);
        changed = position >= start && position < start + comment ? "comment" : "key";
        bytes[position] = (bytes[position] ?? 0) ^ 0x10;
        return bytes;
      });
      if (changed === "comment") continue;
      await expect(parsePrivateKey(damaged)).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_KEY_(DAMAGED|UNSUPPORTED)$/),
      });
    }
  });

  test("a cut file is damaged, wherever it ends", async () => {
    const text = await readFile(pathOf("ed25519"), "utf8");
    for (const length of [40, 100, 200, text.length - 30]) {
      await expect(parsePrivateKey(text.slice(0, length), { fileName: "id" })).rejects.toMatchObject({
        code: "ERR_KEY_DAMAGED",
        message: expect.stringContaining("id: "),
      });
    }
    const cut = rewrite(text, (bytes) => bytes.subarray(0, -8));
    await expect(parsePrivateKey(cut)).rejects.toMatchObject({ code: "ERR_KEY_DAMAGED" });
    const longer = rewrite(text, (bytes) => Buffer.concat([bytes, Buffer.alloc(3)]));
    await expect(parsePrivateKey(longer)).rejects.toMatchObject({ code: "ERR_KEY_DAMAGED" });
  });

  test("the halves of two keys do not pass for one", async () => {
    const other = `${pathOf("ed25519")}-other`;
    await runPeer("sshKeygen", ["-q", "-t", "ed25519", "-N", "", "-f", other]);
    const otherBlob = Buffer.from(await publicBase64(other), "base64");
    const blob = Buffer.from(await publicBase64(pathOf("ed25519")), "base64");
    const mixed = rewrite(await readFile(pathOf("ed25519"), "utf8"), (bytes) => {
      otherBlob.copy(bytes, bytes.indexOf(blob));
      return bytes;
    });
    await expect(parsePrivateKey(mixed)).rejects.toMatchObject({ code: "ERR_KEY_DAMAGED" });
  });

  test("unknown kinds and files of several keys are not supported", async () => {
    const several = rewrite(await readFile(pathOf("ed25519"), "utf8"), (bytes) => {
      bytes[bytes.indexOf("none", 24) + 4 + 4 + 3] = 2;
      return bytes;
    });
    await expect(parsePrivateKey(several)).rejects.toMatchObject({ code: "ERR_KEY_UNSUPPORTED" });
    const other = rewrite(await readFile(pathOf("ed25519"), "utf8"), (bytes) => {
      bytes.write("ssh-unknown", bytes.indexOf("ssh-ed25519"));
      return bytes;
    });
    await expect(parsePrivateKey(other)).rejects.toMatchObject({
      code: "ERR_KEY_UNSUPPORTED",
      message: expect.stringContaining("ssh-unknown"),
    });
  });

  test("Windows line ends, a byte order mark and text before the key do no harm", async () => {
    const text = await readFile(pathOf("p256"), "utf8");
    const altered = `\uFEFFmy key\r\n${text.replaceAll("\n", "\r\n")}`;
    expect((await parsePrivateKey(altered)).type).toBe("ecdsa-sha2-nistp256");
    expect((await parsePrivateKey(new Uint8Array(Buffer.from(altered)))).type).toBe("ecdsa-sha2-nistp256");
  });

  test("the old PEM forms that ssh-keygen writes are read, too", async () => {
    for (const kind of KINDS.filter(({ name }) => name !== "ed25519")) {
      for (const format of ["PEM", "PKCS8"]) {
        const encrypted = await encryptedCopy(pathOf(kind.name), format, ["-m", format]);
        const key = await readPrivateKey(encrypted, { passphrase: PASSPHRASE });
        expect(key.publicKey.blob.toString("base64")).toBe(await publicBase64(pathOf(kind.name)));
        const plain = `${encrypted}-plain`;
        await copyFile(pathOf(kind.name), plain);
        await runPeer("sshKeygen", ["-q", "-p", "-P", "", "-N", "", "-m", format, "-f", plain]);
        expect((await readPrivateKey(plain)).publicKey.equals(key.publicKey)).toBe(true);
      }
    }
  });
});
