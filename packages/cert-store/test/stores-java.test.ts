import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { openStore } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import {
  entryOf,
  expectLeaf,
  JAVA_PASSWORD,
  KEY_PASSWORD,
  LEAVES,
  makePki,
  type TestPki,
} from "./store-fixtures.js";
import { makeJavaStores } from "./store-java-fixtures.js";

describeWithPeers("stores that keytool makes", [peers.openssl, peers.keytool, peers.bouncyCastle], () => {
  let folder: TemporaryFolder;
  let pki: TestPki;
  beforeAll(async () => {
    folder = await temporaryFolder();
    pki = await makePki(folder.path);
    await makeJavaStores(pki);
  }, 120_000);
  afterAll(() => folder.remove());

  const formats = ["pkcs12", "jks", "jceks", "bcfks"] as const;

  test.each(formats)("%s: every key with its certificates", async (format) => {
    const store = await openStore({ path: pki.path(`store.${format}`) }, { password: JAVA_PASSWORD });
    expect(store.format).toBe(format);
    for (const { name } of LEAVES) await expectLeaf(entryOf(store, name), name, pki);
    if (format === "jks" || format === "bcfks") {
      const anchor = entryOf(store, "anchor");
      expect(anchor.certificate?.subject.text).toBe("CN=Test Root");
      expect([anchor.privateKey, anchor.keyProblem]).toEqual([undefined, undefined]);
    }
    expect(store.problems.map((problem) => problem.message)).toEqual(
      format === "jceks" ? [expect.stringMatching(/store\.jceks: the entry "a-secret" is a secret key/)] : [],
    );
  });

  test.each(formats)("%s: the password is missing or wrong, or the store was changed", async (format) => {
    const path = pki.path(`store.${format}`);
    const code = (password: string | undefined) => openStore({ path }, { password });
    const message = expect.stringContaining(path);
    await expect(code(undefined)).rejects.toMatchObject({ code: "ERR_STORE_PASSWORD_REQUIRED", message });
    await expect(code("wrong")).rejects.toMatchObject({ code: "ERR_STORE_PASSWORD_WRONG", message });
    const bytes = await readFile(path);
    const last = bytes.length - 1;
    // The last byte is in the digest, or in keytool's PKCS#12 in the iterations of the MAC.
    const at = format === "pkcs12" ? bytes.lastIndexOf(Buffer.from([0x04, 0x14])) - 1 : last;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const changed = await pki.write(`changed.${format}`, bytes);
    await expect(openStore({ path: changed }, { password: JAVA_PASSWORD })).rejects.toMatchObject({
      code: "ERR_STORE_DAMAGED",
      message: expect.stringMatching(/changed\.\w+: the password is right, but/),
    });
    await writeFile(changed, (await readFile(path)).subarray(0, -40));
    await expect(openStore({ path: changed }, { password: JAVA_PASSWORD })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_STORE_(DAMAGED|PASSWORD_WRONG)$/),
    });
  });

  test("a key with a password of its own", async () => {
    const path = pki.path("own-password.jks");
    const closed = entryOf(await openStore({ path }, { password: JAVA_PASSWORD }), "rsa");
    expect(closed.certificate?.subject.text).toBe("O=Leaf,CN=rsa");
    expect(closed.privateKey).toBeUndefined();
    expect(closed.keyProblem).toMatchObject({
      code: "ERR_STORE_PASSWORD_WRONG",
      message: expect.stringContaining('the private key "rsa" has another password than the store'),
    });
    const keyPassword = (alias: string | undefined) => (alias === "rsa" ? KEY_PASSWORD : undefined);
    const opened = await openStore({ path }, { password: JAVA_PASSWORD, keyPassword });
    for (const { name } of LEAVES) await expectLeaf(entryOf(opened, name), name, pki);
  });
});
