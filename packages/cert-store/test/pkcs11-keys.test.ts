import { createHook } from "node:async_hooks";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import {
  generatePrivateKey,
  openPkcs11Store,
  type Pkcs11Store,
  type PrivateKey,
  parsePublicKey,
} from "@waybill/cert-store";
import { describeWithPeers, peers } from "@waybill/testing";
import pkcs11js from "pkcs11js";
import { HASHES, openssl, opensslDerives, opensslEncrypts, opensslVerifies } from "./openssl-operations.js";
import { SoftTokens } from "./soft-token.js";

const DATA = Buffer.from("what is signed");
const SECRET = Buffer.from("a content encryption key");
const LARGE = Buffer.alloc(1024 * 1024, "0123456789");

const EC_KEYS = [
  ["p256", "EC:prime256v1"],
  ["p384", "EC:secp384r1"],
  ["p521", "EC:secp521r1"],
] as const;

describeWithPeers("keys in a PKCS #11 token", [peers.softhsmUtil, peers.pkcs11Tool, peers.openssl], () => {
  let tokens: SoftTokens;
  let store: Pkcs11Store;
  const pin = jest.fn(async () => "1234");
  const keyNamed = (name: string): PrivateKey => {
    const entry = store.entries.find(({ alias }) => alias === name);
    if (entry?.privateKey === undefined) throw new Error(`no private key "${name}"`);
    return entry.privateKey;
  };

  beforeAll(async () => {
    tokens = await SoftTokens.make();
    await tokens.addToken("one");
    await tokens.addKey("one", "rsa:2048", "01", "rsa");
    for (const [index, [name, type]] of EC_KEYS.entries())
      await tokens.addKey("one", type, `1${index}`, name);
    await tokens.addKey("one", "EC:edwards25519", "20", "ed25519");
    const only = (mechanisms: string) => ["--allowed-mechanisms", mechanisms];
    await tokens.addKey("one", "rsa:2048", "31", "hashing", only("SHA256-RSA-PKCS,SHA512-RSA-PKCS-PSS"));
    await tokens.addKey("one", "rsa:2048", "32", "bare", only("RSA-X-509"));
    await tokens.addKey("one", "rsa:2048", "33", "padding", only("RSA-PKCS"));
    await tokens.addKey("one", "rsa:2048", "34", "guarded", ["--always-auth"]);
    await tokens.addKey("one", "rsa:2048", "35", "signs only");
    await tokens.addKey("one", "rsa:2048", "36", "decrypts only");
    tokens.forbid("one", "35", pkcs11js.CKA_DECRYPT);
    tokens.forbid("one", "36", pkcs11js.CKA_SIGN);
    tokens.forbid("one", "12", pkcs11js.CKA_DERIVE);
    store = await openPkcs11Store({ module: tokens.module, pin });
  });
  afterAll(async () => {
    await store?.close();
    await tokens?.remove();
  });

  test.each(["rsa", "p256", "p384", "p521", "ed25519", "bare"])("%s signs for SSH", async (name) => {
    const key = keyNamed(name);
    for (const algorithm of key.algorithms) {
      for (const data of [DATA, Buffer.alloc(0), LARGE]) {
        // SoftHSM's Ed25519 takes no empty message.
        if (name === "ed25519" && data.length === 0) continue;
        expect(key.publicKey.verify(data, await key.sign(data, algorithm), algorithm)).toBe(true);
      }
    }
    // The public key works on its own, not only as the one that the store made.
    const again = parsePublicKey(`${key.type} ${key.publicKey.blob.toString("base64")}`);
    expect(again.verify(DATA, await key.sign(DATA))).toBe(true);
    expect(again.verify(LARGE, await key.sign(DATA))).toBe(false);
  });

  test.each(["rsa", "p256", "p384", "p521", "ed25519"])("%s signs for X.509", async (name) => {
    const key = keyNamed(name);
    for (const hash of HASHES) {
      const signature = await key.signWith(DATA, { hash });
      expect(await opensslVerifies(tokens.path, key, DATA, signature, { hash })).toBe(true);
      expect(await opensslVerifies(tokens.path, key, SECRET, signature, { hash })).toBe(false);
      if (name === "ed25519") break;
    }
  });

  describe.each(["rsa", "bare"])("%s", (name) => {
    test.each(HASHES)("RSA-PSS with %s", async (hash) => {
      const scheme = { hash, padding: "pss" } as const;
      const signature = await keyNamed(name).signWith(DATA, scheme);
      expect(await opensslVerifies(tokens.path, keyNamed(name), DATA, signature, scheme)).toBe(true);
    });

    test.each(HASHES)("OAEP with %s", async (hash) => {
      for (const label of [undefined, Buffer.from("the label")]) {
        const scheme = { padding: "oaep", hash, label } as const;
        const ciphertext = await opensslEncrypts(tokens.path, keyNamed(name), SECRET, scheme);
        expect(Buffer.from(await keyNamed(name).decrypt(ciphertext, scheme))).toEqual(SECRET);
        const other = { ...scheme, label: Buffer.from("another label") };
        await expect(keyNamed(name).decrypt(ciphertext, other)).rejects.toMatchObject({
          code: "ERR_KEY_DECRYPT",
        });
      }
    });
  });

  test.each(["rsa", "bare", "padding"])("%s: PKCS #1 v1.5, and a stand-in for a wrong one", async (name) => {
    const key = keyNamed(name);
    for (const secret of [SECRET, Buffer.alloc(245, 7)]) {
      const ciphertext = await opensslEncrypts(tokens.path, key, secret, { padding: "pkcs1" });
      expect(Buffer.from(await key.decrypt(ciphertext, { padding: "pkcs1" }))).toEqual(secret);
    }
    const oaep = await opensslEncrypts(tokens.path, key, SECRET, { padding: "oaep", hash: "sha256" });
    const standIn = await key.decrypt(oaep, { padding: "pkcs1" });
    expect(standIn).not.toEqual(SECRET);
    expect(await key.decrypt(oaep, { padding: "pkcs1" })).toEqual(standIn);
    await expect(key.decrypt(oaep.subarray(1), { padding: "pkcs1" })).rejects.toMatchObject({
      code: "ERR_KEY_DECRYPT",
    });
  });

  test.each(["p256", "p384"] as const)("%s agrees on a secret", async (name) => {
    const kind = `ecdsa-${name}` as const;
    const other = await generatePrivateKey(kind);
    const file = join(tokens.path, `${name}.pem`);
    await writeFile(file, other.keyObject.export({ format: "pem", type: "pkcs8" }));
    const shared = await opensslDerives(tokens.path, keyNamed(name), file);
    expect(Buffer.from(await keyNamed(name).deriveSecret(other.publicKey.keyObject))).toEqual(shared);
    expect(Buffer.from(await other.deriveSecret(keyNamed(name).publicKey.keyObject))).toEqual(shared);
  });

  test("where the bare mechanism is not allowed, the token hashes and signs", async () => {
    const key = keyNamed("hashing");
    expect(key.publicKey.verify(DATA, await key.sign(DATA, "rsa-sha2-256"), "rsa-sha2-256")).toBe(true);
    const scheme = { hash: "sha512", padding: "pss" } as const;
    const signature = await key.signWith(LARGE, scheme);
    expect(await opensslVerifies(tokens.path, key, LARGE, signature, scheme)).toBe(true);
    await expect(key.sign(DATA, "rsa-sha2-512")).rejects.toMatchObject({ code: "ERR_KEY_ALGORITHM" });
  });

  test("a key that wants the PIN for each use gets it", async () => {
    const key = keyNamed("guarded");
    pin.mockClear();
    for (const algorithm of ["rsa-sha2-256", "rsa-sha2-512"] as const)
      expect(key.publicKey.verify(DATA, await key.sign(DATA, algorithm), algorithm)).toBe(true);
    expect(pin).toHaveBeenCalledTimes(2);
    const ciphertext = await opensslEncrypts(tokens.path, key, SECRET, { padding: "pkcs1" });
    expect(Buffer.from(await key.decrypt(ciphertext, { padding: "pkcs1" }))).toEqual(SECRET);
    expect(pin).toHaveBeenCalledTimes(3);
  });

  test("what a key may not, or cannot: ERR_KEY_ALGORITHM", async () => {
    const other = (await generatePrivateKey("ecdsa-p256")).publicKey.keyObject;
    expect(keyNamed("decrypts only").algorithms).toEqual([]);
    for (const work of [
      () => keyNamed("decrypts only").sign(DATA),
      () => keyNamed("decrypts only").signWith(DATA, { hash: "sha256" }),
      () => keyNamed("signs only").decrypt(Buffer.alloc(256, 1), { padding: "pkcs1" }),
      () => keyNamed("p256").decrypt(Buffer.alloc(256), { padding: "pkcs1" }),
      () => keyNamed("p521").deriveSecret(keyNamed("p521").publicKey.keyObject),
      () => keyNamed("rsa").deriveSecret(other),
      () => keyNamed("ed25519").deriveSecret(other),
      () => keyNamed("p256").signWith(DATA, { hash: "sha256", padding: "pss" }),
      () => keyNamed("p256").sign(DATA, "ssh-rsa"),
      () => keyNamed("hashing").decrypt(Buffer.alloc(256, 1), { padding: "pkcs1" }),
    ])
      await expect(work()).rejects.toMatchObject({ code: "ERR_KEY_ALGORITHM" });
    await expect(keyNamed("p384").deriveSecret(other)).rejects.toMatchObject({ code: "ERR_KEY_DECRYPT" });
  });

  test("the token works in another thread, so that the event loop goes on", async () => {
    const other = await generatePrivateKey("ecdsa-p256");
    const oaep = { padding: "oaep", hash: "sha1" } as const;
    const ciphertext = await opensslEncrypts(tokens.path, keyNamed("rsa"), SECRET, oaep);
    for (const [work, resource] of [
      [() => keyNamed("rsa").sign(DATA), "Worker"],
      [() => keyNamed("rsa").decrypt(ciphertext, oaep), "Worker"],
      [() => keyNamed("p256").deriveSecret(other.publicKey.keyObject), "WorkerDeriveKey"],
    ] as const) {
      const seen = new Set<string>();
      const hook = createHook({ init: (_id, type) => seen.add(type) }).enable();
      await work();
      hook.disable();
      expect(seen).toContain(resource);
    }
  });

  test("openssl agrees on what the public key is", async () => {
    const pem = keyNamed("p384").publicKey.keyObject.export({ format: "pem", type: "spki" }) as string;
    const text = await openssl(["pkey", "-pubin", "-noout", "-text"], Buffer.from(pem));
    expect(text.toString()).toContain("NIST CURVE: P-384");
  });
});
