import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { openStore } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import {
  entryOf,
  expectKey,
  expectLeaf,
  KEY_PASSWORD,
  LEAVES,
  makePkcs12,
  makePki,
  openssl,
  PASSWORD,
  type TestPki,
} from "./store-fixtures.js";

describeWithPeers("PEM, DER and PKCS#7 that openssl makes", [peers.openssl], () => {
  let folder: TemporaryFolder;
  let pki: TestPki;
  /** The leaf's certificate, chain and key as text. */
  const files: Record<"leaf" | "chain" | "key", string> = { leaf: "", chain: "", key: "" };
  beforeAll(async () => {
    folder = await temporaryFolder();
    pki = await makePki(folder.path);
    const text = async (name: string) => (await pki.read(name)).toString();
    files.leaf = await text("p256.pem");
    files.chain = await text("chain.pem");
    files.key = await text("p256.key");
  });
  afterAll(() => folder.remove());

  const open = (data: string | Uint8Array, password?: string) =>
    openStore({ data, fileName: "partner.pem" }, { password });
  const only = async (data: string | Uint8Array, password?: string) => {
    const { entries } = await open(data, password);
    expect(entries).toHaveLength(1);
    return entries[0]!;
  };

  describe("bundles", () => {
    test("in any order, with text between", async () => {
      const { leaf, chain, key } = files;
      for (const parts of [
        [key, leaf, chain],
        [chain, leaf, key],
        [leaf, key, chain],
        [chain, key, leaf],
      ]) {
        const store = await open(`Our certificate:\r\n\r\n${parts.join("and\nnow: this\n\n")}\nRegards\n`);
        expect(store).toMatchObject({ format: "pem", fileName: "partner.pem", problems: [] });
        expect(store.entries).toHaveLength(3);
        const withKey = store.entries.filter((entry) => entry.privateKey !== undefined);
        expect(withKey).toHaveLength(1);
        await expectLeaf(withKey[0]!, "p256", pki);
      }
    });

    test("CRLF, UTF-16, a byte order mark", async () => {
      const text = `${files.key}${files.leaf}${files.chain}`.replaceAll("\n", "\r\n");
      const utf16 = Buffer.from(`\uFEFF${text}`, "utf16le");
      for (const data of [text, `\uFEFF${text}`, utf16, Buffer.from(utf16).swap16()]) {
        const { entries } = await open(data);
        await expectLeaf(entries[0]!, "p256", pki);
      }
    });

    test("several keys find their certificates", async () => {
      const names = LEAVES.map(({ name }) => name);
      const parts = [
        ...names.map((name) => `${name}.key`),
        "chain.pem",
        ...names.map((name) => `${name}.pem`).reverse(),
      ];
      const texts = await Promise.all(parts.map(async (name) => (await pki.read(name)).toString()));
      const { entries } = await open(texts.join(""));
      expect(entries).toHaveLength(7);
      for (const name of names) {
        await expectLeaf(
          entries.find((entry) => entry.certificate?.subject.text === `O=Leaf,CN=${name}`)!,
          name,
          pki,
        );
      }
    });

    test("a key of somebody else stays alone", async () => {
      const { entries } = await open(`${files.leaf}${(await pki.read("rsa.key")).toString()}`);
      expect(entries.map((entry) => [entry.certificate?.subject.text, entry.privateKey?.type])).toEqual([
        ["O=Leaf,CN=p256", undefined],
        [undefined, "ssh-rsa"],
      ]);
    });

    test("what openssl pkcs12 prints, with its names", async () => {
      const path = await makePkcs12(pki, "p384", "named.p12", [
        "-passout",
        `pass:${PASSWORD}`,
        "-name",
        "our-key",
      ]);
      const text = await openssl("pkcs12", "-in", path, "-nodes", "-passin", `pass:${PASSWORD}`);
      const { entries } = await open(text);
      await expectLeaf(
        entryOf({ format: "pem", fileName: undefined, problems: [], entries }, "our-key"),
        "p384",
        pki,
      );
    });

    test("certificates with openssl's notes on trust, repeated ones once", async () => {
      const trusted = await openssl(
        "x509",
        "-in",
        pki.path("root.pem"),
        "-addtrust",
        "serverAuth",
        "-trustout",
      );
      const { entries } = await open(`${trusted}${(await pki.read("root.pem")).toString()}`);
      expect(entries.map((entry) => entry.certificate?.subject.text)).toEqual(["CN=Test Root"]);
    });
  });

  describe("encrypted keys", () => {
    const pass = ["-passout", `pass:${PASSWORD}`];
    test.each([
      ["AES-256", ["-v2", "aes-256-cbc"]],
      ["AES-128 with SHA-1", ["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"]],
      ["AES-192 with SHA-512", ["-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA512"]],
      ["scrypt", ["-scrypt"]],
      ["PBES2 with RC2", ["-v2", "rc2", "-provider", "legacy", "-provider", "default"]],
      ["PKCS#12's 3DES", ["-v1", "PBE-SHA1-3DES"]],
      ["PKCS#12's RC2-40", ["-v1", "PBE-SHA1-RC2-40", "-provider", "legacy", "-provider", "default"]],
      [
        "DES with MD5, openssl's default in the last century",
        ["-v1", "PBE-MD5-DES", "-provider", "legacy", "-provider", "default"],
      ],
    ])("PKCS#8 with %s", async (_, args) => {
      for (const form of ["PEM", "DER"]) {
        const out = pki.path(`encrypted-${form}`);
        await openssl(
          "pkcs8",
          "-topk8",
          "-in",
          pki.path("p521.key"),
          ...args,
          ...pass,
          "-outform",
          form,
          "-out",
          out,
        );
        const store = await openStore({ path: out }, { password: PASSWORD });
        expect(store.format).toBe(form.toLowerCase());
        await expectKey(store.entries[0]?.privateKey, "p521");
        const message = expect.stringContaining(out);
        await expect(openStore({ path: out })).rejects.toMatchObject({
          code: "ERR_STORE_PASSWORD_REQUIRED",
          message,
        });
        await expect(openStore({ path: out }, { password: "wrong" })).rejects.toMatchObject({
          code: "ERR_STORE_PASSWORD_WRONG",
          message,
        });
      }
    });

    test.each([
      ["rsa", ["rsa", "-traditional", "-aes128"]],
      ["rsa", ["rsa", "-traditional", "-des3"]],
      ["p256", ["ec", "-aes256"]],
    ] as const)("traditional %s %j", async (leaf, [program, ...args]) => {
      const text = await openssl(program, "-in", pki.path(`${leaf}.key`), ...args, ...pass);
      expect(text).toContain("Proc-Type");
      await expectKey((await only(text, PASSWORD)).privateKey, leaf);
      await expect(open(text)).rejects.toMatchObject({ code: "ERR_STORE_PASSWORD_REQUIRED" });
      await expect(open(text, "wrong")).rejects.toMatchObject({ code: "ERR_STORE_PASSWORD_WRONG" });
    });

    test("two keys, one of them with another password", async () => {
      const encrypted = (name: string, password: string) =>
        openssl("pkcs8", "-topk8", "-in", pki.path(`${name}.key`), "-passout", `pass:${password}`);
      const text = `${await encrypted("p256", PASSWORD)}${await encrypted("rsa", KEY_PASSWORD)}`;
      const { entries } = await open(text, PASSWORD);
      expect(entries.map((entry) => entry.privateKey?.type)).toEqual(["ecdsa-sha2-nistp256", undefined]);
      expect(entries[1]?.keyProblem).toMatchObject({ code: "ERR_STORE_PASSWORD_WRONG" });
      await expect(open(text, "wrong")).rejects.toMatchObject({ code: "ERR_STORE_PASSWORD_WRONG" });
    });
  });

  describe("single things", () => {
    test.each(LEAVES.map(({ name }) => name))("DER: %s", async (leaf) => {
      const key = pki.path(`${leaf}.key`);
      for (const [name, args] of [
        ["certificate", ["x509", "-in", pki.path(`${leaf}.pem`)]],
        ["private", ["pkey", "-in", key]],
        ["public", ["pkey", "-in", key, "-pubout"]],
      ] as const) {
        const out = pki.path(`${leaf}-${name}`);
        await openssl(...args, "-outform", "DER", "-out", out);
        const store = await openStore({ path: out });
        const bare = await open(
          `  ${(await readFile(out)).toString("base64").replace(/.{76}/g, "$&\r\n")}\r\n`,
        );
        for (const { format, entries } of [store, bare]) {
          expect(format).toBe("der");
          expect(entries).toHaveLength(1);
          if (name === "private") await expectKey(entries[0]?.privateKey, leaf);
          else
            expect(entries[0]?.publicKey?.type).toBe(
              LEAVES.find((candidate) => candidate.name === leaf)?.type,
            );
          expect(entries[0]?.certificate?.subject.text).toBe(
            name === "certificate" ? `O=Leaf,CN=${leaf}` : undefined,
          );
        }
      }
    });

    test("older forms of keys", async () => {
      const rsa = await openssl("rsa", "-in", pki.path("rsa.key"), "-traditional");
      await expectKey((await only(rsa)).privateKey, "rsa");
      const ec = await openssl("ec", "-in", pki.path("p384.key"), "-param_enc", "named_curve");
      await expectKey(
        (await only(`-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${ec}`))
          .privateKey,
        "p384",
      );
      const rsaPublic = await openssl("rsa", "-in", pki.path("rsa.key"), "-RSAPublicKey_out");
      expect((await only(rsaPublic)).publicKey?.type).toBe("ssh-rsa");
    });

    test("a kind of key that is not supported stays as an entry", async () => {
      const { keyProblem, privateKey } = await only(await openssl("genpkey", "-algorithm", "ED448"));
      expect(privateKey).toBeUndefined();
      expect(keyProblem).toMatchObject({
        code: "ERR_STORE_UNSUPPORTED",
        message: expect.stringContaining("Ed448"),
      });
    });

    test("a request says what is missing", async () => {
      const pem = (await pki.read("p256.csr")).toString();
      const der = Buffer.from(pem.replace(/-----[A-Z ]+-----/g, ""), "base64");
      for (const data of [pem, der]) {
        await expect(open(data)).rejects.toMatchObject({
          code: "ERR_STORE_UNSUPPORTED",
          message:
            "partner.pem: it is a certificate request: the certificate that was issued for it is needed",
        });
      }
    });
  });

  describe("PKCS#7", () => {
    const names = ["O=Leaf,CN=p256", "CN=Test Middle", "CN=Test Root"];
    test.each(["PEM", "DER"])("certificates only, %s", async (form) => {
      const out = pki.path(`chain-${form}.p7b`);
      const certificates = ["-certfile", pki.path("p256.pem"), "-certfile", pki.path("chain.pem")];
      await openssl("crl2pkcs7", "-nocrl", ...certificates, "-outform", form, "-out", out);
      const store = await openStore({ path: out });
      expect(store.format).toBe("pkcs7");
      expect(store.entries.map((entry) => entry.certificate?.subject.text)).toEqual(names);
      expect(store.entries[0]?.chain.map((link) => link.subject.text)).toEqual(names);
    });

    test("BER of indefinite length, with contents and a signature", async () => {
      const out = pki.path("signed.p7m");
      const signer = [
        "-signer",
        pki.path("p256.pem"),
        "-inkey",
        pki.path("p256.key"),
        "-certfile",
        pki.path("chain.pem"),
      ];
      await openssl(
        "cms",
        "-sign",
        "-stream",
        "-nodetach",
        "-in",
        pki.path("chain.pem"),
        ...signer,
        "-outform",
        "DER",
        "-out",
        out,
      );
      expect((await readFile(out))[1]).toBe(0x80);
      const { entries } = await openStore({ path: out });
      expect(entries.map((entry) => entry.certificate?.subject.text).sort()).toEqual([...names].sort());
    });

    test("without certificates", async () => {
      const empty = await openssl(
        "cms",
        "-sign",
        "-nocerts",
        "-in",
        pki.path("chain.pem"),
        "-signer",
        pki.path("p256.pem"),
        "-inkey",
        pki.path("p256.key"),
        "-outform",
        "PEM",
      );
      await expect(open(empty)).rejects.toMatchObject({ code: "ERR_STORE_UNSUPPORTED" });
    });
  });

  describe("damage", () => {
    test.each([
      ["a block without its end", () => files.leaf.slice(0, 300)],
      ["base64 with a foreign character", () => files.leaf.replace(/MII./, "MI!!")],
      ["a certificate that ends too early", () => files.leaf.replace(/\n.{64}\n/, "\n")],
      ["a key that ends too early", () => files.key.replace(/\n.{64}\n/, "\n")],
      ["an empty file", () => ""],
    ])("%s", async (_, data) => {
      await expect(open(data())).rejects.toMatchObject({
        code: "ERR_STORE_DAMAGED",
        message: expect.stringMatching(/^partner\.pem: /),
      });
    });

    test("another format than the one named", async () => {
      await expect(openStore({ data: files.leaf }, { format: "jks" })).rejects.toMatchObject({
        code: "ERR_STORE_UNSUPPORTED",
        message: "store: it is pem, not jks: leave the format out, or name the right one",
      });
      await expect(open("hello")).rejects.toMatchObject({ code: "ERR_STORE_UNSUPPORTED" });
    });
  });
});
