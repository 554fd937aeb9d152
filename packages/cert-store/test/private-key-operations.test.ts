import {
  constants,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  publicEncrypt,
} from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { GENERATED_KEY_KINDS, generatePrivateKey, type SoftwarePrivateKey } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { HASHES, opensslDerives, opensslEncrypts, opensslVerifies } from "./openssl-operations.js";

const DATA = Buffer.from("what is signed");
const SECRET = Buffer.from("a content encryption key");
const keys = new Map<string, SoftwarePrivateKey>();
const keyOf = (kind: string) => keys.get(kind) as SoftwarePrivateKey;
let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder();
  for (const kind of GENERATED_KEY_KINDS)
    keys.set(kind, await generatePrivateKey(kind, kind === "rsa" ? { bits: 2048 } : {}));
});
afterAll(() => folder.remove());

describeWithPeers("software keys and openssl", [peers.openssl], () => {
  test.each(GENERATED_KEY_KINDS)("openssl verifies what our %s signs for X.509", async (kind) => {
    const key = keyOf(kind);
    for (const hash of HASHES) {
      const signature = await key.signWith(DATA, { hash });
      expect(await opensslVerifies(folder.path, key, DATA, signature, { hash })).toBe(true);
      expect(await opensslVerifies(folder.path, key, Buffer.from("else"), signature, { hash })).toBe(false);
      if (kind === "ed25519") break;
    }
  });

  test.each(HASHES)("RSA-PSS with %s", async (hash) => {
    const scheme = { hash, padding: "pss" } as const;
    const signature = await keyOf("rsa").signWith(DATA, scheme);
    expect(await opensslVerifies(folder.path, keyOf("rsa"), DATA, signature, scheme)).toBe(true);
    expect(await opensslVerifies(folder.path, keyOf("rsa"), DATA, signature, { hash })).toBe(false);
  });

  test.each(HASHES)("OAEP with %s, with a label and without", async (hash) => {
    for (const label of [undefined, Buffer.from("the label")]) {
      const scheme = { padding: "oaep", hash, label } as const;
      const ciphertext = await opensslEncrypts(folder.path, keyOf("rsa"), SECRET, scheme);
      expect(Buffer.from(await keyOf("rsa").decrypt(ciphertext, scheme))).toEqual(SECRET);
      const other = { ...scheme, label: Buffer.from("another label") };
      await expect(keyOf("rsa").decrypt(ciphertext, other)).rejects.toMatchObject({
        code: "ERR_KEY_DECRYPT",
      });
    }
  });

  test("PKCS #1 v1.5", async () => {
    for (const secret of [SECRET, Buffer.alloc(0), Buffer.alloc(245, 7)]) {
      const ciphertext = await opensslEncrypts(folder.path, keyOf("rsa"), secret, { padding: "pkcs1" });
      expect(Buffer.from(await keyOf("rsa").decrypt(ciphertext, { padding: "pkcs1" }))).toEqual(secret);
    }
  });

  test.each(["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"] as const)("ECDH with %s", async (kind) => {
    const other = await generatePrivateKey(kind);
    const file = join(folder.path, `${kind}.pem`);
    await writeFile(file, other.keyObject.export({ format: "pem", type: "pkcs8" }));
    const shared = await opensslDerives(folder.path, keyOf(kind), file);
    expect(Buffer.from(await keyOf(kind).deriveSecret(other.publicKey.keyObject))).toEqual(shared);
    expect(Buffer.from(await keyOf(kind).deriveSecret(other.keyObject))).toEqual(shared);
  });
});

