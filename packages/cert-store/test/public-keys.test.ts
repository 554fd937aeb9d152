import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  fingerprintOf,
  generatePrivateKey,
  matchesFingerprint,
  parseFingerprint,
  parsePublicKey,
  publicKeyFromBlob,
  readPublicKey,
} from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { COMMENT, KINDS, makeKey, runPeer } from "./key-fixtures.js";

describeWithPeers("public keys of ssh-keygen and openssl", [peers.sshKeygen, peers.openssl], () => {
  let folder: TemporaryFolder;
  const paths = new Map<string, string>();
  const pathOf = (name: string) => paths.get(name) ?? "";
  beforeAll(async () => {
    folder = await temporaryFolder();
    for (const kind of KINDS) paths.set(kind.name, await makeKey(folder.path, kind));
  });
  afterAll(() => folder.remove());

  /** The files of one key in every form, by the name of the form. */
  async function formsOf(name: string): Promise<Map<string, string | Buffer>> {
    const path = pathOf(name);
    const forms = new Map<string, string | Buffer>([
      ["OpenSSH", await readFile(`${path}.pub`, "utf8")],
      ["RFC 4716", await runPeer("sshKeygen", ["-e", "-f", `${path}.pub`])],
    ]);
    // ssh-keygen exports no Ed25519 key to PEM, so openssl gets ours.
    const pem = `${path}.spki`;
    const key = await readPublicKey(`${path}.pub`);
    await writeFile(pem, key.keyObject.export({ format: "pem", type: "spki" }));
    const opensslForms: [string, string[]][] = [["SPKI", ["pkey", "-pubin"]]];
    if (name === "rsa") opensslForms.push(["PKCS#1", ["rsa", "-pubin", "-RSAPublicKey_out"]]);
    const authority = `${folder.path}/authority-${name}`;
    const subject = ["-subj", "/CN=x", "-days", "1"];
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null"];
    await runPeer("openssl", ["req", "-x509", ...newKey, ...subject, "-out", `${authority}.pem`]);
    for (const form of ["PEM", "DER"]) {
      for (const [label, command] of opensslForms) {
        const out = `${path}-${label}-${form}`;
        await runPeer("openssl", [...command, "-in", pem, "-outform", form, "-out", out]);
        forms.set(`${label} ${form}`, await readFile(out));
      }
      const certificate = `${path}-certificate-${form}`;
      const forced = [
        "x509",
        "-in",
        `${authority}.pem`,
        "-force_pubkey",
        pem,
        "-signkey",
        `${authority}.key`,
      ];
      await runPeer("openssl", ["genpkey", "-quiet", "-algorithm", "ed25519", "-out", `${authority}.key`]);
      await runPeer("openssl", [...forced, "-outform", form, "-out", certificate]);
      forms.set(`X.509 ${form}`, await readFile(certificate));
    }
    return forms;
  }

  test.each(KINDS)("$name in every form", async (kind) => {
    const line = await readFile(`${pathOf(kind.name)}.pub`, "utf8");
    const forms = await formsOf(kind.name);
    expect(forms.size).toBe(kind.name === "rsa" ? 8 : 6);
    for (const [form, content] of forms) {
      const key = parsePublicKey(content);
      expect([form, key.type, key.bits]).toEqual([form, kind.type, kind.bits]);
      expect([form, key.blob.toString("base64")]).toEqual([form, line.split(" ")[1]]);
      expect(publicKeyFromBlob(key.blob).equals(key)).toBe(true);
      const damaged = Buffer.from(content);
      const cut = damaged.subarray(0, Math.floor(damaged.length / 2));
      expect(() => parsePublicKey(cut, { fileName: "half" })).toThrow(
        expect.objectContaining({ code: "ERR_KEY_DAMAGED", message: expect.stringMatching(/^half: /) }),
      );
    }
    expect(parsePublicKey(line).comment).toBe(COMMENT);
  });

  test.each(KINDS)("the fingerprints of $name are ssh-keygen's", async (kind) => {
    const key = await readPublicKey(`${pathOf(kind.name)}.pub`);
    for (const hash of ["md5", "sha1", "sha256"] as const) {
      const printed = await runPeer("sshKeygen", ["-l", "-E", hash, "-f", `${pathOf(kind.name)}.pub`]);
      const [bits, fingerprint = ""] = printed.split(" ");
      expect(bits).toBe(String(kind.bits));
      expect(key.fingerprint(hash)).toBe(fingerprint);
      expect(matchesFingerprint(key, fingerprint)).toBe(true);
      expect(matchesFingerprint(key, key.fingerprint(hash, "hex"))).toBe(true);
    }
    expect(key.fingerprint()).toBe(key.fingerprint("sha256", "openssh"));
  });

  test("a comment of RFC 4716 over several lines", async () => {
    const text = await runPeer("sshKeygen", ["-e", "-f", `${pathOf("ed25519")}.pub`]);
    const altered = text.replace(/^Comment: .*$/m, 'x-other: 1\nComment: "one \\\ntwo \\\nthree"');
    expect(altered).not.toBe(text);
    expect(parsePublicKey(altered).comment).toBe("one two three");
    const endless = text.replace(/^Comment: .*$/m, `Comment: ${"a\\\n".repeat(300_000)}`);
    expect(() => parsePublicKey(endless)).toThrow(expect.objectContaining({ code: "ERR_KEY_DAMAGED" }));
  });

  test("certificates of OpenSSH and DSA keys are not supported", async () => {
    const path = pathOf("ed25519");
    await runPeer("sshKeygen", ["-q", "-s", pathOf("p256"), "-I", "id", "-n", "ann", `${path}.pub`]);
    await expect(readPublicKey(`${path}-cert.pub`)).rejects.toMatchObject({
      code: "ERR_KEY_UNSUPPORTED",
      message: expect.stringContaining("certificates"),
    });
    const dsa = Buffer.concat([Buffer.from("\0\0\0\u0007ssh-dss", "latin1"), Buffer.alloc(4 * 8)]);
    expect(() => parsePublicKey(`ssh-dss ${dsa.toString("base64")} old`)).toThrow(
      expect.objectContaining({ code: "ERR_KEY_UNSUPPORTED", message: expect.stringContaining("ssh-dss") }),
    );
  });

  test("one file, one key", async () => {
    const [one, two] = [
      await readFile(`${pathOf("p256")}.pub`, "utf8"),
      await readFile(`${pathOf("p384")}.pub`, "utf8"),
    ];
    expect(parsePublicKey(`# my key\r\n\r\n${one.trim()}\r\n`).bits).toBe(256);
    expect(() => parsePublicKey(one + two)).toThrow(expect.objectContaining({ code: "ERR_KEY_UNSUPPORTED" }));
    expect(() => parsePublicKey(`restrict ${one}`)).toThrow(
      expect.objectContaining({ code: "ERR_KEY_UNSUPPORTED" }),
    );
    expect(() => parsePublicKey(one.replace("nistp256", "nistp384"))).toThrow(
      expect.objectContaining({ code: "ERR_KEY_DAMAGED" }),
    );
  });
});

