import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { parsePrivateKey, readPrivateKey } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import {
  COMMENT,
  KINDS,
  makeKey,
  PASSPHRASE,
  passphraseFile,
  publicBase64,
  runPeer,
} from "./key-fixtures.js";

describeWithPeers("private keys of puttygen", [peers.puttygen, peers.sshKeygen], () => {
  let folder: TemporaryFolder;
  let secret: string;
  const paths = new Map<string, string>();
  const pathOf = (name: string) => paths.get(name) ?? "";
  let copies = 0;

  beforeAll(async () => {
    folder = await temporaryFolder();
    secret = await passphraseFile(folder.path);
    for (const kind of KINDS) paths.set(kind.name, await makeKey(folder.path, kind));
  });
  afterAll(() => folder.remove());

  /** A PPK file of a kind's key, in the clear or encrypted. */
  async function makePpk(name: string, parameters: string, isEncrypted: boolean): Promise<string> {
    copies += 1;
    const path = `${folder.path}/${copies}.ppk`;
    const encryption = isEncrypted ? ["-P", "--new-passphrase", secret] : [];
    const parameterArgs = parameters === "" ? [] : ["--ppk-param", parameters];
    await runPeer("puttygen", [pathOf(name), "-O", "private", ...parameterArgs, ...encryption, "-o", path]);
    return path;
  }

  describe.each(KINDS)("$name", (kind) => {
    test.each(["version=2", "version=3"])("%s in the clear", async (parameters) => {
      const path = await makePpk(kind.name, parameters, false);
      const key = await readPrivateKey(path);
      expect(key).toMatchObject({ type: kind.type, bits: kind.bits, comment: COMMENT });
      expect(key.publicKey.blob.toString("base64")).toBe(await publicBase64(pathOf(kind.name)));
      expect(key.publicKey.verify(Buffer.from("data"), await key.sign(Buffer.from("data")))).toBe(true);
    });

    test.each(["version=2", "version=3,memory=64,passes=2"])("%s encrypted", async (parameters) => {
      const path = await makePpk(kind.name, parameters, true);
      const key = await readPrivateKey(path, { passphrase: PASSPHRASE });
      expect(key.publicKey.blob.toString("base64")).toBe(await publicBase64(pathOf(kind.name)));
      const wrong = { code: "ERR_KEY_PASSPHRASE_WRONG", message: expect.stringContaining(path) };
      await expect(readPrivateKey(path, { passphrase: "wrong" })).rejects.toMatchObject(wrong);
      await expect(readPrivateKey(path, { passphrase: "" })).rejects.toMatchObject(wrong);
      await expect(readPrivateKey(path)).rejects.toMatchObject({ code: "ERR_KEY_PASSPHRASE_REQUIRED" });
    });
  });

  test.each([
    "kdf=argon2id,memory=256,passes=3,parallelism=4",
    "kdf=argon2i,memory=64,passes=3",
    "kdf=argon2d,memory=64,passes=3",
    // What puttygen does when it is told nothing.
    "",
  ])("the key derivation %s", async (parameters) => {
    const path = await makePpk("ed25519", parameters, true);
    expect((await readPrivateKey(path, { passphrase: PASSPHRASE })).comment).toBe(COMMENT);
  });

  test("the MAC finds every change", async () => {
    for (const parameters of ["version=2", "version=3"]) {
      const text = await readFile(await makePpk("p256", parameters, false), "utf8");
      for (const changed of [
        text.replace(/^Comment: .*$/m, "Comment: other"),
        text.replace(
          /^(Private-Lines: \d+\n.)(.)/m,
          (_, head: string, next: string) => head + (next === "B" ? "C" : "B"),
        ),
        text.replace(
          /^(Private-MAC: )(.)/m,
          (_, head: string, next: string) => head + (next === "0" ? "1" : "0"),
        ),
        text.replace(/^Private-MAC: ..../m, "Private-MAC: "),
      ]) {
        expect(changed).not.toBe(text);
        await expect(parsePrivateKey(changed, { fileName: "k.ppk" })).rejects.toMatchObject({
          code: "ERR_KEY_DAMAGED",
          message: expect.stringContaining("k.ppk: "),
        });
      }
    }
  });

  test("a derivation that costs too much is refused at once, and says why", async () => {
    const text = await readFile(await makePpk("ed25519", "memory=64,passes=2", true), "utf8");
    const costs: readonly [RegExp, string][] = [
      [/Argon2-Memory: \d+/, "Argon2-Memory: 65537"],
      [/Argon2-Memory: \d+/, "Argon2-Memory: 4294967295"],
      [/Argon2-Memory: \d+/, "Argon2-Memory: 99999999999999999999999"],
      [/Argon2-Passes: \d+/, "Argon2-Passes: 65537"],
      [/Argon2-Passes: \d+/, "Argon2-Passes: 4294967295"],
    ];
    for (const [line, cost] of costs) {
      const refused = parsePrivateKey(text.replace(line, cost), { passphrase: PASSPHRASE });
      await expect(refused).rejects.toMatchObject({
        code: "ERR_KEY_UNSUPPORTED",
        message: expect.stringContaining("more than is allowed"),
      });
    }
    for (const [line, cost] of [
      [/Argon2-Memory: \d+/, "Argon2-Memory: 7"],
      [/Argon2-Parallelism: \d+/, "Argon2-Parallelism: 9"],
      [/Argon2-Passes: \d+/, "Argon2-Passes: 0"],
      [/Argon2-Passes: \d+/, "Argon2-Passes: -1"],
      [/Argon2-Salt: .*/, "Argon2-Salt: 00"],
    ] as const) {
      const refused = parsePrivateKey(text.replace(line, cost), { passphrase: PASSPHRASE });
      await expect(refused).rejects.toMatchObject({ code: "ERR_KEY_DAMAGED" });
    }
  });

  test("other versions and kinds are not supported, cut files are damaged", async () => {
    const text = await readFile(await makePpk("ed25519", "", false), "utf8");
    const code = (altered: string) =>
      parsePrivateKey(altered).then(
        () => "read",
        (error: { code: string }) => error.code,
      );
    expect(await code(text.replace("File-3", "File-1"))).toBe("ERR_KEY_UNSUPPORTED");
    expect(await code(text.replace("File-3", "File-4"))).toBe("ERR_KEY_UNSUPPORTED");
    expect(await code(text.replace("Encryption: none", "Encryption: rot13"))).toBe("ERR_KEY_UNSUPPORTED");
    for (const length of [30, 60, 120, 200, text.length - 10]) {
      expect(await code(text.slice(0, length))).toBe("ERR_KEY_DAMAGED");
    }
    expect(await code(`${text}more\n`)).toBe("ERR_KEY_DAMAGED");
    expect(await code(text.replaceAll("\n", "\r\n"))).toBe("read");
    const dsa = Buffer.concat([Buffer.from("\0\0\0\u0007ssh-dss", "latin1"), Buffer.alloc(4 * 8)]);
    const dsaLines = `Public-Lines: 1\n${dsa.toString("base64")}\n`;
    expect(await code(text.replace(/Public-Lines: 2\n.*\n.*\n/, dsaLines))).toBe("ERR_KEY_UNSUPPORTED");
  });
});

test("an Ed25519 key as old versions of PuTTY wrote it, without the zeros at its end", async () => {
  const seed = Buffer.concat([Buffer.alloc(30, 7), Buffer.alloc(2)]);
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const { publicKey } = await parsePrivateKey(pkcs8);
  const string = (value: string | Buffer) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const shortSeed = string(seed.subarray(0, 30));
  const mac = createHmac("sha256", "");
  for (const part of ["ssh-ed25519", "none", "old", publicKey.blob, shortSeed]) mac.update(string(part));
  const text = [
    "PuTTY-User-Key-File-3: ssh-ed25519",
    "Encryption: none",
    "Comment: old",
    "Public-Lines: 1",
    publicKey.blob.toString("base64"),
    "Private-Lines: 1",
    shortSeed.toString("base64"),
    `Private-MAC: ${mac.digest("hex")}`,
    "",
  ].join("\n");
  const key = await parsePrivateKey(text);
  expect(key.publicKey.equals(publicKey)).toBe(true);
  expect(key.comment).toBe("old");
});
