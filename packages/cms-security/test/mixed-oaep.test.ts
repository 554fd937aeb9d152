import { constants, createCipheriv, createHash, publicEncrypt, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { unpadOaep } from "@waybill/cert-store";
import { describeWithPeers, peers } from "@waybill/testing";
import fc from "fast-check";
import {
  derAlgorithm,
  derContext,
  derOctetString,
  derSequence,
  derSmallInteger,
} from "../src/ber/der-writer.js";
import { issuerAndSerialNumber } from "../src/certificate-identity.js";
import { hashNamed } from "../src/hashes.js";
import { answerChallenge } from "../src/index.js";
import type { MixedOaep } from "../src/mixed-oaep.js";
import { KEY_ALGORITHM } from "../src/object-identifiers.js";
import { maskGeneration, nestedHash } from "../src/signature-algorithm.js";
import { encryptedMessage } from "./crafted-messages.js";
import { heldIdentity } from "./held-key.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { opened, refusal } from "./messages.js";
import { OpensslPeer } from "./openssl-peer.js";
import { testBytes } from "./streams.js";

const CONTENT = Buffer.from("twenty octets and no");
const AES_256_CBC = derAlgorithm("2.16.840.1.101.3.4.1.42", derOctetString(Buffer.alloc(16)));
const SHA256 = hashNamed("sha256");
const SHA1 = hashNamed("sha1");
const MIXED = { padding: "oaep-mixed", hash: "sha256", maskHash: "sha1" } as const;

let us: TestIdentity;
let stranger: TestIdentity;
beforeAll(async () => {
  [us, stranger] = await Promise.all([newIdentity("us"), newIdentity("stranger")]);
}, 60_000);

/** MGF1 in the words of RFC 8017 appendix B.2.1. */
function mask(seed: Buffer, length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / SHA1.bytes) }, (_, index) => {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(index);
    return createHash("sha1").update(seed).update(counter).digest();
  });
  return Buffer.concat(blocks).subarray(0, length);
}

const xor = (one: Buffer, other: Buffer): Buffer =>
  one.map((byte, index) => byte ^ (other[index] as number)) as Buffer;

/** The block of RFC 8017 section 7.1.1 step 2 around any data block. */
function encoded(data: Buffer, first = 0): Buffer {
  const seed = randomBytes(SHA256.bytes);
  const maskedData = xor(data, mask(seed, data.length));
  const maskedSeed = xor(seed, mask(maskedData, seed.length));
  return Buffer.concat([Buffer.from([first]), maskedSeed, maskedData]);
}

const SIZE = 256;
const DATA_BYTES = SIZE - 1 - SHA256.bytes;
/** As `decryptMixedOaep` has it taken off. */
const unpadMixedOaep = (block: Buffer, { hash, maskHash, label }: MixedOaep) =>
  unpadOaep(block, hash, label ?? Buffer.alloc(0), maskHash);

const labelHash = (label = "") => createHash("sha256").update(label).digest();

function dataBlock(message: Buffer, label = ""): Buffer {
  const zeros = Buffer.alloc(DATA_BYTES - SHA256.bytes - 1 - message.length);
  return Buffer.concat([labelHash(label), zeros, Buffer.from([1]), message]);
}