describe("keys on the wire", () => {
  const string = (value: string | Buffer) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const modulus = (bytes: number) => Buffer.concat([Buffer.from([0, 0x81]), Buffer.alloc(bytes - 1, 0x55)]);
  const rsa = (n: Buffer, e: Buffer = Buffer.from([1, 0, 1])) =>
    Buffer.concat([string("ssh-rsa"), string(e), string(n)]);
  const codeOf = (blob: Buffer) => {
    try {
      publicKeyFromBlob(blob);
      return "read";
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test("RSA within its limits", () => {
    expect(codeOf(rsa(modulus(128)))).toBe("read");
    expect(codeOf(rsa(modulus(127)))).toBe("ERR_KEY_UNSUPPORTED");
    expect(codeOf(rsa(modulus(2048)))).toBe("read");
    expect(codeOf(rsa(modulus(2049)))).toBe("ERR_KEY_UNSUPPORTED");
    expect(codeOf(rsa(modulus(256), Buffer.from([1])))).toBe("ERR_KEY_DAMAGED");
    expect(codeOf(rsa(modulus(256), Buffer.from([2])))).toBe("ERR_KEY_DAMAGED");
    expect(codeOf(rsa(modulus(256), Buffer.alloc(0)))).toBe("ERR_KEY_DAMAGED");
  });

  test("numbers in another than their one form are refused: two forms would be two fingerprints", () => {
    expect(codeOf(rsa(Buffer.concat([Buffer.alloc(1), modulus(256)])))).toBe("ERR_KEY_DAMAGED");
    expect(codeOf(rsa(modulus(256).subarray(1)))).toBe("ERR_KEY_DAMAGED");
    expect(codeOf(Buffer.concat([rsa(modulus(256)), Buffer.alloc(1)]))).toBe("ERR_KEY_DAMAGED");
  });

  test("points must be on their curve", async () => {
    const { blob } = (await generatePrivateKey("ecdsa-p256")).publicKey;
    const off = Buffer.from(blob);
    off[off.length - 1] = (off.at(-1) ?? 0) ^ 1;
    expect(codeOf(off)).toBe("ERR_KEY_DAMAGED");
    const compressed = Buffer.concat([
      blob.subarray(0, blob.length - 69),
      string(Buffer.concat([Buffer.from([2]), blob.subarray(-64, -32)])),
    ]);
    expect(codeOf(compressed)).toBe("ERR_KEY_UNSUPPORTED");
    const otherCurve = Buffer.concat([string("ecdsa-sha2-nistp256"), string("nistp384"), blob.subarray(-69)]);
    expect(codeOf(otherCurve)).toBe("ERR_KEY_DAMAGED");
    const ed25519 = Buffer.concat([string("ssh-ed25519"), string(Buffer.alloc(31))]);
    expect(codeOf(ed25519)).toBe("ERR_KEY_DAMAGED");
  });

  test("the key keeps its own bytes", async () => {
    const blob = Buffer.from((await generatePrivateKey("ed25519")).publicKey.blob);
    const key = publicKeyFromBlob(blob);
    const before = key.fingerprint();
    blob.fill(0);
    expect(key.fingerprint()).toBe(before);
  });
});

describe("fingerprints", () => {
  // SHA-256, SHA-1 and MD5 of nothing.
  const empty = Buffer.alloc(0);

  test("in both forms", () => {
    expect(fingerprintOf(empty)).toBe("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
    expect(fingerprintOf(empty, "sha1")).toBe("SHA1:2jmj7l5rSw0yVb/vlWAYkK/YBwk");
    expect(fingerprintOf(empty, "sha1", "hex")).toBe(
      "da:39:a3:ee:5e:6b:4b:0d:32:55:bf:ef:95:60:18:90:af:d8:07:09",
    );
    expect(fingerprintOf(empty, "md5")).toBe("MD5:d4:1d:8c:d9:8f:00:b2:04:e9:80:09:98:ec:f8:42:7e");
    expect(fingerprintOf(empty, "md5", "hex")).toBe("d4:1d:8c:d9:8f:00:b2:04:e9:80:09:98:ec:f8:42:7e");
  });

  test.each([
    ["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "sha256"],
    ["sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "sha256"],
    [" SHA1:2jmj7l5rSw0yVb/vlWAYkK/YBwk \n", "sha1"],
    ["MD5:D4:1D:8C:D9:8F:00:B2:04:E9:80:09:98:EC:F8:42:7E", "md5"],
    ["d4:1d:8c:d9:8f:00:b2:04:e9:80:09:98:ec:f8:42:7e", "md5"],
    ["da39a3ee5e6b4b0d3255bfef95601890afd80709", "sha1"],
    ["SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "sha256"],
  ] as const)("%j is read", (text, hash) => {
    const fingerprint = parseFingerprint(text);
    expect(fingerprint.hash).toBe(hash);
    expect(fingerprintOf(empty, hash, "hex").replaceAll(":", "")).toBe(fingerprint.digest.toString("hex"));
  });

  test.each([
    "",
    "SHA256:",
    "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF",
    "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV",
    "SHA512:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
    "SHA1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
    "MD5:47DEQpj8HBSa+/TImW+5JA",
    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
    "d4:1d:8c",
    "d4:1d8c:d9:8f:00:b2:04:e9:80:09:98:ec:f8:42:7e",
  ])("%j is none", (text) => {
    expect(() => parseFingerprint(text)).toThrow(
      expect.objectContaining({ code: "ERR_FINGERPRINT_INVALID" }),
    );
  });

  test("another key's does not match", async () => {
    const [one, other] = [await generatePrivateKey("ed25519"), await generatePrivateKey("ed25519")];
    expect(matchesFingerprint(one.publicKey, other.publicKey.fingerprint())).toBe(false);
    expect(one.publicKey.equals(other.publicKey)).toBe(false);
  });
});
