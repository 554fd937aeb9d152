import { beforeAll, expect, test } from "@jest/globals";
import { derNull, derOctetString } from "../src/ber/der-writer.js";
import type { EerpReceipt, OpenOptions } from "../src/index.js";
import { ATTRIBUTE, CONTENT_TYPE } from "../src/object-identifiers.js";
import { attribute, contentInfo, goodAttributes, signedMessage } from "./crafted-messages.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { refusal, sealed } from "./messages.js";
import { eerp, file, refusalOf, sha256, signed } from "./receipt-fixtures.js";
import { testBytes } from "./streams.js";

/*
 * What can be wrong is told apart: whoever looks into a log, or calls the partner, has to know which it was. The details of
 * each are in bad-input, crafted, revoked-signer and receipts.
 */

const CONTENT = testBytes(100);
const DAY_MS = 24 * 60 * 60 * 1000;

let us: TestIdentity;
let partner: TestIdentity;
let expired: TestIdentity;
let stranger: TestIdentity;

beforeAll(async () => {
  const notBefore = new Date(Date.now() - 20 * DAY_MS);
  const notAfter = new Date(Date.now() - 10 * DAY_MS);
  [us, partner, stranger, expired] = (await Promise.all([
    newIdentity("us"),
    newIdentity("partner"),
    newIdentity("stranger"),
    newIdentity("expired", { type: "ec" }, { notBefore, notAfter }),
  ])) as [TestIdentity, TestIdentity, TestIdentity, TestIdentity];
}, 60_000);

test("every bad message has an error of its own", async () => {
  const good = await sealed(CONTENT, {
    sign: { signers: [partner] },
    encrypt: { recipients: [us.certificate] },
  });
  const [type, digest] = goodAttributes(CONTENT) as [Buffer, Buffer];
  const [, otherDigest] = goodAttributes(Buffer.from("other")) as [Buffer, Buffer];
  const crafted = (attributes: Buffer[]) => signedMessage(partner, { content: CONTENT, attributes });
  const broken = Buffer.from(await signedMessage(partner, { content: CONTENT }));
  broken[broken.length - 1] = (broken.at(-1) as number) ^ 1;
  let nested = contentInfo(CONTENT_TYPE.data, derOctetString(CONTENT));
  for (let depth = 1; depth < 1000; depth += 1)
    nested = contentInfo(CONTENT_TYPE.data, derOctetString(nested));
  const bad: readonly (readonly [string, string, Uint8Array, OpenOptions?])[] = [
    ["cut off", "ERR_CMS_TRUNCATED", good.subarray(0, -1)],
    ["with bytes behind it", "ERR_CMS_TRAILING", Buffer.concat([good, Buffer.alloc(1)])],
    ["for somebody else", "ERR_CMS_RECIPIENT", good, { keys: [stranger] }],
    ["with the key of somebody else", "ERR_CMS_DECRYPT", good, { keys: [{ ...us, key: stranger.key }] }],
    [
      "of an expired signer",
      "ERR_CMS_SIGNER_EXPIRED",
      await sealed(CONTENT, { sign: { signers: [expired] } }),
    ],
    ["of a revoked signer", "ERR_CMS_SIGNER_REFUSED", good, { acceptSigner: () => false }],
    ["of a stranger", "ERR_CMS_SIGNER_UNKNOWN", await sealed(CONTENT, { sign: { signers: [stranger] } })],
    ["with the digest of other content", "ERR_CMS_DIGEST", await crafted([type, otherDigest])],
    ["with a signature that does not hold", "ERR_CMS_SIGNATURE", broken],
    ["that is no data", "ERR_CMS_CONTENT_TYPE", await signedMessage(partner, { contentType: "1.2.3.4" })],
    ["with an attribute twice", "ERR_CMS_ATTRIBUTES", await crafted([type, digest, digest])],
    [
      "with an attribute of no sense",
      "ERR_CMS_DAMAGED",
      await crafted([type, digest, attribute(ATTRIBUTE.signingTime, derNull())]),
    ],
    ["with 1,000 layers", "ERR_CMS_LAYERS", nested, { signers: undefined }],
    ["without its content", "ERR_CMS_DETACHED", await signedMessage(partner, { detached: true })],
    ["not signed", "ERR_CMS_LAYER_MISSING", await sealed(CONTENT, {})],
    [
      "signed with SHA-1",
      "ERR_CMS_WEAK",
      await sealed(CONTENT, { sign: { signers: [partner], hash: "sha1" }, allowWeak: true }),
    ],
    ["larger than announced", "ERR_CMS_CONTENT_SIZE", good, { limits: { contentBytes: CONTENT.length - 1 } }],
  ];
  const trusting = { keys: [us], signers: [partner.certificate, expired.certificate] };
  expect(await refusal(good, trusting)).toBeUndefined();
  for (const [what, code, message, options] of bad) {
    expect([what, await refusal(message, { ...trusting, ...options })]).toEqual([what, code]);
  }
  expect(new Set(bad.map(([, code]) => code)).size).toBe(bad.length);
});