describe("implicit rejection", () => {
  const wrong = () => {
    const ciphertext = publicEncrypt(
      { key: keyOf("rsa").publicKey.keyObject, padding: constants.RSA_NO_PADDING },
      Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(254, 0x55)]),
    );
    return ciphertext;
  };

  test("a wrong padding gives the same stand-in each time, another one for another ciphertext or key", async () => {
    const key = keyOf("rsa");
    const ciphertext = wrong();
    const first = await key.decrypt(ciphertext, { padding: "pkcs1" });
    expect(first.length).toBeLessThan(256 - 10);
    expect(await key.decrypt(ciphertext, { padding: "pkcs1" })).toEqual(first);
    const changed = Buffer.from(ciphertext);
    changed[255] = (changed[255] ?? 0) ^ 1;
    expect(await key.decrypt(changed, { padding: "pkcs1" })).not.toEqual(first);
  });

  test("it is the one of the draft, worked out here once more", async () => {
    const key = keyOf("rsa");
    const ciphertext = wrong();
    const d = Buffer.from(key.keyObject.export({ format: "jwk" }).d ?? "", "base64url");
    const exponent = Buffer.concat([Buffer.alloc(256 - d.length), d]);
    const secret = createHmac("sha256", createHash("sha256").update(exponent).digest())
      .update(ciphertext)
      .digest();
    const prf = (label: string, bytes: number) => {
      const parts: Buffer[] = [];
      for (let index = 0; index * 32 < bytes; index += 1) {
        const hmac = createHmac("sha256", secret)
          .update(Buffer.from([0, index]))
          .update(label);
        parts.push(hmac.update(Buffer.from([(bytes * 8) >> 8, (bytes * 8) & 0xff])).digest());
      }
      return Buffer.concat(parts).subarray(0, bytes);
    };
    const lengths = prf("length", 256);
    let length = 0;
    for (let index = 0; index < 256; index += 2) {
      const candidate = lengths.readUInt16BE(index) % 256;
      if (candidate < 246) length = candidate;
    }
    const expected = prf("message", 256).subarray(256 - length);
    expect(Buffer.from(await key.decrypt(ciphertext, { padding: "pkcs1" }))).toEqual(expected);
  });

  test.each([
    ["no separator", [0, 2, ...Array(254).fill(9)]],
    ["too little padding", [0, 2, 1, 1, 1, 1, 1, 1, 1, 0, ...Array(246).fill(9)]],
    ["another type", [0, 1, ...Array(100).fill(9), 0, ...Array(153).fill(9)]],
    ["something in front", [1, 2, ...Array(100).fill(9), 0, ...Array(153).fill(9)]],
  ])("%s", async (_name, block) => {
    const key = keyOf("rsa");
    const ciphertext = publicEncrypt(
      { key: key.publicKey.keyObject, padding: constants.RSA_NO_PADDING },
      Buffer.from(block),
    );
    const message = await key.decrypt(ciphertext, { padding: "pkcs1" });
    expect(Buffer.from(block).includes(Buffer.from(message)) && message.length > 8).toBe(false);
    expect(message.includes(9) && Buffer.from(message).every((byte) => byte === 9)).toBe(false);
  });
});

describe("what a key cannot do", () => {
  test.each([
    ["decrypt with EC", () => keyOf("ecdsa-p256").decrypt(Buffer.alloc(256), { padding: "pkcs1" })],
    ["decrypt with Ed25519", () => keyOf("ed25519").decrypt(Buffer.alloc(256), { padding: "pkcs1" })],
    ["agree with RSA", () => keyOf("rsa").deriveSecret(keyOf("ecdsa-p256").publicKey.keyObject)],
    ["agree with Ed25519", () => keyOf("ed25519").deriveSecret(keyOf("ecdsa-p256").publicKey.keyObject)],
    ["PSS with EC", () => keyOf("ecdsa-p256").signWith(DATA, { hash: "sha256", padding: "pss" })],
  ])("%s: ERR_KEY_ALGORITHM", async (_name, work) => {
    await expect(work()).rejects.toMatchObject({ code: "ERR_KEY_ALGORITHM" });
  });

  test("a ciphertext of another length or size, and a partner on another curve: ERR_KEY_DECRYPT", async () => {
    for (const ciphertext of [
      Buffer.alloc(0),
      Buffer.alloc(255, 1),
      Buffer.alloc(257, 1),
      Buffer.alloc(256, 0xff),
    ])
      for (const scheme of [{ padding: "pkcs1" }, { padding: "oaep", hash: "sha256" }] as const)
        await expect(keyOf("rsa").decrypt(ciphertext, scheme)).rejects.toMatchObject({
          code: "ERR_KEY_DECRYPT",
        });
    for (const other of [keyOf("ecdsa-p384"), keyOf("ed25519"), keyOf("rsa")])
      await expect(keyOf("ecdsa-p256").deriveSecret(other.publicKey.keyObject)).rejects.toMatchObject({
        code: "ERR_KEY_DECRYPT",
      });
  });

  test("PSS with a hash that the key is too short for: ERR_KEY_SIGN", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const pem = privateKey.export({ format: "pem", type: "pkcs8" });
    expect(createPublicKey(createPrivateKey(pem)).asymmetricKeyDetails?.modulusLength).toBe(1024);
    const { parsePrivateKey } = await import("../src/index.js");
    const key = await parsePrivateKey(pem);
    await expect(key.signWith(DATA, { hash: "sha512", padding: "pss" })).rejects.toMatchObject({
      code: "ERR_KEY_SIGN",
    });
  });
});
