import { createCipheriv } from "node:crypto";
import { deflateSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  derAlgorithm,
  derContext,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derSmallInteger,
} from "../src/ber/der-writer.js";
import { CONTENT_CIPHERS } from "../src/index.js";
import { ATTRIBUTE, CONTENT_TYPE, KEY_ALGORITHM } from "../src/object-identifiers.js";
import {
  attribute,
  compressedMessage,
  contentInfo,
  encryptedMessage,
  goodAttributes,
  SHA256,
  SHA512,
  type SignedParts,
  signedMessage,
} from "./crafted-messages.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { opened, refusal } from "./messages.js";

const CONTENT = Buffer.from("content");
const OTHER_TYPE = CONTENT_TYPE.signedData;
const AES_256_CBC = derAlgorithm("2.16.840.1.101.3.4.1.42", derOctetString(Buffer.alloc(16)));
const AES_256_GCM = "2.16.840.1.101.3.4.1.46";

let partner: TestIdentity;
let us: TestIdentity;
beforeAll(async () => {
  partner = await newIdentity("partner");
  us = await newIdentity("us");
}, 60_000);

describe("signed", () => {
  const refusalOf = async (parts: SignedParts) =>
    await refusal(await signedMessage(partner, parts), { signers: [partner.certificate] });

  test("the crafted message is good as long as nothing is wrong with it", async () => {
    expect(await refusalOf({})).toBeUndefined();
    // In another order than DER's, and with attributes that nobody knows.
    const attributes = [...goodAttributes(CONTENT).reverse(), attribute("1.2.3.4", derNull())];
    expect(await refusalOf({ attributes })).toBeUndefined();
    expect(await refusalOf({ unsigned: attribute("1.2.3.4", derNull()) })).toBeUndefined();
    expect(await refusalOf({ content: Buffer.alloc(0) })).toBeUndefined();
  });

  test("content that is not data", async () => {
    expect(await refusalOf({ contentType: OTHER_TYPE })).toBe("ERR_CMS_CONTENT_TYPE");
    expect(await refusalOf({ contentType: "1.2.3.4" })).toBe("ERR_CMS_CONTENT_TYPE");
  });

  test("attributes that contradict the content", async () => {
    const [type, digest] = goodAttributes(CONTENT) as [Buffer, Buffer];
    const otherType = attribute(ATTRIBUTE.contentType, derOid(OTHER_TYPE));
    expect(await refusalOf({ attributes: [otherType, digest] })).toBe("ERR_CMS_CONTENT_TYPE");
    const [, otherDigest] = goodAttributes(Buffer.from("Content")) as [Buffer, Buffer];
    expect(await refusalOf({ attributes: [type, otherDigest] })).toBe("ERR_CMS_DIGEST");
    const shorter = attribute(ATTRIBUTE.messageDigest, derOctetString(Buffer.alloc(20)));
    expect(await refusalOf({ attributes: [type, shorter] })).toBe("ERR_CMS_DIGEST");
  });

  test("attributes that are missing, there twice, or have more values than one", async () => {
    const [type, digest] = goodAttributes(CONTENT) as [Buffer, Buffer];
    const value = derOctetString(Buffer.alloc(32));
    for (const attributes of [
      [],
      [type],
      [digest],
      [type, digest, digest],
      [type, type, digest],
      [type, digest, attribute("1.2.3.4", derNull()), attribute("1.2.3.4", derNull())],
      [type, attribute(ATTRIBUTE.messageDigest)],
      [type, attribute(ATTRIBUTE.messageDigest, value, value)],
      [attribute(ATTRIBUTE.contentType, derOid(CONTENT_TYPE.data), derOid(OTHER_TYPE)), digest],
      [type, digest, attribute(ATTRIBUTE.signingTime)],
    ]) {
      expect(await refusalOf({ attributes })).toBe("ERR_CMS_ATTRIBUTES");
    }
    const badTime = attribute(ATTRIBUTE.signingTime, derOctetString(Buffer.alloc(3)));
    expect(await refusalOf({ attributes: [type, digest, badTime] })).toBe("ERR_CMS_DAMAGED");
  });

  test("algorithms that are unknown, not announced, or do not go together", async () => {
    expect(await refusalOf({ digestOid: "1.2.3.4" })).toBe("ERR_CMS_ALGORITHM");
    expect(await refusalOf({ announced: [SHA512] })).toBe("ERR_CMS_ALGORITHM");
    expect(await refusalOf({ announced: [SHA512, SHA256, "1.2.3.4"] })).toBeUndefined();
    const many = [1, 2, 3, 8, 9].map((number) => `2.16.840.1.101.3.4.2.${number}`);
    expect(await refusalOf({ announced: many })).toBe("ERR_CMS_LIMIT");
    const withSha512 = derAlgorithm("1.2.840.113549.1.1.13", derNull());
    expect(await refusalOf({ signatureAlgorithm: withSha512 })).toBe("ERR_CMS_ALGORITHM");
    expect(await refusalOf({ signatureAlgorithm: derAlgorithm("1.2.3.4") })).toBe("ERR_CMS_ALGORITHM");
    const withParameters = derAlgorithm(KEY_ALGORITHM.rsa, derOctetString(Buffer.alloc(1)));
    expect(await refusalOf({ signatureAlgorithm: withParameters })).toBe("ERR_CMS_ALGORITHM");
    // Of another kind than the key is.
    expect(await refusalOf({ signatureAlgorithm: derAlgorithm("1.2.840.10045.4.3.2") })).toBe(
      "ERR_CMS_SIGNATURE",
    );
  });

  test("no signer, no content", async () => {
    expect(await refusalOf({ signers: 0 })).toBe("ERR_CMS_SIGNATURE");
    expect(await refusalOf({ detached: true })).toBe("ERR_CMS_DETACHED");
  });

  test("is not verified when that is not wanted", async () => {
    const [type] = goodAttributes(CONTENT) as [Buffer];
    const digest = attribute(ATTRIBUTE.messageDigest, derOctetString(Buffer.alloc(32)));
    const message = await signedMessage(partner, { attributes: [type, digest] });
    const { content, result } = await opened(message, { verifySignatures: false });
    expect(content.equals(CONTENT)).toBe(true);
    expect(result).toMatchObject({ signer: undefined, layers: [{ signers: [{ status: "unchecked" }] }] });
  });
});

