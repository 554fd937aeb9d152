import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { openStore } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import {
  type BcfksChoices,
  bcfksContent,
  type KeyAndChain,
  writeBcfks,
  writeJceks,
  writeJks,
  writeJksOfCertificate,
} from "./java-store-writer.js";
import { expectKey, JAVA_PASSWORD, keyAndChain, makePki, type TestPki } from "./store-fixtures.js";

describeWithPeers("Java stores that keytool does not write", [peers.openssl], () => {
  let folder: TemporaryFolder;
  let pki: TestPki;
  let key: KeyAndChain;
  beforeAll(async () => {
    folder = await temporaryFolder();
    pki = await makePki(folder.path);
    key = await keyAndChain(pki);
  });
  afterAll(() => folder.remove());

  const kinds: BcfksChoices[] = (["pbkdf2", "scrypt"] as const).flatMap((kdf) =>
    (["ccm", "wrap", "none"] as const).flatMap((cipher) =>
      (["sha512", "sha3-512"] as const).map((hash) => ({ kdf, cipher, hash, iterations: 100 })),
    ),
  );
  test.each(kinds)("BCFKS with $kdf, $cipher and $hash", async (choices) => {
    const data = writeBcfks(bcfksContent(key, JAVA_PASSWORD, choices), JAVA_PASSWORD, choices);
    const store = await openStore({ data }, { password: JAVA_PASSWORD });
    expect(store.entries.map((entry) => [entry.alias, entry.chain.length])).toEqual([
      ["ours", 3],
      ["anchor", 1],
    ]);
    await expectKey(store.entries[0]?.privateKey, "p256");
    await expect(openStore({ data }, { password: "wrong" })).rejects.toMatchObject({
      code: "ERR_STORE_PASSWORD_WRONG",
    });
  });

  test.each(["0102030405060708", "0102030401020304"])("JCEKS with the salt %s", async (salt) => {
    const data = writeJceks(key, JAVA_PASSWORD, Buffer.from(salt, "hex"), 20);
    const { entries } = await openStore({ data }, { password: JAVA_PASSWORD });
    await expectKey(entries[0]?.privateKey, "p256");
  });

  test("JKS and a JCEKS with a secret key before the private one", async () => {
    const jceks = writeJceks(key, JAVA_PASSWORD, Buffer.from("01020304050607ff", "hex"), 20, true);
    for (const [data, problems] of [
      [writeJks(key, JAVA_PASSWORD), 0],
      [jceks, 1],
    ] as const) {
      const store = await openStore({ data }, { password: JAVA_PASSWORD });
      expect(store.entries.map((entry) => [entry.alias, entry.chain.length])).toEqual([["ours", 3]]);
      expect(store.problems).toHaveLength(problems);
      await expectKey(store.entries[0]?.privateKey, "p256");
    }
  });

  test("Java stores and others as base64, for settings that are text", async () => {
    const choices = { kdf: "pbkdf2", cipher: "ccm", hash: "sha512", iterations: 100 } as const;
    const stores = {
      jks: writeJks(key, JAVA_PASSWORD),
      jceks: writeJceks(key, JAVA_PASSWORD, Buffer.from("01020304050607ff", "hex"), 20),
      bcfks: writeBcfks(bcfksContent(key, JAVA_PASSWORD, choices), JAVA_PASSWORD, choices),
    };
    for (const [format, bytes] of Object.entries(stores)) {
      const data = bytes.toString("base64").replace(/.{64}/g, "$&\n");
      const store = await openStore({ data }, { password: JAVA_PASSWORD });
      expect(store.format).toBe(format);
      await expectKey(store.entries[0]?.privateKey, "p256");
    }
  });

  test("long derivations leave the event loop free", async () => {
    let turns = 0;
    let isDone = false;
    const count = () => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    // The writer calculates fewer iterations than it says, so the password cannot fit.
    const data = writeJceks(key, JAVA_PASSWORD, Buffer.from("01020304050607ff", "hex"), 100_000);
    await expect(openStore({ data }, { password: "wrong" })).rejects.toMatchObject({
      code: "ERR_STORE_PASSWORD_WRONG",
    });
    isDone = true;
    expect(turns).toBeGreaterThan(20);
  });

  test("the certificate beside a key is another's", async () => {
    const stranger = { pkcs8: key.pkcs8, chain: key.chain.slice(1) };
    const { entries } = await openStore(
      { data: writeJks(stranger, JAVA_PASSWORD) },
      { password: JAVA_PASSWORD },
    );
    expect(entries[0]?.privateKey).toBeUndefined();
    expect(entries[0]?.keyProblem?.message).toContain("does not belong to the certificate beside it");
  });

  test("a JKS of certificates is read without its password, but not with a wrong one", async () => {
    const data = writeJksOfCertificate(key.chain[2]!, JAVA_PASSWORD);
    for (const password of [undefined, JAVA_PASSWORD]) {
      const { entries } = await openStore({ data }, { password });
      expect(entries.map((item) => item.certificate?.subject.text)).toEqual(["CN=Test Root"]);
    }
    await expect(openStore({ data }, { password: "wrong" })).rejects.toMatchObject({
      code: "ERR_STORE_PASSWORD_WRONG",
    });
  });
});
