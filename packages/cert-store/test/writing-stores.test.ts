import { createPrivateKey, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Certificate,
  createSelfSignedCertificate,
  defaultPkcs12Iterations,
  generateKeyPair,
  issueCertificate,
  parseCertificate,
  parsePrivateKey,
  type SoftwarePrivateKey,
  type WrittenEntry,
  writePem,
  writePkcs7,
  writePkcs7Pem,
  writePkcs12,
} from "@waybill/cert-store";
import {
  describeWithPeers,
  peerPath,
  peers,
  runProgram,
  type TemporaryFolder,
  temporaryFolder,
} from "@waybill/testing";
import { heldKey } from "./making-held-key.js";

/** Not only ASCII, so that a wrong encoding shows. */
const PASSPHRASE = "zwölf Boxkämpfer";
const ITERATIONS = 2000;

const keys: Record<string, SoftwarePrivateKey> = {};
const certificates: Record<string, Certificate> = {};
const key = (name: string) => keys[name] as SoftwarePrivateKey;
const certificate = (name: string) => certificates[name] as Certificate;
let entries: readonly WrittenEntry[];

beforeAll(async () => {
  keys.ca = await generateKeyPair({ type: "ec" });
  keys.rsa = await generateKeyPair({ type: "rsa", bits: 2048 });
  keys.ec = await generateKeyPair({ type: "ec", curve: "P-521" });
  keys.ed25519 = await generateKeyPair({ type: "ed25519" });
  certificates.ca = await createSelfSignedCertificate({ key: key("ca"), subject: "CN=CA", ca: {} });
  const issuer = { certificate: certificate("ca"), key: key("ca") };
  for (const name of ["rsa", "ec", "ed25519"]) {
    const publicKeyDer = key(name).publicKey.keyObject.export({ format: "der", type: "spki" });
    certificates[name] = await issueCertificate({ issuer, publicKeyDer, subject: `CN=${name}.example.com` });
  }
  const keyed = ["rsa", "ec"].map((name) => ({
    ...{ alias: `${name} größe`, certificate: certificate(name), privateKey: key(name) },
    chain: [certificate(name), certificate("ca")],
  }));
  entries = [...keyed, { alias: "trusted", certificate: certificate("ed25519") }];
});

describe("what cannot be written", () => {
  const options = { passphrase: "secret", iterations: ITERATIONS };

  test("keys that never leave", async () => {
    const held = [{ certificate: certificate("rsa"), privateKey: heldKey(key("rsa")) }];
    for (const attempt of [writePkcs12({ entries: held, ...options }), writePem({ entries: held })]) {
      await expect(attempt).rejects.toMatchObject({
        code: "ERR_KEY_NOT_EXPORTABLE",
        message: expect.stringContaining(key("rsa").publicKey.fingerprint()),
      });
    }
  });

  test("a key beside another's certificate", async () => {
    const wrong = [{ certificate: certificate("rsa"), privateKey: key("ec") }];
    await expect(writePkcs12({ entries: wrong, ...options })).rejects.toMatchObject({
      code: "ERR_CERT_KEY_MISMATCH",
    });
    await expect(writePem({ entries: wrong })).rejects.toMatchObject({ code: "ERR_CERT_KEY_MISMATCH" });
  });

  test("nothing, or under an empty passphrase, or with iterations out of range", async () => {
    const one = [{ certificate: certificate("rsa") }];
    const refused = { code: "ERR_CERT_OPTIONS" };
    await expect(writePkcs12({ entries: [], ...options })).rejects.toMatchObject(refused);
    await expect(writePem({ entries: [{}] })).rejects.toMatchObject(refused);
    expect(() => writePkcs7({ certificates: [] })).toThrow(expect.objectContaining(refused));
    await expect(writePkcs12({ entries: one, passphrase: "" })).rejects.toMatchObject(refused);
    await expect(writePem({ entries: one, passphrase: "" })).rejects.toMatchObject(refused);
    for (const iterations of [0, 999, 1.5, 2 ** 31, Number.NaN]) {
      await expect(writePkcs12({ entries: one, passphrase: "x", iterations })).rejects.toMatchObject(refused);
      await expect(writePem({ entries: one, passphrase: "x", iterations })).rejects.toMatchObject(refused);
    }
  });
});

test("many keys share the work that a store may ask for", () => {
  expect([0, 1, 3, 4, 18, 98, 1000].map(defaultPkcs12Iterations)).toEqual([
    ...[200_000, 200_000, 200_000, 166_666, 50_000, 10_000, 10_000],
  ]);
});