describe("compressed", () => {
  test("content that is damaged, continued, empty, or of another kind", async () => {
    const compressed = deflateSync(CONTENT);
    expect(await refusal(compressedMessage(CONTENT), {})).toBeUndefined();
    const damaged = Buffer.from(compressed);
    damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1;
    for (const bad of [
      damaged,
      compressed.subarray(0, -1),
      Buffer.concat([compressed, Buffer.alloc(1)]),
      Buffer.alloc(0),
    ]) {
      expect(await refusal(compressedMessage(CONTENT, { compressed: bad }), {})).toBe("ERR_CMS_COMPRESSED");
      expect(await refusal(compressedMessage(CONTENT, { compressed: bad }), {}, 1)).toBe(
        "ERR_CMS_COMPRESSED",
      );
    }
    expect(await refusal(compressedMessage(CONTENT, { contentType: OTHER_TYPE }), {})).toBe(
      "ERR_CMS_CONTENT_TYPE",
    );
    expect(await refusal(compressedMessage(CONTENT, { algorithm: derAlgorithm("1.2.3.4") }), {})).toBe(
      "ERR_CMS_ALGORITHM",
    );
    expect(await refusal(compressedMessage(CONTENT, { version: 1 }), {})).toBe("ERR_CMS_DAMAGED");
  });

  test("content with very much behind it", async () => {
    const compressed = Buffer.concat([deflateSync(CONTENT), Buffer.alloc(3_000_000)]);
    expect(await refusal(compressedMessage(CONTENT, { compressed }), {})).toBe("ERR_CMS_COMPRESSED");
  });
});

