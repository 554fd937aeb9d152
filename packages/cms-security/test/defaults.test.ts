import { beforeAll, expect, test } from "@jest/globals";
import {
  authenticationChallenge,
  describeMessage,
  type SealOptions,
  seal,
  signReceipt,
} from "../src/index.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { sealed } from "./messages.js";
import { eerp } from "./receipt-fixtures.js";
import { inChunks, testBytes } from "./streams.js";

const AES_256_WRAP = Buffer.from("060960864801650304012d", "hex");
/** SHA-1 as a hash, and RSA and ECDSA with it; 3DES and RC2 in CBC; the key derivation with SHA-1. */
const WEAK = [
  "06052b0e03021a",
  "06092a864886f70d010105",
  "06072a8648ce3d0401",
  "06082a864886f70d0307",
  "06082a864886f70d0302",
  "06092b81051086483f0002",
].map((hex) => Buffer.from(hex, "hex"));

const KINDS = ["rsa", "P-256", "P-384", "P-521"] as const;
let identities: Map<string, TestIdentity>;

beforeAll(async () => {
  identities = new Map([["rsa", await newIdentity("rsa")]]);
  for (const curve of KINDS.slice(1))
    identities.set(curve, await newIdentity(curve, { type: "ec", curve: curve as "P-256" }));
}, 60_000);

/** Everything that a message says about how it was made. */
function requireNothingWeak(message: Uint8Array): void {
  for (const oid of WEAK) expect(Buffer.from(message).includes(oid)).toBe(false);
}

test("what is weak would be found", async () => {
  const signers = [identities.get("rsa") as TestIdentity];
  const recipients = signers.map(({ certificate }) => certificate);
  const sha1 = await sealed(testBytes(1), { sign: { signers, hash: "sha1" }, allowWeak: true });
  expect(WEAK.some((oid) => sha1.includes(oid))).toBe(true);
  const triple = await sealed(testBytes(1), { encrypt: { recipients, cipher: "des-ede3-cbc" } });
  expect(WEAK.some((oid) => triple.includes(oid))).toBe(true);
  const oaep = { padding: "oaep", hash: "sha1" } as const;
  const transported = await sealed(testBytes(1), { encrypt: { recipients, keyTransport: oaep } });
  expect(WEAK.some((oid) => transported.includes(oid))).toBe(true);
});

test.each(KINDS)("nothing weak is used unasked: messages for and by %s", async (kind) => {
  const identity = identities.get(kind) as TestIdentity;
  const { certificate } = identity;
  const signed = await sealed(testBytes(100), { sign: { signers: [identity] } });
  requireNothingWeak(signed);
  expect((await describeMessage(inChunks(signed))).layers).toMatchObject([
    { signers: [{ hash: "sha256", signature: kind === "rsa" ? "rsa-pkcs1" : "ecdsa" }] },
  ]);
  for (const identifyBy of ["issuerAndSerialNumber", "subjectKeyId"] as const) {
    const encrypted = await sealed(testBytes(100), { encrypt: { recipients: [certificate], identifyBy } });
    requireNothingWeak(encrypted);
    const hash = { rsa: "", "P-256": "sha256", "P-384": "sha384", "P-521": "sha512" }[kind];
    expect((await describeMessage(inChunks(encrypted))).layers).toMatchObject([
      {
        cipher: "aes-256-cbc",
        recipients: [{ algorithm: kind === "rsa" ? "rsa-pkcs1" : `ecdh-${hash}` }],
      },
    ]);
    expect(encrypted.includes(AES_256_WRAP)).toBe(kind !== "rsa");
  }
});

test.each(KINDS)("nothing weak is used unasked: receipts and challenges of %s", async (kind) => {
  const identity = identities.get(kind) as TestIdentity;
  const { signature } = await signReceipt(eerp, identity);
  requireNothingWeak(signature);
  const { envelope } = await authenticationChallenge(identity.certificate);
  requireNothingWeak(envelope);
  expect((await describeMessage(inChunks(envelope))).layers).toMatchObject([{ cipher: "aes-256-cbc" }]);
});

test("OAEP takes the hash that is named, for its mask as well", async () => {
  const { certificate } = identities.get("rsa") as TestIdentity;
  for (const hash of ["sha256", "sha512"] as const) {
    const encrypt = { recipients: [certificate], keyTransport: { padding: "oaep", hash } } as const;
    const message = await sealed(testBytes(10), { encrypt });
    requireNothingWeak(message);
    expect((await describeMessage(inChunks(message))).layers).toMatchObject([
      { recipients: [{ algorithm: `rsa-oaep-${hash}` }] },
    ]);
  }
});

test.each(KINDS)("SHA-1 signs for nobody unasked, however it is named: %s", async (kind) => {
  const identity = identities.get(kind) as TestIdentity;
  const options: SealOptions = { sign: { signers: [identity], hash: "sha1" } };
  const weak = expect.objectContaining({ code: "ERR_CMS_WEAK" });
  expect(() => seal(inChunks(testBytes(1)), options)).toThrow(weak);
  await expect(signReceipt(eerp, { ...identity, hash: "sha1" })).rejects.toEqual(weak);
});