describe("the padding", () => {
  test("is taken off messages of every length", () => {
    for (let length = 0; length <= DATA_BYTES - SHA256.bytes - 1; length += 1) {
      const message = randomBytes(length);
      expect(unpadMixedOaep(encoded(dataBlock(message)), MIXED)).toEqual(message);
      const label = Buffer.from("label");
      expect(unpadMixedOaep(encoded(dataBlock(message, "label")), { ...MIXED, label })).toEqual(message);
    }
  });

  test("is refused with anything wrong with it", () => {
    const good = dataBlock(Buffer.from("message"));
    const changed = (index: number, value: number): Buffer => {
      const data = Buffer.from(good);
      data[index] = value;
      return data;
    };
    const noSeparator = Buffer.concat([labelHash(), Buffer.alloc(DATA_BYTES - SHA256.bytes)]);
    expect(unpadMixedOaep(encoded(good), MIXED)).toEqual(Buffer.from("message"));
    for (const bad of [
      encoded(good, 1),
      encoded(good, 0xff),
      ...Array.from({ length: SHA256.bytes }, (_, index) =>
        encoded(changed(index, (good[index] as number) ^ 0x80)),
      ),
      encoded(changed(SHA256.bytes, 2)),
      encoded(changed(SHA256.bytes + 20, 0xff)),
      encoded(noSeparator),
      encoded(dataBlock(Buffer.from("message"), "another label")),
      Buffer.alloc(2 * SHA256.bytes + 1),
      Buffer.alloc(0),
    ]) {
      expect(unpadMixedOaep(bad, MIXED)).toBeUndefined();
    }
  });

  test("any data block: the message behind the first one, when only zeros are before it", () => {
    const rest = fc.uint8Array({
      minLength: DATA_BYTES - SHA256.bytes,
      maxLength: DATA_BYTES - SHA256.bytes,
      max: 2,
    });
    fc.assert(
      fc.property(rest, fc.nat(60), (bytes, zeros) => {
        const data = Buffer.concat([labelHash(), Buffer.from(bytes).fill(0, 0, zeros)]);
        const separator = data.findIndex((byte, index) => index >= SHA256.bytes && byte !== 0);
        const expected = separator >= 0 && data[separator] === 1 ? data.subarray(separator + 1) : undefined;
        expect(unpadMixedOaep(encoded(data), MIXED)).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });
});

/** A message whose key is transported in a block that is made here. */
function messageWith(block: Buffer, identity = us): Buffer {
  const { certificate } = identity;
  const parameters = derSequence(derContext(0, nestedHash(SHA256)), derContext(1, maskGeneration(SHA1)));
  const encryptedKey = publicEncrypt(
    { key: certificate.publicKey, padding: constants.RSA_NO_PADDING },
    block,
  );
  const cipher = createCipheriv("aes-256-cbc", Buffer.alloc(32), Buffer.alloc(16));
  return encryptedMessage(identity, {
    algorithm: AES_256_CBC,
    encrypted: Buffer.concat([cipher.update(CONTENT), cipher.final()]),
    recipient: derSequence(
      derSmallInteger(0),
      issuerAndSerialNumber(certificate),
      derAlgorithm(KEY_ALGORITHM.rsaOaep, parameters),
      derOctetString(encryptedKey),
    ),
  });
}

describe("a message", () => {
  const key = Buffer.alloc(32);

  test("is opened, also a challenge", async () => {
    const message = messageWith(encoded(dataBlock(key)));
    const { content, result } = await opened(message, { keys: [us] });
    expect(content).toEqual(CONTENT);
    expect(result.layers).toMatchObject([{ recipients: [{ algorithm: "rsa-oaep-sha256-mgf1-sha1" }] }]);
    expect(await answerChallenge(message, [us])).toEqual(CONTENT);
  });

  test("whose padding or key is wrong gives one error that says nothing", async () => {
    const told = new Set<string>();
    const good = dataBlock(key);
    for (const block of [
      encoded(good, 1),
      encoded(Buffer.concat([Buffer.alloc(32), good.subarray(32)])),
      encoded(dataBlock(Buffer.alloc(24))),
      encoded(dataBlock(Buffer.alloc(0))),
      encoded(dataBlock(Buffer.alloc(32, 1))),
      Buffer.alloc(SIZE),
    ]) {
      // The first octet of what is encrypted has to stay below the modulus.
      const message = messageWith(block);
      const failure = await opened(message, { keys: [us] }).catch((error: unknown) => error);
      const { code, message: text, cause } = failure as { code: string; message: string; cause: unknown };
      told.add(JSON.stringify([code, text, cause]));
    }
    expect([...told]).toEqual([expect.stringContaining("ERR_CMS_DECRYPT")]);
    const wrongKey = { certificate: us.certificate, key: stranger.key };
    expect(await refusal(messageWith(encoded(good)), { keys: [wrongKey] })).toBe("ERR_CMS_DECRYPT");
  });

  test("is no matter for a token", async () => {
    const { identity, asked } = heldIdentity(us);
    expect(await refusal(messageWith(encoded(dataBlock(key))), { keys: [identity] })).toBe(
      "ERR_CMS_ALGORITHM",
    );
    expect(asked).toEqual([]);
  });
});

describeWithPeers("openssl cms with two hashes in RSA-OAEP", [peers.openssl], () => {
  let peer: OpensslPeer;
  beforeAll(async () => {
    peer = await OpensslPeer.start(us);
  });
  afterAll(() => peer?.stop());

  test.each([
    ["sha256", "sha1", []],
    ["sha1", "sha256", []],
    ["sha512", "sha256", ["rsa_oaep_label:6c6162656c"]],
    ["sha3-512", "sha384", []],
  ])("%s, and %s in the mask, %j", async (hash, maskHash, more) => {
    const content = testBytes(1000);
    const options = ["rsa_padding_mode:oaep", `rsa_oaep_md:${hash}`, `rsa_mgf1_md:${maskHash}`, ...more];
    for (const encoding of ["streamed", "definite"] as const) {
      const message = await peer.encrypt(content, "aes-256-cbc", encoding, options);
      const found = await opened(message, { keys: [us] });
      expect(found.content).toEqual(content);
      expect(found.result.layers).toMatchObject([
        { recipients: [{ algorithm: `rsa-oaep-${hash}-mgf1-${maskHash}` }] },
      ]);
    }
  });
});
