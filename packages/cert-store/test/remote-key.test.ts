import { constants, type KeyObject, privateDecrypt, publicEncrypt, sign } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  GENERATED_KEY_KINDS,
  generatePrivateKey,
  type PrivateKey,
  type RemoteKeyOptions,
  type RemoteSignRequest,
  remoteKey,
  type SoftwarePrivateKey,
} from "@waybill/cert-store";
import { describeWithPeers, peers, type TemporaryFolder, temporaryFolder } from "@waybill/testing";
import { opensslVerifies } from "./openssl-operations.js";

const DATA = Buffer.from("what is signed");
const keys = new Map<string, SoftwarePrivateKey>();
const keyOf = (kind: string) => keys.get(kind) as SoftwarePrivateKey;

beforeAll(async () => {
  for (const kind of GENERATED_KEY_KINDS)
    keys.set(kind, await generatePrivateKey(kind, kind === "rsa" ? { bits: 2048 } : {}));
});

/** A key management service: it takes hashes, or data where there is no hash. */
function service(key: KeyObject, request: RemoteSignRequest): Buffer {
  const { data, hash, padding } = request;
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return sign(hash ?? null, data, { key, ...(padding === "pss" && pss) });
}
const remoteOf = (kind: string, options: Partial<RemoteKeyOptions> = {}): PrivateKey => {
  const key = keyOf(kind);
  return remoteKey({
    publicKey: key.publicKey,
    sign: async (request) => service(key.keyObject, request),
    decrypt: (ciphertext, scheme) => key.decrypt(ciphertext, scheme),
    deriveSecret: (other) => key.deriveSecret(other),
    ...options,
  });
};

describe.each(GENERATED_KEY_KINDS)("a remote %s key", (kind) => {
  test("signs for SSH with each of its algorithms", async () => {
    const key = remoteOf(kind);
    const { type, bits, comment, algorithms, publicKey } = keyOf(kind);
    expect(key).toMatchObject({ type, bits, comment, algorithms, publicKey });
    for (const algorithm of algorithms)
      expect(publicKey.verify(DATA, await key.sign(DATA, algorithm), algorithm)).toBe(true);
  });

  test("what the functions are given", async () => {
    const requests: RemoteSignRequest[] = [];
    const key = remoteOf(kind, {
      sign: async (request) => {
        requests.push(request);
        return service(keyOf(kind).keyObject, request);
      },
    });
    await key.sign(DATA);
    await key.signWith(DATA, { hash: "sha256" });
    const [, request] = requests;
    expect(request?.data).toEqual(DATA);
    if (kind === "ed25519")
      expect(request).toMatchObject({ hash: undefined, digest: undefined, padding: undefined });
    else {
      expect(request).toMatchObject({ hash: "sha256", padding: kind === "rsa" ? "pkcs1" : undefined });
      expect(request?.digest).toHaveLength(32);
    }
  });

  test("a signature of another key, of other data, no signature at all: ERR_KEY_SIGN", async () => {
    const stranger = await generatePrivateKey(kind, kind === "rsa" ? { bits: 2048 } : {});
    const results: unknown[] = [
      await stranger.signWith(DATA, { hash: "sha256" }),
      await keyOf(kind).signWith(Buffer.from("else"), { hash: "sha256" }),
      Buffer.alloc(0),
      Buffer.alloc(100_000),
      "text",
      undefined,
    ];
    for (const result of results) {
      const key = remoteOf(kind, { sign: async () => result as Uint8Array });
      await expect(key.signWith(DATA, { hash: "sha256" })).rejects.toMatchObject({ code: "ERR_KEY_SIGN" });
      await expect(key.sign(DATA)).rejects.toMatchObject({ code: "ERR_KEY_SIGN" });
    }
  });

  test("what a function throws is the cause", async () => {
    const cause = new Error("the service is closed today");
    const key = remoteOf(kind, { sign: () => Promise.reject(cause) });
    await expect(key.sign(DATA)).rejects.toMatchObject({ code: "ERR_KEY_SIGN", cause });
  });

  test("without a function: ERR_KEY_ALGORITHM", async () => {
    const key = remoteKey({ publicKey: keyOf(kind).publicKey });
    expect(key.algorithms).toEqual([]);
    for (const work of [
      () => key.sign(DATA),
      () => key.signWith(DATA, { hash: "sha256" }),
      () => key.decrypt(Buffer.alloc(256), { padding: "pkcs1" }),
      () =>
        key.deriveSecret(kind.startsWith("ecdsa") ? keyOf(kind).publicKey.keyObject : keyOf("rsa").keyObject),
    ])
      await expect(work()).rejects.toMatchObject({ code: "ERR_KEY_ALGORITHM" });
  });
});

describe("a remote RSA key", () => {
  test("only the algorithms that the service has", async () => {
    const key = remoteOf("rsa", { algorithms: ["rsa-sha2-256"] });
    expect(key.algorithms).toEqual(["rsa-sha2-256"]);
    await expect(key.sign(DATA, "rsa-sha2-512")).rejects.toMatchObject({ code: "ERR_KEY_ALGORITHM" });
  });

  test("decrypts", async () => {
    const secret = Buffer.from("a content encryption key");
    const ciphertext = publicEncrypt({ key: keyOf("rsa").publicKey.keyObject, oaepHash: "sha256" }, secret);
    const key = remoteOf("rsa", {
      decrypt: async (bytes) => privateDecrypt({ key: keyOf("rsa").keyObject, oaepHash: "sha256" }, bytes),
    });
    expect(Buffer.from(await key.decrypt(ciphertext, { padding: "oaep", hash: "sha256" }))).toEqual(secret);
    for (const bytes of [ciphertext.subarray(1), Buffer.alloc(256, 1)])
      await expect(key.decrypt(bytes, { padding: "oaep", hash: "sha256" })).rejects.toMatchObject({
        code: "ERR_KEY_DECRYPT",
      });
    const wrong = remoteOf("rsa", { decrypt: async () => "text" as unknown as Uint8Array });
    await expect(wrong.decrypt(ciphertext, { padding: "pkcs1" })).rejects.toMatchObject({
      code: "ERR_KEY_DECRYPT",
    });
  });
});

test("a remote EC key agrees, and a secret of another length is refused", async () => {
  const other = await generatePrivateKey("ecdsa-p256");
  const shared = await other.deriveSecret(keyOf("ecdsa-p256").publicKey.keyObject);
  expect(await remoteOf("ecdsa-p256").deriveSecret(other.publicKey.keyObject)).toEqual(shared);
  const wrong = remoteOf("ecdsa-p256", { deriveSecret: async () => Buffer.alloc(31) });
  await expect(wrong.deriveSecret(other.publicKey.keyObject)).rejects.toMatchObject({
    code: "ERR_KEY_DECRYPT",
  });
  const far = remoteOf("ecdsa-p256").deriveSecret(keyOf("ecdsa-p384").publicKey.keyObject);
  await expect(far).rejects.toMatchObject({ code: "ERR_KEY_DECRYPT" });
});

describeWithPeers("remote keys and openssl", [peers.openssl], () => {
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());

  test.each([
    ["rsa", { hash: "sha384", padding: "pss" }],
    ["rsa", { hash: "sha256" }],
    ["ecdsa-p384", { hash: "sha384" }],
    ["ed25519", { hash: "sha512" }],
  ] as const)("openssl verifies %s, %j", async (kind, scheme) => {
    const key = remoteOf(kind);
    const signature = await key.signWith(DATA, scheme);
    expect(await opensslVerifies(folder.path, key, DATA, signature, scheme)).toBe(true);
  });
});