describe("encrypted", () => {
  const aes = (content: Buffer) => {
    const cipher = createCipheriv("aes-256-cbc", Buffer.alloc(32), Buffer.alloc(16));
    return Buffer.concat([cipher.update(content), cipher.final()]);
  };

  test("the crafted message is good as long as nothing is wrong with it", async () => {
    const message = encryptedMessage(us, { algorithm: AES_256_CBC, encrypted: aes(CONTENT) });
    expect((await opened(message, { keys: [us] })).content.equals(CONTENT)).toBe(true);
  });

  test("content that is not data, not there, not a whole number of blocks", async () => {
    const refusalOf = (parts: { contentType?: string; encrypted?: Buffer }) =>
      refusal(encryptedMessage(us, { algorithm: AES_256_CBC, ...parts }), { keys: [us] });
    expect(await refusalOf({ contentType: OTHER_TYPE, encrypted: aes(CONTENT) })).toBe(
      "ERR_CMS_CONTENT_TYPE",
    );
    expect(await refusalOf({})).toBe("ERR_CMS_DETACHED");
    for (const encrypted of [Buffer.alloc(0), aes(CONTENT).subarray(1), Buffer.alloc(32)]) {
      expect(await refusalOf({ encrypted })).toBe("ERR_CMS_DECRYPT");
    }
  });

  test("algorithms that are not supported", async () => {
    const refusalOf = (parts: {
      algorithm?: Buffer;
      keyAlgorithm?: Buffer;
      type?: string;
      more?: Buffer[];
    }) =>
      refusal(encryptedMessage(us, { algorithm: AES_256_CBC, encrypted: aes(CONTENT), ...parts }), {
        keys: [us],
      });
    const rc2 = derAlgorithm("1.2.840.113549.3.2", derNull());
    expect(await refusalOf({ algorithm: rc2 })).toBe("ERR_CMS_ALGORITHM");
    // OAEP with a mask, or a label, that nobody knows.
    const otherMask = derSequence(derContext(1, derAlgorithm("1.2.3.4", derAlgorithm(SHA256))));
    expect(await refusalOf({ keyAlgorithm: derAlgorithm(KEY_ALGORITHM.rsaOaep, otherMask) })).toBe(
      "ERR_CMS_ALGORITHM",
    );
    const otherLabel = derSequence(derContext(2, derAlgorithm("1.2.3.4", derOctetString(Buffer.alloc(1)))));
    expect(await refusalOf({ keyAlgorithm: derAlgorithm(KEY_ALGORITHM.rsaOaep, otherLabel) })).toBe(
      "ERR_CMS_ALGORITHM",
    );
    expect(await refusalOf({ keyAlgorithm: derAlgorithm("1.2.3.4") })).toBe("ERR_CMS_ALGORITHM");
    // A cipher of the other kind than the message.
    const gcm = derAlgorithm(AES_256_GCM, derSequence(derOctetString(Buffer.alloc(12)), derSmallInteger(16)));
    expect(await refusalOf({ algorithm: gcm })).toBe("ERR_CMS_ALGORITHM");
    expect(await refusalOf({ type: CONTENT_TYPE.authEnvelopedData })).toBe("ERR_CMS_ALGORITHM");
    const shortTag = derAlgorithm(
      AES_256_GCM,
      derSequence(derOctetString(Buffer.alloc(12)), derSmallInteger(4)),
    );
    const authenticated = { type: CONTENT_TYPE.authEnvelopedData, more: [derOctetString(Buffer.alloc(4))] };
    expect(await refusalOf({ algorithm: shortTag, ...authenticated })).toBe("ERR_CMS_ALGORITHM");
    const attributes = [derContext(1, attribute("1.2.3.4", derNull())), derOctetString(Buffer.alloc(16))];
    expect(await refusalOf({ algorithm: gcm, ...authenticated, more: attributes })).toBe("ERR_CMS_ALGORITHM");
    expect(CONTENT_CIPHERS).not.toContain("rc2");
  });
});

describe("messages of other types", () => {
  test("are named for what they are, or are none", async () => {
    for (const type of [
      CONTENT_TYPE.digestedData,
      CONTENT_TYPE.encryptedData,
      CONTENT_TYPE.authenticatedData,
    ]) {
      expect(await refusal(contentInfo(type, derNull()), {})).toBe("ERR_CMS_CONTENT_TYPE");
    }
    for (const other of [
      contentInfo("1.2.3.4", derNull()),
      derSequence(),
      Buffer.from("-----BEGIN CMS-----"),
    ]) {
      expect(await refusal(other, {})).toBe("ERR_CMS_DAMAGED");
    }
    expect(await refusal(Buffer.alloc(0), {})).toBe("ERR_CMS_TRUNCATED");
  });
});
