import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "@jest/globals";
import type { CertificateStore, PrivateKey, StoreEntry } from "@waybill/cert-store";
import { type Peer, peerPath, peers, runProgram } from "@waybill/testing";
import type { KeyAndChain } from "./java-store-writer.js";

/** Not only ASCII, so that a wrong encoding shows; keytool's stores take only ASCII. */
export const PASSWORD = "größer als 7";
export const JAVA_PASSWORD = "changeit-7";
export const KEY_PASSWORD = "another-one";

/** What openssl's `genpkey` makes, and what this package calls it. */
export const LEAVES = [
  { name: "rsa", type: "ssh-rsa", args: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"] },
  {
    name: "p256",
    type: "ecdsa-sha2-nistp256",
    args: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
  },
  {
    name: "p384",
    type: "ecdsa-sha2-nistp384",
    args: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
  },
  {
    name: "p521",
    type: "ecdsa-sha2-nistp521",
    args: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
  },
  { name: "ed25519", type: "ssh-ed25519", args: ["-algorithm", "ED25519"] },
] as const;
export type LeafName = (typeof LEAVES)[number]["name"];

/** Runs a program; fails with what it said unless it ended well. Gives its standard output. */
export async function run(peer: Peer, args: readonly string[], input?: string | Uint8Array): Promise<string> {
  const result = await runProgram(peerPath(peer), args, input === undefined ? {} : { input });
  if (result.code === 0) return result.stdout;
  throw new Error(
    `${peer.program} ${args.join(" ")} ended with ${result.code}: ${result.stdout}${result.stderr}`,
  );
}

export const openssl = (...args: readonly string[]) => run(peers.openssl, args);

/** A certificate authority, one below it, and a certificate of the lower one for each kind of key. */
export interface TestPki {
  /** The path of a file in the PKI's folder. */
  path(name: string): string;
  read(name: string): Promise<Buffer>;
  write(name: string, data: string | Uint8Array): Promise<string>;
}

/**
 * Makes `root.pem`, `middle.pem`, and for each leaf its `NAME.pem` and `NAME.key` (PKCS#8), all in `folder`.
 */
export async function makePki(folder: string): Promise<TestPki> {
  const path = (name: string) => join(folder, name);
  const makeKey = (name: string, args: readonly string[]) =>
    openssl("genpkey", ...args, "-out", path(`${name}.key`));
  const ca = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
  await Promise.all([
    makeKey("root", ca),
    makeKey("middle", ca),
    ...LEAVES.map(({ name, args }) => makeKey(name, args)),
  ]);
  await openssl(
    "req",
    "-x509",
    "-new",
    "-key",
    path("root.key"),
    "-subj",
    "/CN=Test Root",
    "-days",
    "30",
    "-out",
    path("root.pem"),
  );
  const issue = async (name: string, subject: string, issuer: string, extensions: string) => {
    await writeFile(path(`${name}.cnf`), extensions);
    await openssl("req", "-new", "-key", path(`${name}.key`), "-subj", subject, "-out", path(`${name}.csr`));
    const signer = ["-CA", path(`${issuer}.pem`), "-CAkey", path(`${issuer}.key`), "-CAcreateserial"];
    await openssl(
      "x509",
      "-req",
      "-in",
      path(`${name}.csr`),
      ...signer,
      "-days",
      "30",
      "-extfile",
      path(`${name}.cnf`),
      "-out",
      path(`${name}.pem`),
    );
  };
  await issue("middle", "/CN=Test Middle", "root", "basicConstraints=critical,CA:TRUE\n");
  for (const { name } of LEAVES)
    await issue(name, `/CN=${name}/O=Leaf`, "middle", "basicConstraints=CA:FALSE\n");
  const chain = await Promise.all(["middle.pem", "root.pem"].map((name) => readFile(path(name), "utf8")));
  await writeFile(path("chain.pem"), chain.join(""));
  return {
    path,
    read: (name) => readFile(path(name)),
    write: async (name, data) => {
      await writeFile(path(name), data);
      return path(name);
    },
  };
}

/** A PKCS#12 of a leaf with its chain, as openssl makes it with `args`. */
export async function makePkcs12(
  pki: TestPki,
  leaf: LeafName,
  name: string,
  args: readonly string[],
): Promise<string> {
  const files = [
    "-inkey",
    pki.path(`${leaf}.key`),
    "-in",
    pki.path(`${leaf}.pem`),
    "-certfile",
    pki.path("chain.pem"),
  ];
  await openssl("pkcs12", "-export", ...files, "-name", `Größe ${leaf}`, "-out", pki.path(name), ...args);
  return pki.path(name);
}

/** The entry with an alias, which must be there. */
export function entryOf(store: CertificateStore, alias: string): StoreEntry {
  const entry = store.entries.find((candidate) => candidate.alias === alias);
  if (entry === undefined) {
    throw new Error(
      `no entry ${alias}, only ${store.entries.map((candidate) => candidate.alias).join(", ")}`,
    );
  }
  return entry;
}

/** The entry is the leaf's certificate, its issuers in order, and its key, which signs what the certificate verifies. */
export async function expectLeaf(entry: StoreEntry, leaf: LeafName, pki: TestPki): Promise<void> {
  const { certificate, privateKey } = entry;
  expect(certificate?.pem.trim()).toBe((await pki.read(`${leaf}.pem`)).toString().trim());
  expect(entry.chain.map((link) => link.subject.text)).toEqual([
    `O=Leaf,CN=${leaf}`,
    "CN=Test Middle",
    "CN=Test Root",
  ]);
  expect(entry.keyProblem).toBeUndefined();
  await expectKey(privateKey, leaf);
  expect(certificate?.sshKey?.equals(privateKey!.publicKey)).toBe(true);
  expect(entry.publicKey?.equals(privateKey!.publicKey)).toBe(true);
}

/** The key is of the leaf's kind, and its two halves fit. */
export async function expectKey(key: PrivateKey | undefined, leaf: LeafName): Promise<void> {
  expect(key?.type).toBe(LEAVES.find(({ name }) => name === leaf)?.type);
  const data = Buffer.from("something to sign");
  expect(key?.publicKey.verify(data, await key.sign(data))).toBe(true);
}

/** The key and the chain of the leaf `p256` in DER. */
export async function keyAndChain(pki: TestPki): Promise<KeyAndChain> {
  const [pkcs8, ...chain] = await Promise.all(
    ["p256.key", "p256.pem", "middle.pem", "root.pem"].map(async (name) =>
      derOf((await pki.read(name)).toString()),
    ),
  );
  return { pkcs8: pkcs8!, chain };
}

/** What one PEM block holds. */
export function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ""), "base64");
}

/** A PKCS#12 whose derivations take one iteration. */
export async function makeCheapPkcs12(pki: TestPki): Promise<Buffer> {
  const cheap = ["-noiter", "-nomaciter", "-passout", `pass:${JAVA_PASSWORD}`];
  await makePkcs12(pki, "p256", "cheap.p12", cheap);
  return pki.read("cheap.p12");
}
