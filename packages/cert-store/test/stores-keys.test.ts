import { createPrivateKey, createPublicKey, type JsonWebKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { openStore } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import {
  COMMENT,
  encryptedCopy,
  KINDS,
  makeKey,
  PASSPHRASE,
  passphraseFile,
  publicBase64,
  runPeer,
} from "./key-fixtures.js";
import { entryOf, expectKey, expectLeaf, LEAVES, makePki, type TestPki } from "./store-fixtures.js";

describeWithPeers("SSH keys as stores", [peers.sshKeygen, peers.puttygen], () => {
  let folder: TemporaryFolder;
  let secret: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    secret = await passphraseFile(folder.path);
  });
  afterAll(() => folder.remove());

  async function expectProtected(path: string, format: string, blob: string) {
    const store = await openStore({ path }, { password: PASSPHRASE });
    expect(store.format).toBe(format);
    expect(store.entries.map((entry) => entry.privateKey?.publicKey.blob.toString("base64"))).toEqual([blob]);
    const message = expect.stringContaining(path);
    await expect(openStore({ path })).rejects.toMatchObject({ code: "ERR_STORE_PASSWORD_REQUIRED", message });
    await expect(openStore({ path }, { password: "wrong" })).rejects.toMatchObject({
      code: "ERR_STORE_PASSWORD_WRONG",
      message,
    });
  }

  test.each(KINDS.map((kind) => [kind.name, kind] as const))("%s", async (_, kind) => {
    const path = await makeKey(folder.path, kind);
    const blob = await publicBase64(path);
    const plain = await openStore({ path });
    expect(plain.format).toBe("openssh");
    expect(
      plain.entries.map((entry) => [entry.alias, entry.privateKey?.publicKey.blob.toString("base64")]),
    ).toEqual([[COMMENT, blob]]);
    await expectProtected(await encryptedCopy(path, "locked"), "openssh", blob);
    for (const version of ["version=2", "version=3,memory=64,passes=1"]) {
      const ppk = `${path}.ppk`;
      const protect = ["-P", "--new-passphrase", secret];
      await runPeer("puttygen", [path, "-O", "private", "--ppk-param", version, ...protect, "-o", ppk]);
      await expectProtected(ppk, "ppk", blob);
    }
    for (const [format, data] of [
      ["openssh", await readFile(`${path}.pub`, "utf8")],
      ["rfc4716", await runPeer("sshKeygen", ["-e", "-f", `${path}.pub`])],
    ] as const) {
      const store = await openStore({ data });
      expect(store.format).toBe(format);
      expect(store.entries.map((entry) => entry.publicKey?.blob.toString("base64"))).toEqual([blob]);
      expect(store.entries[0]?.privateKey).toBeUndefined();
    }
  });

  test("several public keys in one file", async () => {
    const lines = await Promise.all(
      KINDS.slice(0, 2).map(({ name }) => readFile(`${folder.path}/${name}.pub`, "utf8")),
    );
    const { entries } = await openStore({ data: `# partners\n\n${lines.join("\n")}` });
    expect(entries.map((entry) => entry.publicKey?.type)).toEqual(KINDS.slice(0, 2).map((kind) => kind.type));
  });
});

