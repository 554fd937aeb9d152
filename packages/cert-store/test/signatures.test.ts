import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  GENERATED_KEY_KINDS,
  generatePrivateKey,
  readPrivateKey,
  type SignatureAlgorithm,
  type SoftwarePrivateKey,
  writeKeyPair,
} from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { runPeer } from "./key-fixtures.js";

const keys = new Map<string, SoftwarePrivateKey>();
const keyOf = (kind: string) => keys.get(kind) as SoftwarePrivateKey;

beforeAll(async () => {
  for (const kind of GENERATED_KEY_KINDS) {
    keys.set(kind, await generatePrivateKey(kind, kind === "rsa" ? { bits: 2048 } : {}));
  }
});

describe.each(GENERATED_KEY_KINDS)("%s", (kind) => {
  const data = Buffer.from("the data");

  test("signs with each of its algorithms, and only they verify it", async () => {
    const key = keyOf(kind);
    for (const algorithm of key.algorithms) {
      const signature = await key.sign(data, algorithm);
      expect(key.publicKey.verify(data, signature, algorithm)).toBe(true);
      expect(key.publicKey.verify(Buffer.from("other data"), signature, algorithm)).toBe(false);
      for (const other of ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256", "ssh-rsa"] as const) {
        if (other !== algorithm) expect(key.publicKey.verify(data, signature, other)).toBe(false);
      }
    }
    expect(key.publicKey.verify(data, await key.sign(data))).toBe(true);
  });

  test("another key's signature, and anything else, is false", async () => {
    const key = keyOf(kind);
    const other = await generatePrivateKey(kind, kind === "rsa" ? { bits: 2048 } : {});
    expect(key.publicKey.verify(data, await other.sign(data))).toBe(false);
    const signature = Buffer.from(await key.sign(data));
    for (let position = 0; position < signature.length; position += 3) {
      const changed = Buffer.from(signature);
      changed[position] = (changed[position] ?? 0) ^ 1;
      expect(key.publicKey.verify(data, changed)).toBe(false);
    }
    for (const malformed of [
      Buffer.alloc(0),
      signature.subarray(0, -1),
      Buffer.concat([signature, Buffer.alloc(1)]),
      Buffer.alloc(signature.length),
      Buffer.alloc(4, 0xff),
    ]) {
      expect(key.publicKey.verify(data, malformed)).toBe(false);
    }
  });

  test("refuses an algorithm of other keys", async () => {
    for (const algorithm of [
      kind === "rsa" ? "ssh-ed25519" : "rsa-sha2-512",
      "none" as SignatureAlgorithm,
    ] as const) {
      await expect(keyOf(kind).sign(data, algorithm)).rejects.toMatchObject({ code: "ERR_KEY_ALGORITHM" });
      expect(keyOf(kind).publicKey.verify(data, Buffer.alloc(64), algorithm)).toBe(false);
    }
  });
});

test("RSA without the leading zeros of a signature", async () => {
  const key = keyOf("rsa");
  for (let attempt = 0; ; attempt += 1) {
    const data = Buffer.from(String(attempt));
    const signature = await key.sign(data);
    expect(signature).toHaveLength(256);
    if (signature[0] !== 0) continue;
    expect(key.publicKey.verify(data, signature.subarray(1))).toBe(true);
    break;
  }
});

test("RSA never signs with SHA-1 unless told to", () => {
  expect(keyOf("rsa").algorithms).toEqual(["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]);
});

describeWithPeers("signatures and ssh-keygen", [peers.sshKeygen], () => {
  const MESSAGE = "what is signed";
  const NAMESPACE = "file";
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());

  const string = (value: string | Uint8Array) => {
    const bytes = Buffer.from(value as string);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const strings = (...values: (string | Uint8Array)[]) => Buffer.concat(values.map(string));

  /** What ssh-keygen signs and the frame of its signatures (OpenSSH's PROTOCOL.sshsig). */
  const signedData = Buffer.concat([
    Buffer.from("SSHSIG"),
    strings(NAMESPACE, "", "sha512", createHash("sha512").update(MESSAGE).digest()),
  ]);

  test.each(GENERATED_KEY_KINDS)("ssh-keygen verifies what our %s signs", async (kind) => {
    const key = keyOf(kind);
    const [algorithm = key.type] = key.algorithms;
    const signature = strings(algorithm, await key.sign(signedData, algorithm));
    const frame = Buffer.concat([
      Buffer.from("SSHSIG\0\0\0\u0001", "latin1"),
      strings(key.publicKey.blob, NAMESPACE, "", "sha512", signature),
    ]);
    const armoured = `-----BEGIN SSH SIGNATURE-----\n${frame.toString("base64")}\n-----END SSH SIGNATURE-----\n`;
    const path = `${folder.path}/${kind}.sig`;
    await writeFile(path, armoured);
    const printed = await runPeer(
      "sshKeygen",
      ["-Y", "check-novalidate", "-n", NAMESPACE, "-s", path],
      MESSAGE,
    );
    expect(printed).toContain(key.publicKey.fingerprint());
  });

  test.each(GENERATED_KEY_KINDS)("our %s verifies what ssh-keygen signs", async (kind) => {
    const path = `${folder.path}/${kind}`;
    await writeKeyPair(path, keyOf(kind));
    await writeFile(`${path}.txt`, MESSAGE);
    await runPeer("sshKeygen", ["-q", "-Y", "sign", "-n", NAMESPACE, "-f", path, `${path}.txt`]);
    const lines = (await readFile(`${path}.txt.sig`, "utf8")).trim().split("\n").slice(1, -1);
    const frame = Buffer.from(lines.join(""), "base64");
    const key = await readPrivateKey(path);
    const [algorithm = key.type] = key.algorithms;
    const start = frame.lastIndexOf(string(algorithm)) + string(algorithm).length;
    expect(key.publicKey.verify(signedData, frame.subarray(start + 4), algorithm)).toBe(true);
  });
});
