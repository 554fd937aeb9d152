import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { parsePrivateKey, readPrivateKey } from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { KINDS, PASSPHRASE, runPeer } from "./key-fixtures.js";

const GENERATE: Readonly<Record<string, readonly string[]>> = {
  ed25519: ["-algorithm", "ed25519"],
  p256: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
  p384: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
  p521: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
  rsa: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
};

/** How openssl encrypts PKCS#8. */
const PKCS8_ENCRYPTIONS = [
  ["-v2", "aes-256-cbc"],
  ["-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA512"],
  ["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1", "-iter", "100"],
  ["-v2", "des3"],
  ["-scrypt", "-scrypt_N", "1024", "-scrypt_r", "8", "-scrypt_p", "1"],
  ["-v1", "PBE-SHA1-3DES"],
  ["-v1", "PBE-SHA1-2DES"],
];

const TRADITIONAL_CIPHERS = ["-aes128", "-aes192", "-aes256", "-des3"];

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "read",
    (error: { code: string }) => error.code,
  );

describeWithPeers("private keys of openssl", [peers.openssl], () => {
  let folder: TemporaryFolder;
  let copies = 0;
  const pathOf = (name: string) => `${folder.path}/${name}.pem`;
  const newPath = () => {
    copies += 1;
    return `${folder.path}/copy-${copies}`;
  };

  beforeAll(async () => {
    folder = await temporaryFolder();
    for (const kind of KINDS) {
      await runPeer("openssl", [
        "genpkey",
        "-quiet",
        ...(GENERATE[kind.name] ?? []),
        "-out",
        pathOf(kind.name),
      ]);
    }
  });
  afterAll(() => folder.remove());

  /** The public key as openssl sees it. */
  async function expectSameKey(name: string, path: string, passphrase?: string): Promise<void> {
    const key = await readPrivateKey(path, passphrase === undefined ? {} : { passphrase });
    const spki = await runPeer("openssl", ["pkey", "-in", pathOf(name), "-pubout"]);
    expect(key.publicKey.keyObject.export({ format: "pem", type: "spki" })).toBe(spki);
    expect(key.publicKey.verify(Buffer.from("data"), await key.sign(Buffer.from("data")))).toBe(true);
  }

  describe.each(KINDS)("$name", (kind) => {
    test("PKCS#8 in the clear, PEM and DER", async () => {
      await expectSameKey(kind.name, pathOf(kind.name));
      const der = newPath();
      await runPeer("openssl", [
        "pkcs8",
        "-topk8",
        "-nocrypt",
        "-in",
        pathOf(kind.name),
        "-outform",
        "DER",
        "-out",
        der,
      ]);
      await expectSameKey(kind.name, der);
      expect((await readPrivateKey(der)).bits).toBe(kind.bits);
    });

    test.each(PKCS8_ENCRYPTIONS.map((args) => [args.join(" "), args] as const))(
      "PKCS#8 with %s",
      async (_, args) => {
        for (const form of ["PEM", "DER"]) {
          const path = newPath();
          await runPeer("openssl", [
            ...["pkcs8", "-topk8", "-in", pathOf(kind.name), ...args],
            ...["-passout", `pass:${PASSPHRASE}`, "-outform", form, "-out", path],
          ]);
          await expectSameKey(kind.name, path, PASSPHRASE);
          expect(await codeOf(readPrivateKey(path, { passphrase: "wrong" }))).toBe(
            "ERR_KEY_PASSPHRASE_WRONG",
          );
          expect(await codeOf(readPrivateKey(path, { passphrase: "" }))).toBe("ERR_KEY_PASSPHRASE_WRONG");
          expect(await codeOf(readPrivateKey(path))).toBe("ERR_KEY_PASSPHRASE_REQUIRED");
          const bytes = await readFile(path);
          const cut = parsePrivateKey(bytes.subarray(0, -20), { passphrase: PASSPHRASE, fileName: "cut" });
          await expect(cut).rejects.toMatchObject({
            code: "ERR_KEY_DAMAGED",
            message: expect.stringMatching(/^cut: /),
          });
        }
      },
    );

    if (kind.name === "ed25519") return;
    test("the traditional form in the clear, PEM and DER", async () => {
      for (const form of ["PEM", "DER"]) {
        const path = newPath();
        const command = kind.name === "rsa" ? ["rsa", "-traditional"] : ["ec"];
        await runPeer("openssl", [...command, "-in", pathOf(kind.name), "-outform", form, "-out", path]);
        await expectSameKey(kind.name, path);
      }
    });

    test.each(TRADITIONAL_CIPHERS)("the traditional form with %s", async (cipher) => {
      const path = newPath();
      const command = kind.name === "rsa" ? ["rsa", "-traditional"] : ["ec"];
      await runPeer("openssl", [
        ...[...command, cipher, "-in", pathOf(kind.name)],
        ...["-passout", `pass:${PASSPHRASE}`, "-out", path],
      ]);
      await expectSameKey(kind.name, path, PASSPHRASE);
      expect(await codeOf(readPrivateKey(path, { passphrase: "wrong" }))).toBe("ERR_KEY_PASSPHRASE_WRONG");
      expect(await codeOf(readPrivateKey(path))).toBe("ERR_KEY_PASSPHRASE_REQUIRED");
      const lines = (await readFile(path, "utf8")).split("\n");
      expect(lines[1]).toBe("Proc-Type: 4,ENCRYPTED");
      lines.splice(5, 1);
      expect(await codeOf(parsePrivateKey(lines.join("\n").slice(0, -40)))).toBe("ERR_KEY_DAMAGED");
      const [first, second, , ...rest] = lines;
      expect(await codeOf(parsePrivateKey([first, second, "DEK-Info: RC2-CBC,00", ...rest].join("\n")))).toBe(
        "ERR_KEY_UNSUPPORTED",
      );
    });
  });

  test("a wrong passphrase is a wrong passphrase even when the padding happens to fit", async () => {
    // One in 256 wrong passphrases decrypts to valid padding and then to no key.
    const old = newPath();
    await runPeer("openssl", ["ec", "-aes128", "-in", pathOf("p256"), "-passout", "pass:right", "-out", old]);
    const pkcs8 = newPath();
    const encryption = ["-v2", "aes-128-cbc", "-iter", "1", "-passout", "pass:right"];
    await runPeer("openssl", ["pkcs8", "-topk8", "-in", pathOf("p256"), ...encryption, "-out", pkcs8]);
    for (const path of [old, pkcs8]) {
      const text = await readFile(path);
      for (let attempt = 0; attempt < 1000; attempt += 1) {
        const code = await codeOf(parsePrivateKey(text, { passphrase: `wrong ${attempt}` }));
        if (code !== "ERR_KEY_PASSPHRASE_WRONG") throw new Error(`attempt ${attempt} gave ${code}`);
      }
    }
  });

  test("derivations that cost too much are refused at once", async () => {
    const passphrase = ["-passout", "pass:x"];
    const encrypt = async (...args: string[]) => {
      const path = newPath();
      const input = ["-in", pathOf("ed25519"), "-outform", "DER"];
      await runPeer("openssl", ["pkcs8", "-topk8", ...input, ...args, ...passphrase, "-out", path]);
      return readFile(path);
    };
    const scrypt = await encrypt("-scrypt");
    expect(await codeOf(parsePrivateKey(scrypt, { passphrase: "x" }))).toBe("read");
    // r is 8, between N of 16384 and p of 1; 127 asks for 254 MiB.
    const place = scrypt.indexOf(Buffer.from("02024000020108020101", "hex"));
    expect(place).toBeGreaterThan(0);
    scrypt[place + 6] = 127;
    for (const bytes of [scrypt, await encrypt("-v2", "aes-256-cbc", "-iter", "5000001")]) {
      const started = performance.now();
      await expect(parsePrivateKey(bytes, { passphrase: "x" })).rejects.toMatchObject({
        code: "ERR_KEY_UNSUPPORTED",
        message: expect.stringContaining("allowed"),
      });
      expect(performance.now() - started).toBeLessThan(500);
    }
  });

  test("kinds that are not ours are refused by name", async () => {
    const kinds: readonly (readonly string[])[] = [
      ["-algorithm", "ed448"],
      ["-algorithm", "X25519"],
      ["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:1024"],
      ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
      ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"],
      ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1016"],
      ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-pkeyopt", "rsa_keygen_primes:3"],
    ];
    for (const args of kinds) {
      const path = newPath();
      await runPeer("openssl", ["genpkey", "-quiet", ...args, "-out", path]);
      const code = await codeOf(readPrivateKey(path));
      expect([args.join(" "), code]).toEqual([args.join(" "), expect.stringMatching(/UNSUPPORTED|DAMAGED/)]);
      if (!args.includes("rsa_keygen_primes:3")) expect(code).toBe("ERR_KEY_UNSUPPORTED");
      // Inside of the encryption OpenSSL recognises P-256 in explicit parameters.
      if (args.includes("ec_param_enc:explicit")) continue;
      const encrypted = newPath();
      await runPeer("openssl", ["pkcs8", "-topk8", "-in", path, "-passout", "pass:x", "-out", encrypted]);
      expect(await codeOf(readPrivateKey(encrypted, { passphrase: "x" }))).toBe(code);
    }
  });

  test("RSA of 1024 bits is the least", async () => {
    const path = newPath();
    await runPeer("openssl", [
      "genpkey",
      "-quiet",
      "-algorithm",
      "RSA",
      "-pkeyopt",
      "rsa_keygen_bits:1024",
      "-out",
      path,
    ]);
    expect((await readPrivateKey(path)).bits).toBe(1024);
  });

  test("the first private key of several blocks counts, and a PKCS#12 file is refused", async () => {
    const certificate = newPath();
    const request = ["req", "-x509", "-key", pathOf("rsa"), "-subj", "/CN=x", "-days", "1"];
    await runPeer("openssl", [...request, "-out", certificate]);
    const parts = [
      await readFile(certificate, "utf8"),
      await readFile(pathOf("rsa"), "utf8"),
      await readFile(pathOf("p256"), "utf8"),
    ];
    expect((await parsePrivateKey(parts.join("some words\n"))).type).toBe("ssh-rsa");
    expect(await codeOf(readPrivateKey(certificate))).toBe("ERR_KEY_UNSUPPORTED");
    const pkcs12 = newPath();
    const input = ["-in", certificate, "-inkey", pathOf("rsa")];
    await runPeer("openssl", ["pkcs12", "-export", ...input, "-passout", "pass:x", "-out", pkcs12]);
    expect(await codeOf(readPrivateKey(pkcs12))).toBe("ERR_KEY_UNSUPPORTED");
  });
});