describeWithPeers("JWK and XML", [peers.openssl], () => {
  let folder: TemporaryFolder;
  let pki: TestPki;
  beforeAll(async () => {
    folder = await temporaryFolder();
    pki = await makePki(folder.path);
  });
  afterAll(() => folder.remove());

  const base64Of = async (name: string) =>
    (await pki.read(name)).toString().replace(/-----[A-Z ]+-----|\s/g, "");

  /** The key as node:crypto exports it, with the certificates of its chain. */
  async function jwkOf(leaf: string, isPrivate: boolean): Promise<Record<string, unknown>> {
    const key = createPrivateKey(await pki.read(`${leaf}.key`));
    const jwk: JsonWebKey = (isPrivate ? key : createPublicKey(key)).export({ format: "jwk" });
    const chain =
      (await pki.read("chain.pem")).toString().match(/(?<=CERTIFICATE-----)[^-]+(?=-----END)/g) ?? [];
    const x5c = [await base64Of(`${leaf}.pem`), ...chain.map((text) => text.replace(/\s/g, ""))];
    return { ...jwk, kid: leaf, use: "sig", x5c };
  }

  describe("JSON web keys", () => {
    test("a set of private keys with their chains", async () => {
      const keys = await Promise.all(LEAVES.map(({ name }) => jwkOf(name, true)));
      const store = await openStore({ data: JSON.stringify({ keys }) });
      expect(store).toMatchObject({ format: "jwk", problems: [] });
      for (const { name } of LEAVES) await expectLeaf(entryOf(store, name), name, pki);
    });

    test.each(LEAVES.map(({ name, type }) => [name, type] as const))(
      "a public key: %s",
      async (leaf, type) => {
        const { x5c, ...bare } = await jwkOf(leaf, false);
        for (const [key, subject] of [
          [bare, undefined],
          [{ ...bare, x5c }, `O=Leaf,CN=${leaf}`],
        ] as const) {
          const { entries } = await openStore({ data: `  ${JSON.stringify(key, undefined, 2)}` });
          expect(entries).toHaveLength(1);
          expect(entries[0]).toMatchObject({ alias: leaf, privateKey: undefined, keyProblem: undefined });
          expect(entries[0]?.publicKey?.type).toBe(type);
          expect(entries[0]?.certificate?.subject.text).toBe(subject);
        }
      },
    );

    test("keys of a set that cannot be read do not stop the others", async () => {
      const good = await jwkOf("p256", true);
      const { d: _, ...x25519 } = {
        kty: "OKP",
        crv: "X25519",
        x: Buffer.alloc(32, 9).toString("base64url"),
        d: "",
      };
      const keys = [{ kty: "oct", k: "c2VjcmV0" }, x25519, good, { ...good, x: "AAAA" }, 7];
      const store = await openStore({ data: JSON.stringify({ keys }), fileName: "keys.json" });
      expect(store.entries.map((entry) => entry.alias)).toEqual(["p256"]);
      expect(store.problems.map((problem) => problem.message.replace(/supported.*/, "supported"))).toEqual([
        "keys.json: key 1 of the set: a secret key is neither a private nor a public key",
        "keys.json: key 2 of the set: keys of type OKP X25519 are not supported",
        expect.stringContaining("keys.json: key 4 of the set: "),
        "keys.json: key 5 of the set: it is no JSON web key",
      ]);
    });

    test.each([
      ["a private number of another key", { d: Buffer.alloc(32, 1).toString("base64url") }],
      ["a number that is none", { d: "*" }],
      ["a public half that was changed", { x: Buffer.alloc(32, 1).toString("base64url") }],
    ])("%s", async (_, change) => {
      for (const leaf of ["p256", "ed25519"]) {
        const { x5c: _x5c, ...jwk } = await jwkOf(leaf, true);
        await expect(openStore({ data: JSON.stringify({ ...jwk, ...change }) })).rejects.toMatchObject({
          code: "ERR_STORE_DAMAGED",
        });
      }
    });

    test("the certificate of somebody else", async () => {
      const jwk = { ...(await jwkOf("p256", true)), x5c: [await base64Of("rsa.pem")] };
      const { entries } = await openStore({ data: JSON.stringify(jwk) });
      expect(entries[0]?.privateKey).toBeUndefined();
      expect(entries[0]?.keyProblem).toMatchObject({ code: "ERR_STORE_DAMAGED" });
    });

    test.each(["{", '{"a":1}', "[]", '{"keys":[]}', '{"protected":"","ciphertext":""}', "[".repeat(100_000)])(
      "other JSON: %.20s",
      async (data) => {
        await expect(openStore({ data })).rejects.toMatchObject({
          code: expect.stringMatching(/^ERR_STORE_(DAMAGED|UNSUPPORTED)$/),
        });
      },
    );
  });

  describe("XML", () => {
    /** A key as .NET's `ToXmlString` writes it. */
    async function rsaXml(fields: readonly string[]): Promise<string> {
      const jwk = createPrivateKey(await pki.read("rsa.key")).export({ format: "jwk" });
      const names: Readonly<Record<string, keyof JsonWebKey>> = {
        Modulus: "n",
        Exponent: "e",
        P: "p",
        Q: "q",
        DP: "dp",
        DQ: "dq",
        InverseQ: "qi",
        D: "d",
      };
      const element = (name: string) =>
        `<${name}>${Buffer.from(String(jwk[names[name] ?? "n"]), "base64url").toString("base64")}</${name}>`;
      return `<RSAKeyValue>${fields.map(element).join("")}</RSAKeyValue>`;
    }
    const ALL = ["Modulus", "Exponent", "P", "Q", "DP", "DQ", "InverseQ", "D"];

    test("a private key, and a public one", async () => {
      const own = await openStore({ data: await rsaXml(ALL) });
      expect(own.format).toBe("xml");
      expect(own.entries).toHaveLength(1);
      await expectKey(own.entries[0]?.privateKey, "rsa");
      const { entries } = await openStore({
        data: `\uFEFF<?xml version="1.0"?>\r\n${await rsaXml(ALL.slice(0, 2))}`,
      });
      expect(entries.map((entry) => [entry.publicKey?.type, entry.privateKey])).toEqual([
        ["ssh-rsa", undefined],
      ]);
      expect(entries[0]?.publicKey?.equals(own.entries[0]!.privateKey!.publicKey)).toBe(true);
    });

    test("a key with its certificates in a signature's KeyInfo", async () => {
      const certificates = await Promise.all(["root.pem", "middle.pem", "rsa.pem"].map(base64Of));
      const data = [
        '<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><!-- <x> --><ds:KeyName>ours</ds:KeyName>',
        `<ds:KeyValue>${(await rsaXml(ALL)).replace(/<(\/?)/g, "<$1ds:")}</ds:KeyValue><ds:X509Data>`,
        ...certificates.map((text) => `<ds:X509Certificate>\n${text}\n</ds:X509Certificate>`),
        "</ds:X509Data></ds:KeyInfo>",
      ].join("\n");
      const store = await openStore({ data });
      await expectLeaf(entryOf(store, "ours"), "rsa", pki);
      expect(store.entries).toHaveLength(3);
    });

    test.each([
      ["a document type", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "ERR_STORE_UNSUPPORTED"],
      [
        "one behind a comment",
        '<!-- --><!doctype x SYSTEM "file:///etc/passwd"><x/>',
        "ERR_STORE_UNSUPPORTED",
      ],
      ["elements in elements", `${"<x>".repeat(10_000)}${"</x>".repeat(10_000)}`, "ERR_STORE_UNSUPPORTED"],
      ["hidden depth", `${'<x a="/>">'.repeat(10_000)}${"</x>".repeat(10_000)}`, "ERR_STORE_UNSUPPORTED"],
      ["too many elements", `<x>${"<x/>".repeat(30_000)}</x>`, "ERR_STORE_UNSUPPORTED"],
      ["no keys", "<x/>", "ERR_STORE_UNSUPPORTED"],
      ["no end", "<x><RSAKeyValue>", "ERR_STORE_DAMAGED"],
      ["an entity that nobody defined", "<x>&y;</x>", "ERR_STORE_DAMAGED"],
      ["base64 that is none", "<X509Certificate>!</X509Certificate>", "ERR_STORE_DAMAGED"],
      ["comments without end", "<x>".concat("<!--".repeat(200_000)), "ERR_STORE_DAMAGED"],
    ])("%s", async (_, data, code) => {
      await expect(openStore({ data, fileName: "key.xml" })).rejects.toMatchObject({
        code,
        message: expect.stringMatching(/^key\.xml: /),
      });
    });
  });
});