describe("writePem", () => {
  test("key, certificate, chain; nothing twice", async () => {
    const text = await writePem({ entries });
    const labels = [...text.matchAll(/BEGIN ([A-Z ]+)/g)].map((match) => match[1]);
    expect(labels).toEqual([
      "PRIVATE KEY",
      "CERTIFICATE",
      "CERTIFICATE",
      "PRIVATE KEY",
      "CERTIFICATE",
      "CERTIFICATE",
    ]);
    expect(text).toContain(`${certificate("rsa").pem}${certificate("ca").pem}`);
    expect((await parsePrivateKey(text)).publicKey.equals(key("rsa").publicKey)).toBe(true);
    expect(parseCertificate(text).equals(certificate("rsa"))).toBe(true);
  });

  test("under a passphrase", async () => {
    for (const name of ["rsa", "ec", "ed25519"]) {
      const text = await writePem({
        entries: [{ privateKey: key(name) }],
        passphrase: PASSPHRASE,
        iterations: ITERATIONS,
      });
      expect(text).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
      const back = await parsePrivateKey(text, { passphrase: PASSPHRASE });
      expect(back.publicKey.equals(key(name).publicKey)).toBe(true);
      await expect(parsePrivateKey(text, { passphrase: "other" })).rejects.toMatchObject({
        code: "ERR_KEY_PASSPHRASE_WRONG",
      });
    }
  });

  test("with 600,000 iterations unless told otherwise", async () => {
    const text = await writePem({ entries: [{ privateKey: key("ed25519") }], passphrase: "x" });
    const der = Buffer.from(text.split("\n").slice(1, -2).join(""), "base64");
    expect(der.includes(Buffer.from("02030927c0", "hex"))).toBe(true);
  });
});

describeWithPeers("openssl and the stores that we write", [peers.openssl], () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());
  const openssl = async (args: readonly string[]) => {
    const env = { ...process.env, WAYBILL_TEST_PASSPHRASE: PASSPHRASE };
    const result = await runProgram(peerPath(peers.openssl), args, { env });
    if (result.code !== 0) throw new Error(result.stderr);
    return result;
  };
  const file = async (data: string | Uint8Array) => {
    const path = `${folder.path}/${randomUUID()}`;
    await writeFile(path, data);
    return path;
  };
  const blocks = (text: string, label: string) =>
    text.match(new RegExp(`-----BEGIN ${label}-----[^]*?-----END ${label}-----\n`, "g")) ?? [];

  test("PKCS #12", async () => {
    const path = await file(await writePkcs12({ entries, passphrase: PASSPHRASE, iterations: ITERATIONS }));
    const { stdout, stderr } = await openssl([
      "pkcs12",
      "-in",
      path,
      "-passin",
      "env:WAYBILL_TEST_PASSPHRASE",
      "-nodes",
      "-info",
    ]);
    expect(stderr).toContain("MAC: sha256, Iteration 2000");
    expect(stderr).toContain("PBES2, PBKDF2, AES-256-CBC, Iteration 2000, PRF hmacWithSHA256");
    expect(stderr).not.toMatch(/Iteration (?!2000)/);
    expect(blocks(stdout, "CERTIFICATE").map((pem) => parseCertificate(pem).subject.text)).toEqual([
      "CN=rsa.example.com",
      "CN=CA",
      "CN=ec.example.com",
      "CN=ed25519.example.com",
    ]);
    const found = blocks(stdout, "PRIVATE KEY").map((pem) => createPrivateKey(pem));
    expect(found.map((one) => one.equals(key("rsa").keyObject) || one.equals(key("ec").keyObject))).toEqual([
      true,
      true,
    ]);
    expect(stdout).toContain("friendlyName: trusted");
    const localKeyId = certificate("rsa").thumbprint("sha1").match(/../g)?.join(" ") ?? "";
    expect(stdout.split(localKeyId)).toHaveLength(3);
    await expect(openssl(["pkcs12", "-in", path, "-passin", "pass:wrong", "-nodes"])).rejects.toThrow(
      /invalid password/,
    );
  });

  test("PKCS #12 with a certificate that stands alone and in chains, once with what is known of it", async () => {
    const shared = [
      ...entries,
      { alias: "the root", certificate: certificate("ca"), privateKey: key("ca") },
      { certificate: certificate("rsa") },
    ];
    const path = await file(
      await writePkcs12({ entries: shared, passphrase: PASSPHRASE, iterations: ITERATIONS }),
    );
    const { stdout } = await openssl([
      "pkcs12",
      "-in",
      path,
      "-passin",
      "env:WAYBILL_TEST_PASSPHRASE",
      "-nokeys",
    ]);
    expect(blocks(stdout, "CERTIFICATE")).toHaveLength(4);
    const root = stdout.split("Bag Attributes").find((part) => part.includes("friendlyName: the root"));
    expect(root).toContain(certificate("ca").pem);
    expect(root).toContain("localKeyID");
    // 2.16.840.1.113894.746875.1.1 is Java's mark of trust.
    expect(stdout.split("2.16.840.1.113894.746875.1.1")).toHaveLength(2);
  });

  test("PKCS #12 of every kind of key, with the default iterations", async () => {
    const every = ["rsa", "ec", "ed25519"].map((name) => ({
      alias: name,
      certificate: certificate(name),
      privateKey: key(name),
    }));
    const path = await file(await writePkcs12({ entries: every.slice(2), passphrase: PASSPHRASE }));
    const { stderr } = await openssl([
      "pkcs12",
      "-in",
      path,
      "-passin",
      "env:WAYBILL_TEST_PASSPHRASE",
      "-nodes",
      "-info",
    ]);
    expect(stderr).toContain("MAC: sha256, Iteration 200000");
    const all = await file(
      await writePkcs12({ entries: every, passphrase: PASSPHRASE, iterations: ITERATIONS }),
    );
    const { stdout } = await openssl([
      "pkcs12",
      "-in",
      all,
      "-passin",
      "env:WAYBILL_TEST_PASSPHRASE",
      "-nodes",
      "-nocerts",
    ]);
    expect(blocks(stdout, "PRIVATE KEY")).toHaveLength(3);
  });

  test("PKCS #7 in DER and PEM", async () => {
    const list = [certificate("ca"), certificate("rsa"), certificate("ec"), certificate("rsa")];
    const der = await file(writePkcs7({ certificates: list }));
    const pem = await file(writePkcs7Pem({ certificates: list }));
    for (const [path, form] of [
      [der, "DER"],
      [pem, "PEM"],
    ] as const) {
      const { stdout } = await openssl(["pkcs7", "-inform", form, "-in", path, "-print_certs"]);
      expect(
        blocks(stdout, "CERTIFICATE")
          .map((text) => parseCertificate(text).subject.text)
          .sort(),
      ).toEqual(["CN=CA", "CN=ec.example.com", "CN=rsa.example.com"]);
    }
  });

  test("PEM under a passphrase", async () => {
    const path = await file(await writePem({ entries, passphrase: PASSPHRASE, iterations: ITERATIONS }));
    const { stdout } = await openssl(["pkey", "-in", path, "-passin", "env:WAYBILL_TEST_PASSPHRASE"]);
    expect(createPrivateKey(stdout).equals(key("rsa").keyObject)).toBe(true);
    await expect(openssl(["pkey", "-in", path, "-passin", "pass:wrong"])).rejects.toThrow();
  });
});

