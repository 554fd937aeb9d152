import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  describeWithPeers,
  type Peer,
  peerPath,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";
import { CIPHER_SUITES } from "../src/index.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { opened, sealed } from "./messages.js";
import { SIZES, testBytes } from "./streams.js";

/** Single files are run by `java` when the compiler is there. */
const java: Peer = { program: "javac", debianPackage: "default-jdk-headless" };
const bouncyCastle: Peer = { program: "../share/java/bcpkix.jar", debianPackage: "libbcpkix-java" };

const CIPHERS: Readonly<Record<string, string>> = {
  "des-ede3-cbc": "1.2.840.113549.3.7",
  "aes-256-cbc": "2.16.840.1.101.3.4.1.42",
};
const HASHES: Readonly<Record<string, string>> = {
  sha1: "SHA1",
  sha256: "SHA256",
  sha512: "SHA512",
  "sha3-512": "SHA3-512",
};
/** Java writes a hyphen where signatures have none. */
const OAEP_HASHES: Readonly<Record<string, string>> = {
  sha256: "SHA-256",
  sha512: "SHA-512",
  "sha3-512": "SHA3-512",
};

// OpenSSL 3.0 neither signs RSA-PSS with SHA-3 in CMS nor, in Debian, compresses: this one does both.
describeWithPeers("Bouncy Castle", [java, bouncyCastle], () => {
  let folder: TemporaryFolder;
  let identity: TestIdentity;
  const path = (name: string) => join(folder.path, name);

  /** Runs jobs in one virtual machine; gives what it prints. */
  async function run(jobs: readonly (readonly string[])[]): Promise<string[]> {
    const jars = dirname(peerPath(bouncyCastle));
    const classPath = ["bcpkix.jar", "bcprov.jar", "bcutil.jar"].map((name) => join(jars, name)).join(":");
    const program = fileURLToPath(new URL("BouncyCastlePeer.java", import.meta.url));
    const args = ["-cp", classPath, program, path("certificate.der"), path("key.der")];
    const input = jobs.map((job) => `${job.join("\t")}\n`).join("");
    const javaPath = join(dirname(peerPath(java)), "java");
    const { code, stdout, stderr } = await runProgram(javaPath, args, { input, timeoutMs: 60_000 });
    if (code !== 0) throw new Error(`Bouncy Castle failed: ${stderr}`);
    return stdout.trimEnd().split("\n");
  }

  beforeAll(async () => {
    folder = await temporaryFolder("waybill-bc-");
    identity = await newIdentity("RSA");
    await writeFile(path("certificate.der"), identity.certificate.der);
    await writeFile(path("key.der"), identity.key.keyObject.export({ format: "der", type: "pkcs8" }), {
      mode: 0o600,
    });
    for (const size of SIZES) await writeFile(path(`${size}`), testBytes(size));
  }, 60_000);
  afterAll(() => folder?.remove());

  const cases = CIPHER_SUITES.flatMap((suite) =>
    [true, false].flatMap((compress) =>
      // All sizes for the suite that only this peer can do, a few for the others.
      (suite.number === 10 ? SIZES : [0, 32_769]).map((size) => {
        return { suite, compress, size, name: `${suite.number}-${compress}-${size}` };
      }),
    ),
  );

  test("opens what we seal with every suite, compressed or not", async () => {
    for (const { suite, compress, size, name } of cases) {
      const options = { sign: { signers: [identity] }, encrypt: { recipients: [identity.certificate] } };
      const message = await sealed(testBytes(size), { suite, allowWeak: true, compress, ...options });
      await writeFile(path(`ours-${name}`), message);
    }
    const layers = await run(
      cases.map(({ name }) => ["open", path(`ours-${name}`), path(`ours-${name}.out`)]),
    );
    for (const [index, { compress, name, size }] of cases.entries()) {
      expect(layers[index]).toBe(compress ? "encrypted compressed signed" : "encrypted signed");
      expect((await readFile(path(`ours-${name}.out`))).equals(testBytes(size))).toBe(true);
    }
  }, 60_000);

  test("seals with every suite, compressed or not, what we open", async () => {
    await run(
      cases.map(({ suite, compress, size, name }) => [
        "seal",
        path(`${size}`),
        path(`theirs-${name}`),
        `${HASHES[suite.hash]}with${suite.padding === "pss" ? "RSAandMGF1" : "RSA"}`,
        String(compress),
        CIPHERS[suite.cipher] ?? "",
        suite.keyTransport.padding === "oaep" ? (OAEP_HASHES[suite.hash] ?? "") : "-",
      ]),
    );
    for (const { suite, compress, size, name } of cases) {
      const { content, result } = await opened(await readFile(path(`theirs-${name}`)), {
        keys: [identity],
        signers: [identity.certificate],
        allowWeak: true,
        expect: { encrypted: true, compressed: compress },
      });
      expect(content.equals(testBytes(size))).toBe(true);
      const signed = {
        kind: "signed",
        signers: [{ hash: suite.hash, signature: `rsa-${suite.padding}`, status: "verified" }],
      };
      const encrypted = { kind: "encrypted", cipher: suite.cipher };
      expect(result.layers).toMatchObject(
        compress ? [encrypted, { kind: "compressed" }, signed] : [encrypted, signed],
      );
    }
  }, 60_000);
});