test("content of zero octets is content", async () => {
  const options = { keys: [us], signers: [partner.certificate] };
  const sign = { signers: [partner] };
  const encrypt = { recipients: [us.certificate] };
  for (const compress of [true, false]) {
    const message = await sealed(Buffer.alloc(0), { sign, compress, encrypt });
    expect(await refusal(message, options)).toBeUndefined();
    // But nothing at all is no message, and neither is an envelope around nothing one.
    expect(await refusal(await sealed(Buffer.alloc(0), { encrypt }), options)).toBe("ERR_CMS_DECRYPT");
  }
  expect(await refusal(Buffer.alloc(0), options)).toBe("ERR_CMS_TRUNCATED");
});

test("every bad receipt has an error of its own", async () => {
  const options = { file, hashes: { sha256 }, signers: [partner.certificate, expired.certificate] };
  const { timestamp } = file;
  const other = async (change: Partial<EerpReceipt>, signer = partner) =>
    await signed({ ...eerp, ...change }, signer);
  const receipt = await other({});
  const bad = [
    ["ERR_CMS_RECEIPT_FILE", await other({ datasetName: "DELFOR.PLANT-8" })],
    ["ERR_CMS_RECEIPT_DATE", await other({ timestamp: { ...timestamp, date: "20261121" } })],
    ["ERR_CMS_RECEIPT_LOCATION", await other({ destination: "O0013OTHER" })],
    ["ERR_CMS_RECEIPT_HASH", await other({ hash: Buffer.alloc(32) })],
    ["ERR_CMS_RECEIPT_HASH_ALGORITHM", await other({ hash: Buffer.alloc(64) })],
    ["ERR_CMS_RECEIPT_FIELD", { ...receipt, datasetName: "x".repeat(27) }],
    ["ERR_CMS_RECEIPT_UNSIGNED", { ...receipt, signature: Buffer.alloc(0) }],
    ["ERR_CMS_RECEIPT_DAMAGED", { ...receipt, signature: receipt.signature.subarray(1) }],
    ["ERR_CMS_RECEIPT_SIGNER", await other({}, stranger)],
    ["ERR_CMS_RECEIPT_SIGNER_EXPIRED", await other({}, expired)],
    ["ERR_CMS_RECEIPT_SIGNATURE", { ...receipt, signature: withLastChanged(receipt.signature) }],
    [
      "ERR_CMS_RECEIPT_CONTENT",
      { ...receipt, signature: (await other({ hash: Buffer.alloc(32) })).signature },
    ],
  ] as const;
  expect(await refusalOf(receipt, options)).toBeUndefined();
  for (const [code, found] of bad) expect((await refusalOf(found, options))?.code).toBe(code);
  expect(new Set(bad.map(([code]) => code)).size).toBe(bad.length);
});

function withLastChanged(bytes: Uint8Array): Buffer {
  const changed = Buffer.from(bytes);
  changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
  return changed;
}
