import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  openPkcs11Store,
  openStore,
  type StoreContent,
  type StoreEntry,
  type WrittenFormat,
  writeStore,
} from "@waybill/cert-store";
import { describeWithPeers, peerPath, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import {
  fileIn,
  type Identity,
  issue,
  KEY_KIND_NAMES,
  type KeyKind,
  makeRoot,
  publicPem,
  runPeer,
} from "../src/cert-pki.js";
import { startSoftHsm } from "../src/soft-hsm.js";

const PASSWORD = "größer als 7";
/** keytool takes only ASCII on its command line. */
const JAVA_PASSWORD = "changeit-7";

let folder: TemporaryFolder;
let root: Identity;
const identities = new Map<KeyKind, Identity>();
const path = (name: string) => join(folder.path, name);
const openssl = (...args: string[]) => runPeer(peers.openssl, args);
beforeAll(async () => {
  folder = await temporaryFolder("waybill-formats-");
  root = await makeRoot();
  for (const kind of KEY_KIND_NAMES) identities.set(kind, await issue(`CN=${kind}`, root, { kind }));
  await fileIn(folder.path, "root.pem", root.certificate.pem);
  for (const [kind, { certificate, key }] of identities) {
    await fileIn(folder.path, `${kind}.pem`, certificate.pem);
    await fileIn(folder.path, `${kind}.key`, key.keyObject.export({ format: "pem", type: "pkcs8" }));
  }
});
afterAll(() => folder.remove());

function identity(kind: KeyKind): Identity {
  const found = identities.get(kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
}

function contentOf(kind: KeyKind): StoreContent {
  const { certificate, key } = identity(kind);
  return { alias: kind, certificate, chain: [root.certificate], privateKey: key };
}

async function write(
  name: string,
  format: WrittenFormat,
  entries: readonly StoreContent[],
  passphrase?: string,
) {
  return fileIn(folder.path, name, await writeStore({ format, entries, passphrase }));
}

/** The entry of a key is there, with its certificate and its chain, and the key works. */
async function expectEntry(entries: readonly StoreEntry[], kind: KeyKind, chainLength = 2): Promise<void> {
  const { certificate, key } = identity(kind);
  const entry = entries.find(({ privateKey }) => privateKey?.publicKey.equals(key.publicKey));
  expect(entry?.chain).toHaveLength(chainLength);
  if (chainLength > 0) expect(entry?.certificate?.equals(certificate)).toBe(true);
  const data = Buffer.from("something to sign");
  expect(key.publicKey.verify(data, (await entry?.privateKey?.sign(data)) ?? Buffer.alloc(0))).toBe(true);
}

describeWithPeers("openssl's files, every kind of key in every encryption", [peers.openssl], () => {
  const pkcs12 = {
    "PBES2 with AES-256": [],
    "PBES2 with AES-128": ["-certpbe", "AES-128-CBC", "-keypbe", "AES-128-CBC"],
    "3DES": ["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"],
    "RC2-40 and 3DES": ["-legacy"],
  };
  const keys = {
    "PBKDF2 with AES-256": ["-v2", "aes-256-cbc"],
    "PBKDF2 with 3DES": ["-v2", "des3"],
    "scrypt with AES-256": ["-scrypt"],
    "PKCS#12's 3DES": ["-v1", "PBE-SHA1-3DES"],
  };

  describe.each(KEY_KIND_NAMES)("%s", (kind) => {
    test.each(Object.entries(pkcs12))("PKCS#12: %s", async (_name, args) => {
      const out = path(`${kind}.p12`);
      const files = [
        "-inkey",
        path(`${kind}.key`),
        "-in",
        path(`${kind}.pem`),
        "-certfile",
        path("root.pem"),
      ];
      await openssl("pkcs12", "-export", ...files, ...args, "-passout", `pass:${PASSWORD}`, "-out", out);
      const { format, entries } = await openStore({ path: out }, { password: PASSWORD });
      expect(format).toBe("pkcs12");
      await expectEntry(entries, kind);
    });

    test.each(Object.entries(keys))("PKCS#8: %s, in PEM and in DER", async (_name, args) => {
      for (const form of ["PEM", "DER"]) {
        const out = path(`${kind}.pkcs8`);
        const files = ["-in", path(`${kind}.key`), "-outform", form, "-out", out];
        await openssl("pkcs8", "-topk8", ...files, ...args, "-passout", `pass:${PASSWORD}`);
        const { format, entries } = await openStore({ path: out }, { password: PASSWORD });
        expect(format).toBe(form.toLowerCase());
        await expectEntry(entries, kind, 0);
      }
    });
  });
});

describeWithPeers("openssl and what we write of every kind of key", [peers.openssl], () => {
  const secret = ["-passin", `pass:${PASSWORD}`];

  test.each(KEY_KIND_NAMES)("%s", async (kind) => {
    const { key, certificate } = identity(kind);
    const p12 = await write("ours.p12", "pkcs12", [contentOf(kind)], PASSWORD);
    const all = await openssl("pkcs12", "-in", p12, "-nodes", ...secret);
    const read = await openStore({ data: all });
    expect(all).toContain(`friendlyName: ${kind}`);
    await expectEntry(read.entries, kind);
    for (const passphrase of [PASSWORD, undefined]) {
      const pem = await write("ours.pem", "pem", [contentOf(kind)], passphrase);
      expect(await openssl("pkey", "-in", pem, ...secret, "-pubout")).toBe(publicPem(key));
      expect(await openssl("x509", "-in", pem, "-outform", "PEM")).toBe(certificate.pem);
      const der = await write("ours.der", "der", [{ privateKey: key }], passphrase);
      expect(await openssl("pkey", "-inform", "DER", "-in", der, ...secret, "-pubout")).toBe(publicPem(key));
    }
    const cer = await write("ours.cer", "der", [{ certificate }]);
    expect(await openssl("x509", "-inform", "DER", "-in", cer)).toBe(certificate.pem);
  });

  test("PKCS#7 with the certificates of all", async () => {
    const entries = KEY_KIND_NAMES.map(contentOf);
    for (const [format, form] of [
      ["pkcs7", "PEM"],
      ["pkcs7-der", "DER"],
    ] as const) {
      const p7b = await write("ours.p7b", format, entries);
      const printed = await openssl("pkcs7", "-inform", form, "-in", p7b, "-print_certs");
      for (const { certificate } of [root, ...identities.values()])
        expect(printed).toContain(certificate.pem);
    }
  });
});

describeWithPeers("keytool, with every kind of key", [peers.keytool, peers.bouncyCastle], () => {
  const bouncyCastle = () => [
    ...["-providerclass", "org.bouncycastle.jce.provider.BouncyCastleProvider"],
    ...["-providerpath", peerPath(peers.bouncyCastle)],
  ];

  test("reads our PKCS#12 and makes JKS, JCEKS and BCFKS of it, which we read", async () => {
    const p12 = await write("java.p12", "pkcs12", KEY_KIND_NAMES.map(contentOf), JAVA_PASSWORD);
    const from = ["-srckeystore", p12, "-srcstoretype", "PKCS12", "-srcstorepass", JAVA_PASSWORD];
    for (const format of ["jks", "jceks", "bcfks"] as const) {
      const out = path(`java.${format}`);
      const to = [
        "-destkeystore",
        out,
        "-deststoretype",
        format.toUpperCase(),
        "-deststorepass",
        JAVA_PASSWORD,
      ];
      // keytool's default is 200,000, half a second for each key.
      const more = format === "bcfks" ? bouncyCastle() : ["-J-Djdk.jceks.iterationCount=10000"];
      await runPeer(peers.keytool, ["-importkeystore", "-noprompt", ...from, ...to, ...more]);
      const store = await openStore({ path: out }, { password: JAVA_PASSWORD });
      expect(store.format).toBe(format);
      expect(store.entries.map((entry) => entry.alias).sort()).toEqual([...KEY_KIND_NAMES].sort());
      for (const kind of KEY_KIND_NAMES) await expectEntry(store.entries, kind);
    }
  }, 60_000);
});

describeWithPeers(
  "SSH programs and what we write of every kind of key",
  [peers.sshKeygen, peers.puttygen],
  () => {
    test.each(KEY_KIND_NAMES)("%s", async (kind) => {
      const { key } = identity(kind);
      const blob = key.publicKey.blob.toString("base64");
      const openssh = await write("ours_id", "openssh", [contentOf(kind)], PASSWORD);
      await chmod(openssh, 0o600);
      const shown = await runPeer(peers.sshKeygen, ["-y", "-P", PASSWORD, "-f", openssh]);
      expect(shown.split(" ")[1]?.trim()).toBe(blob);
      const ppk = await write("ours.ppk", "ppk", [contentOf(kind)], PASSWORD);
      const passphrase = await fileIn(folder.path, "passphrase", `${PASSWORD}\n`);
      const line = await runPeer(peers.puttygen, [ppk, "-L", "--old-passphrase", passphrase]);
      expect(line.split(" ")[1]).toBe(blob);
      expect(line).toContain(kind);
    });
  },
);

describeWithPeers("softhsm2-util and the keys that we write", [peers.softhsmUtil, peers.pkcs11Tool], () => {
  test("imports them, and the token's keys are the same", async () => {
    const hsm = await startSoftHsm(folder.path);
    try {
      await hsm.addToken("imported");
      // softhsm2-util knows no Ed25519 in PKCS#8.
      const kinds: KeyKind[] = ["rsa", "p256", "p384", "p521"];
      for (const [index, kind] of kinds.entries()) {
        const file = await write("import.pem", "pem", [{ privateKey: identity(kind).key }]);
        await hsm.importKey("imported", file, `0${index}`, kind);
      }
      const store = await openPkcs11Store({ module: hsm.module, tokenLabel: "imported", pin: hsm.pin });
      try {
        for (const kind of kinds) {
          const key = store.entries.find(({ alias }) => alias === kind)?.privateKey;
          expect(key?.publicKey.equals(identity(kind).key.publicKey)).toBe(true);
          const data = Buffer.from("something to sign");
          const signature = (await key?.sign(data)) ?? Buffer.alloc(0);
          expect(identity(kind).key.publicKey.verify(data, signature)).toBe(true);
        }
      } finally {
        await store.close();
      }
    } finally {
      hsm.release();
    }
  });
});
