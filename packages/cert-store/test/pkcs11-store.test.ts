import { publicEncrypt } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import {
  generatePrivateKey,
  openPkcs11Store,
  type Pkcs11Store,
  type Pkcs11StoreOptions,
  type PrivateKey,
} from "@waybill/cert-store";
import { describeWithPeers, peers } from "@waybill/testing";
import pkcs11js from "pkcs11js";
import { OpensslAuthority } from "./openssl-operations.js";
import { SoftTokens } from "./soft-token.js";

const DATA = Buffer.from("what is signed");

describeWithPeers("a PKCS #11 store", [peers.softhsmUtil, peers.pkcs11Tool, peers.openssl], () => {
  let tokens: SoftTokens;
  let authority: OpensslAuthority;

  beforeAll(async () => {
    tokens = await SoftTokens.make();
    authority = await OpensslAuthority.make(tokens.path);
    await tokens.addToken("one");
    await tokens.addToken("two", "4321");
    await tokens.addKey("one", "rsa:2048", "01", "signing");
    await tokens.addKey("one", "EC:prime256v1", "02", "agreeing");
    await tokens.addKey("one", "EC:edwards25519", "03", "login");
    await tokens.addKey("one", "EC:secp256k1", "04", "odd curve");
    await withStore({}, async (store) => {
      const der = await authority.certify(keyNamed(store, "signing"), "Signer");
      await tokens.addCertificate("one", der, "01", "signing certificate");
      // Another ID: only the public key says that they belong together.
      const agreeing = await authority.certify(keyNamed(store, "agreeing"), "Agreer");
      await tokens.addCertificate("one", agreeing, "77", "agreeing certificate");
      await tokens.addCertificate("one", authority.certificate, "78", "authority");
      // The same ID as a key that is not its own.
      const stranger = await generatePrivateKey("ecdsa-p256");
      await tokens.addCertificate("one", await authority.certify(stranger, "Stranger"), "03", "stranger");
    });
  });
  afterAll(() => tokens.remove());

  async function withStore<T>(
    options: Partial<Pkcs11StoreOptions>,
    work: (store: Pkcs11Store) => Promise<T>,
  ): Promise<T> {
    const store = await openPkcs11Store({
      module: tokens.module,
      tokenLabel: "one",
      pin: "1234",
      ...options,
    });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }
  const open = (options: Partial<Pkcs11StoreOptions>) => withStore(options, async () => {});

  test("shows certificates with their keys and chains, and keys without one", async () => {
    await withStore({}, async (store) => {
      expect(store).toMatchObject({ format: "pkcs11", tokenLabel: "one", fileName: tokens.module });
      const seen = store.entries.map((entry) => [
        entry.alias,
        entry.certificate?.subject.text,
        entry.chain.length,
        entry.privateKey?.type,
        entry.publicKey?.type,
        (entry.keyProblem as { code?: string } | undefined)?.code,
      ]);
      expect(seen.sort()).toEqual(
        [
          ["signing certificate", "CN=Signer", 2, "ssh-rsa", "ssh-rsa", undefined],
          ["agreeing certificate", "CN=Agreer", 2, "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", undefined],
          ["authority", "CN=Authority", 1, undefined, "ecdsa-sha2-nistp256", undefined],
          ["stranger", "CN=Stranger", 2, undefined, "ecdsa-sha2-nistp256", undefined],
          ["login", undefined, 0, "ssh-ed25519", "ssh-ed25519", undefined],
          ["odd curve", undefined, 0, undefined, undefined, "ERR_KEY_UNSUPPORTED"],
        ].sort(),
      );
      // The public half of the odd key.
      expect(store.problems).toMatchObject([{ code: "ERR_KEY_UNSUPPORTED" }]);
      expect(keyNamed(store, "login").comment).toBe("login");
    });
  });

  test("without a PIN it shows what is public, and says so", async () => {
    await withStore({ pin: undefined }, async (store) => {
      expect(store.entries.filter(({ privateKey }) => privateKey !== undefined)).toEqual([]);
      expect(store.entries.find(({ alias }) => alias === "signing certificate")?.certificate).toBeDefined();
      expect(store.entries.find(({ alias }) => alias === "login")?.publicKey?.type).toBe("ssh-ed25519");
      expect(store.problems.map((problem) => (problem as { code?: string }).code)).toContain(
        "ERR_PKCS11_PIN_REQUIRED",
      );
    });
  });

  test("a wrong PIN, an empty one, none from the function that was asked", async () => {
    for (const pin of ["9999", "1", "x".repeat(1000)]) {
      const failure = await open({ pin }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "ERR_PKCS11_PIN_WRONG", details: { token: 'token "one"' } });
      if (pin !== "1") expect(inspect(failure, { depth: 9 })).not.toContain(pin);
    }
    for (const pin of ["", () => "", async () => undefined as unknown as string])
      await expect(open({ pin })).rejects.toMatchObject({ code: "ERR_PKCS11_PIN_REQUIRED" });
    await expect(open({ pin: () => Promise.reject(new Error("cancelled")) })).rejects.toThrow("cancelled");
    await open({ pin: async () => "1234" });
  });

  test("a second store of a token that is in use: the same PIN, and the login lasts for both", async () => {
    await withStore({}, async (first) => {
      await expect(open({ pin: "9999" })).rejects.toMatchObject({ code: "ERR_PKCS11_PIN_WRONG" });
      await open({});
      await keyNamed(first, "signing").sign(DATA);
      await withStore({ pin: undefined }, async (second) => {
        expect(second.entries.filter(({ privateKey }) => privateKey !== undefined)).toEqual([]);
      });
      await keyNamed(first, "signing").sign(DATA);
    });
  });

  test("which token: by label, by slot, none, several", async () => {
    await expect(open({ tokenLabel: "three" })).rejects.toMatchObject({
      code: "ERR_PKCS11_TOKEN",
      message: expect.stringMatching(/no such token; there is .*"one" in slot \d+/),
    });
    await expect(open({ tokenLabel: undefined })).rejects.toMatchObject({
      code: "ERR_PKCS11_TOKEN",
      message: expect.stringContaining("2 tokens fit"),
    });
    const message = await open({ tokenLabel: undefined }).catch((error: Error) => error.message);
    const slot = Number(/"two" in slot (\d+)/.exec(message as string)?.[1]);
    await withStore({ tokenLabel: undefined, slot, pin: "4321" }, async (store) => {
      expect(store).toMatchObject({ tokenLabel: "two", entries: [] });
    });
    await expect(open({ slot })).rejects.toMatchObject({ code: "ERR_PKCS11_TOKEN" });
  });

  test("a module that is none: missing, no library, a library of another kind", async () => {
    const text = join(tokens.path, "module.so");
    await writeFile(text, "not a library");
    for (const module of [join(tokens.path, "missing.so"), text, "libnothing-of-the-kind.so", "libc.so.6"])
      await expect(open({ module })).rejects.toMatchObject({
        code: "ERR_PKCS11_MODULE",
        message: expect.stringContaining(module),
      });
    await rm(text);
  });

  test("options out of range", async () => {
    for (const maxSessions of [0, 1.5, 65])
      await expect(open({ maxSessions })).rejects.toMatchObject({ code: "ERR_KEY_OPTIONS" });
  });

  test("after it was closed its keys say so, and what was under way has ended well", async () => {
    const store = await openPkcs11Store({ module: tokens.module, tokenLabel: "one", pin: "1234" });
    const key = keyNamed(store, "signing");
    const underWay = key.sign(DATA);
    const waiting = [key.sign(DATA), key.sign(DATA), key.sign(DATA)];
    await Promise.all([store.close(), store.close()]);
    await expect(key.sign(DATA)).rejects.toMatchObject({ code: "ERR_PKCS11_CLOSED" });
    for (const result of await Promise.allSettled([underWay, ...waiting]))
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "ERR_PKCS11_CLOSED" });
  });

  test("many at once, through few sessions", async () => {
    await withStore({ maxSessions: 3 }, async (store) => {
      const keys = ["signing", "agreeing", "login"].map((name) => keyNamed(store, name));
      const signed = Array.from({ length: 60 }, async (_, index) => {
        const key = keys[index % 3] as PrivateKey;
        const data = Buffer.from(`data ${index}`);
        return key.publicKey.verify(data, await key.sign(data));
      });
      expect(new Set(await Promise.all(signed))).toEqual(new Set([true]));
    });
  });

  /** The module as the process has it: what happens to it happens to the store's sessions. */
  function elsewhere(): pkcs11js.PKCS11 {
    const module = new pkcs11js.PKCS11();
    module.load(tokens.module);
    return module;
  }
  const closeAllSessions = () => {
    const module = elsewhere();
    for (const slot of module.C_GetSlotList(true)) module.C_CloseAllSessions(slot);
  };

  test("lost sessions are made anew, with a new login", async () => {
    const pin = jest.fn(async () => "1234");
    await withStore({ pin }, async (store) => {
      const key = keyNamed(store, "signing");
      await key.sign(DATA);
      closeAllSessions();
      const results = await Promise.all([1, 2, 3, 4].map(() => key.sign(DATA)));
      for (const signature of results) expect(key.publicKey.verify(DATA, signature)).toBe(true);
      expect(pin).toHaveBeenCalledTimes(2);
      expect(keyNamed(store, "login").publicKey.verify(DATA, await keyNamed(store, "login").sign(DATA))).toBe(
        true,
      );
    });
  });

  test("after a login with a PIN that has become wrong nothing is tried again", async () => {
    const pins = ["1234", "9999"];
    const pin = jest.fn(async () => pins.shift() ?? "1234");
    await withStore({ pin }, async (store) => {
      closeAllSessions();
      for (let index = 0; index < 3; index += 1)
        await expect(keyNamed(store, "signing").sign(DATA)).rejects.toMatchObject({
          code: "ERR_PKCS11_PIN_WRONG",
        });
      expect(pin).toHaveBeenCalledTimes(2);
    });
  });

  test("a module that ended under it: ERR_PKCS11_SESSION_LOST, and a new store works", async () => {
    await withStore({}, async (store) => {
      elsewhere().C_Finalize();
      await expect(keyNamed(store, "signing").sign(DATA)).rejects.toMatchObject({
        code: "ERR_PKCS11_SESSION_LOST",
      });
    });
    await withStore({}, (store) => keyNamed(store, "signing").sign(DATA));
  });

  test("a module that something else in this process uses: without threads, and it stays as it is", async () => {
    const other = elsewhere();
    other.C_Initialize();
    try {
      await withStore({}, async (store) => {
        for (const name of ["signing", "agreeing", "login"]) {
          const key = keyNamed(store, name);
          expect(key.publicKey.verify(DATA, await key.sign(DATA))).toBe(true);
        }
        const partner = await generatePrivateKey("ecdsa-p256");
        const shared = await partner.deriveSecret(keyNamed(store, "agreeing").publicKey.keyObject);
        expect(await keyNamed(store, "agreeing").deriveSecret(partner.publicKey.keyObject)).toEqual(shared);
        const secret = Buffer.from("secret");
        const ciphertext = publicEncrypt(keyNamed(store, "signing").publicKey.keyObject, secret);
        const decrypted = await keyNamed(store, "signing").decrypt(ciphertext, {
          padding: "oaep",
          hash: "sha1",
        });
        expect(Buffer.from(decrypted)).toEqual(secret);
      });
      expect(other.C_GetSlotList(true).length).toBeGreaterThan(1);
    } finally {
      other.C_Finalize();
    }
  });

  test("a key that is not in the token any more: ERR_PKCS11_TOKEN_REMOVED", async () => {
    await tokens.addKey("one", "EC:prime256v1", "55", "short-lived");
    await withStore({}, async (store) => {
      const key = keyNamed(store, "short-lived");
      await tokens.deleteObject("one", "privkey", "55");
      await tokens.deleteObject("one", "pubkey", "55");
      closeAllSessions();
      await expect(key.sign(DATA)).rejects.toMatchObject({ code: "ERR_PKCS11_TOKEN_REMOVED" });
      await keyNamed(store, "signing").sign(DATA);
    });
  });
});

function keyNamed(store: Pkcs11Store, name: string): PrivateKey {
  const key = store.entries.find(
    ({ alias, privateKey }) => alias?.startsWith(name) && privateKey,
  )?.privateKey;
  if (key === undefined) throw new Error(`the token shows no private key "${name}"`);
  return key;
}