describe("private keys that node:crypto writes", () => {
  const der = (key: KeyObject) => key.export({ format: "der", type: "pkcs8" });

  test("PKCS#8 of version 2, with the public key inside", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const publicBytes = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
    const withPublic = (bytes: Buffer) => {
      const inner = Buffer.concat([
        Buffer.from("020101", "hex"),
        der(privateKey).subarray(5),
        Buffer.from("812100", "hex"),
        bytes,
      ]);
      return Buffer.concat([Buffer.from([0x30, inner.length]), inner]);
    };
    const key = await parsePrivateKey(withPublic(publicBytes));
    expect(key.publicKey.blob.subarray(-32)).toEqual(publicBytes);
    expect(await codeOf(parsePrivateKey(withPublic(Buffer.alloc(32, 1))))).toBe("ERR_KEY_DAMAGED");
  });

  test("an RSA key whose numbers do not belong together is damaged", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const bytes = privateKey.export({ format: "der", type: "pkcs1" });
    expect((await parsePrivateKey(bytes)).bits).toBe(2048);
    for (let position = 20; position < bytes.length; position += 9) {
      const copy = Buffer.from(bytes);
      copy[position] = (copy[position] ?? 0) ^ 0x04;
      expect([position, await codeOf(parsePrivateKey(copy))]).toEqual([
        position,
        expect.stringMatching(/^ERR_KEY_(DAMAGED|UNSUPPORTED)$/),
      ]);
    }
  });

  test("an elliptic key with another key's point is damaged", async () => {
    const [one, other] = [
      generateKeyPairSync("ec", { namedCurve: "P-256" }),
      generateKeyPairSync("ec", { namedCurve: "P-256" }),
    ];
    const bytes = Buffer.from(der(one.privateKey));
    der(other.privateKey)
      .subarray(-64)
      .copy(bytes, bytes.length - 64);
    // OpenSSL takes it.
    expect(createPrivateKey({ key: bytes, format: "der", type: "pkcs8" }).asymmetricKeyType).toBe("ec");
    expect(await codeOf(parsePrivateKey(bytes))).toBe("ERR_KEY_DAMAGED");
  });
});