describeWithPeers("keytool and the stores that we write", [peers.keytool], () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());
  const run = async (args: readonly string[]) => {
    const result = await runProgram(peerPath(peers.keytool), [
      "-J-Duser.language=en",
      "-J-XX:+UseSerialGC",
      "-J-XX:TieredStopAtLevel=1",
      ...args,
    ]);
    if (result.code !== 0) throw new Error(`${result.stdout}${result.stderr}`);
    return result.stdout;
  };

  test("PKCS #12: entries with keys and trusted certificates", async () => {
    const path = `${folder.path}/store.p12`;
    const plain = entries.map((entry) => ({ ...entry, alias: entry.alias?.split(" ")[0] }));
    await writeFile(
      path,
      await writePkcs12({ entries: plain, passphrase: "keystore password", iterations: ITERATIONS }),
    );
    const listed = await run(["-list", "-keystore", path, "-storepass", "keystore password"]);
    expect(listed).toMatch(/^rsa, .*PrivateKeyEntry/m);
    expect(listed).toMatch(/^ec, .*PrivateKeyEntry/m);
    expect(listed).toMatch(/^trusted, .*trustedCertEntry/m);
    expect(listed).toContain((certificate("ed25519").thumbprint().match(/../g) ?? []).join(":"));
    expect(listed).toContain("contains 3 entries");
    const copy = `${folder.path}/copy.jks`;
    await run([
      ...[
        "-importkeystore",
        "-srckeystore",
        path,
        "-srcstorepass",
        "keystore password",
        "-srcalias",
        "rsa",
        "-noprompt",
      ],
      ...["-destkeystore", copy, "-deststoretype", "JKS", "-deststorepass", "another one"],
    ]);
    const detail = await run(["-list", "-v", "-keystore", copy, "-storepass", "another one"]);
    expect(detail).toContain("Certificate chain length: 2");
  });

  test("PKCS #7", async () => {
    const path = `${folder.path}/chain.p7b`;
    await writeFile(path, writePkcs7({ certificates: [certificate("ca"), certificate("rsa")] }));
    const printed = await run(["-printcert", "-file", path]);
    expect(printed).toContain("CN=CA");
    expect(printed).toContain("CN=rsa.example.com");
  });
});
