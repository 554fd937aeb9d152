import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type OpenStoreOptions, openStore } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { asIndefinite, asNested, macContent, withPbmac1 } from "./pkcs12-writer.js";
import {
  entryOf,
  expectLeaf,
  KEY_PASSWORD,
  LEAVES,
  type LeafName,
  makePkcs12,
  makePki,
  openssl,
  PASSWORD,
  type TestPki,
} from "./store-fixtures.js";

describeWithPeers("PKCS#12 that openssl makes", [peers.openssl], () => {
  let folder: TemporaryFolder;
  let pki: TestPki;
  beforeAll(async () => {
    folder = await temporaryFolder();
    pki = await makePki(folder.path);
  });
  afterAll(() => folder.remove());

  let count = 0;
  const make = (args: readonly string[], leaf: LeafName = "p256", password = PASSWORD) => {
    count += 1;
    return makePkcs12(pki, leaf, `${count}.p12`, [...args, "-passout", `pass:${password}`]);
  };

  async function expectWhole(
    input: string | Uint8Array,
    leaf: LeafName = "p256",
    options: OpenStoreOptions = { password: PASSWORD },
  ) {
    const place = typeof input === "string" ? { path: input } : { data: input };
    const store = await openStore(place, options);
    expect(store.format).toBe("pkcs12");
    expect(store.problems).toEqual([]);
    expect(store.entries.map((entry) => entry.certificate?.subject.text)).toEqual([
      `O=Leaf,CN=${leaf}`,
      "CN=Test Middle",
      "CN=Test Root",
    ]);
    await expectLeaf(entryOf(store, `Größe ${leaf}`), leaf, pki);
  }

  test.each(LEAVES.map(({ name }) => name))("today's default: %s", async (leaf) => {
    await expectWhole(await make([], leaf), leaf);
  });

  test.each([
    [
      "AES-128, AES-192, PBKDF2 with SHA-1",
      ["-certpbe", "AES-128-CBC", "-keypbe", "AES-192-CBC", "-macalg", "sha1"],
    ],
    ["SHA-224", ["-macalg", "sha224"]],
    ["SHA-384", ["-macalg", "sha384"]],
    ["SHA-512", ["-macalg", "sha512"]],
    ["openssl's former default, RC2-40 and 3DES", ["-legacy"]],
    ["3DES and 2DES", ["-legacy", "-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-2DES"]],
    ["RC2-128 and RC2-40", ["-legacy", "-certpbe", "PBE-SHA1-RC2-128", "-keypbe", "PBE-SHA1-RC2-40"]],
    ["PBES2 with 3DES", ["-certpbe", "DES-EDE3-CBC", "-keypbe", "DES-EDE3-CBC"]],
    ["one iteration", ["-noiter", "-nomaciter"]],
    ["many iterations", ["-iter", "100000"]],
    ["no MAC", ["-nomac"]],
    ["no MAC, everything encrypted", ["-nomac", "-certpbe", "AES-256-CBC"]],
    ["certificates in the clear", ["-certpbe", "NONE"]],
    ["nothing encrypted", ["-certpbe", "NONE", "-keypbe", "NONE"]],
  ])("%s", async (_, args) => {
    await expectWhole(await make(args));
  });

  test("a password as OpenSSL took it before version 1.1", async () => {
    const bytes = Buffer.from(PASSWORD, "utf8").toString("latin1");
    const path = await make(["-legacy"], "rsa", bytes);
    await expectWhole(path, "rsa");
    await expect(openStore({ path }, { password: "größer" })).rejects.toMatchObject({
      code: "ERR_STORE_PASSWORD_WRONG",
    });
  });

  test.each([undefined, ""])("no password, opened with %p", async (password) => {
    await expectWhole(await make([], "rsa", ""), "rsa", { password });
    await expectWhole(await make(["-legacy"], "rsa", ""), "rsa", { password });
    await expectWhole(await make(["-nomac", "-certpbe", "NONE", "-keypbe", "NONE"]), "p256", { password });
  });

  test.each([[[]], [["-legacy"]], [["-nomac"]], [["-nomac", "-certpbe", "AES-256-CBC"]]])(
    "a password that is missing or wrong: %j",
    async (args) => {
      const path = await make(args);
      const message = expect.stringContaining(path);
      await expect(openStore({ path })).rejects.toMatchObject({
        code: "ERR_STORE_PASSWORD_REQUIRED",
        message,
      });
      for (const password of ["wrong", ""]) {
        await expect(openStore({ path }, { password })).rejects.toMatchObject({
          code: "ERR_STORE_PASSWORD_WRONG",
          message,
        });
      }
    },
  );

  test("a file that was changed is told from a wrong password", async () => {
    const bytes = await pki.read((await make([])).slice(folder.path.length + 1));
    const changed = Buffer.from(bytes);
    const at = changed.indexOf(macContent(bytes)) + macContent(bytes).length - 1;
    changed[at] = (changed[at] ?? 0) ^ 1;
    await expect(
      openStore({ data: changed, fileName: "partner.p12" }, { password: PASSWORD }),
    ).rejects.toMatchObject({
      code: "ERR_STORE_DAMAGED",
      message: "partner.p12: the password is right, but the file was changed or damaged after it was written",
    });
    await expect(openStore({ data: changed }, { password: "wrong" })).rejects.toMatchObject({
      code: "ERR_STORE_PASSWORD_WRONG",
    });
    await expect(openStore({ data: bytes.subarray(0, 500) }, { password: PASSWORD })).rejects.toMatchObject({
      code: "ERR_STORE_DAMAGED",
    });
  });

  test("a key whose kind is not supported stays as an entry, with its certificate", async () => {
    const files = ["-keyout", pki.path("k1.key"), "-out", pki.path("k1.pem")];
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1", "-nodes"];
    await openssl("req", "-x509", ...kind, "-subj", "/CN=k1", ...files);
    const into = ["-inkey", pki.path("k1.key"), "-in", pki.path("k1.pem"), "-out", pki.path("k1.p12")];
    await openssl("pkcs12", "-export", ...into, "-passout", `pass:${PASSWORD}`);
    const { entries } = await openStore({ path: pki.path("k1.p12") }, { password: PASSWORD });
    expect(entries).toHaveLength(1);
    expect(entries[0]?.certificate?.subject.text).toBe("CN=k1");
    expect(entries[0]?.privateKey).toBeUndefined();
    expect(entries[0]?.keyProblem).toMatchObject({
      code: "ERR_STORE_UNSUPPORTED",
      message: expect.stringMatching(/k1\.p12: the curve 1\.3\.132\.0\.10 is not supported/),
    });
  });

  test("contents with another password than the MAC", async () => {
    const path = pki.path("two.p12");
    const files = [
      "-inkey",
      pki.path("p256.key"),
      "-in",
      pki.path("p256.pem"),
      "-certfile",
      pki.path("chain.pem"),
    ];
    // openssl asks at the terminal when there are two passwords, so the MAC is this test's.
    const protect = ["-nomac", "-certpbe", "AES-256-CBC", "-passout", `pass:${KEY_PASSWORD}`];
    await openssl("pkcs12", "-export", ...files, ...protect, "-out", path);
    const bytes = withPbmac1(await pki.read("two.p12"), PASSWORD, "sha256");
    await expect(openStore({ data: bytes }, { password: PASSWORD })).rejects.toMatchObject({
      code: "ERR_STORE_PASSWORD_WRONG",
      message: expect.stringContaining("give that as keyPassword"),
    });
    const { entries } = await openStore({ data: bytes }, { password: PASSWORD, keyPassword: KEY_PASSWORD });
    expect(entries[0]?.privateKey?.type).toBe("ecdsa-sha2-nistp256");
  });

  test.each(["sha1", "sha256", "sha512"] as const)("PBMAC1 with %s", async (hash) => {
    const file = await pki.read((await make(["-nomac"])).slice(folder.path.length + 1));
    const bytes = withPbmac1(file, PASSWORD, hash);
    await expectWhole(bytes);
    await expect(openStore({ data: bytes }, { password: "wrong" })).rejects.toMatchObject({
      code: "ERR_STORE_PASSWORD_WRONG",
    });
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    await expect(openStore({ data: bytes }, { password: PASSWORD })).rejects.toMatchObject({
      code: "ERR_STORE_DAMAGED",
    });
  });

  test("indefinite lengths and strings in pieces", async () => {
    await expectWhole(asIndefinite(await pki.read((await make([])).slice(folder.path.length + 1))));
  });

  test("bags in bags, but not without end", async () => {
    const clear = await make(["-nomac", "-certpbe", "NONE", "-keypbe", "NONE"]);
    const file = await pki.read(clear.slice(folder.path.length + 1));
    await expectWhole(asNested(file, 3));
    await expect(openStore({ data: asNested(file, 9) })).rejects.toMatchObject({
      code: "ERR_STORE_UNSUPPORTED",
    });
  });
});