describe("files that are no private keys", () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());

  test.each([
    ["nothing", "", "ERR_KEY_DAMAGED"],
    ["words", "hello", "ERR_KEY_UNSUPPORTED"],
    ["a public key", "ssh-ed25519 AAAA", "ERR_KEY_UNSUPPORTED"],
    ["an unknown PEM block", "-----BEGIN DOG-----\nAAAA\n-----END DOG-----\n", "ERR_KEY_UNSUPPORTED"],
    ["PEM without an end", "-----BEGIN PRIVATE KEY-----\nAAAA\n", "ERR_KEY_DAMAGED"],
    ["PEM without content", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "ERR_KEY_DAMAGED"],
    [
      "PEM with foreign characters",
      "-----BEGIN PRIVATE KEY-----\nM!!!\n-----END PRIVATE KEY-----\n",
      "ERR_KEY_DAMAGED",
    ],
    [
      "a DSA key",
      "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n",
      "ERR_KEY_UNSUPPORTED",
    ],
    ["a key of ssh.com", "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n", "ERR_KEY_UNSUPPORTED"],
    ["too much", "x".repeat(1024 * 1024 + 1), "ERR_KEY_UNSUPPORTED"],
  ])("%s", async (_, content, code) => {
    await expect(parsePrivateKey(content, { fileName: "some.file" })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^some\.file: /),
      details: { fileName: "some.file" },
    });
  });

  test("a missing file, a folder and an endless one", async () => {
    const missing = `${folder.path}/missing`;
    await expect(readPrivateKey(missing)).rejects.toMatchObject({
      code: "ERR_KEY_NOT_FOUND",
      message: expect.stringContaining(missing),
    });
    expect(await codeOf(readPrivateKey(folder.path))).toBe("ERR_KEY_UNREADABLE");
    expect(await codeOf(readPrivateKey("/dev/zero"))).toBe("ERR_KEY_UNSUPPORTED");
  });
});
