import { createHash } from "node:crypto";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { createSelfSignedCertificate } from "@waybill/cert-store";
import { createLogger } from "@waybill/net-core";
import fc from "fast-check";
import { parseBer, toDer } from "../src/ber/ber-value.js";
import { CIPHER_SUITES, cipherSuite, seal } from "../src/index.js";
import type { EerpReceipt, NerpReceipt, Receipt, ReceivedReceipt } from "../src/receipts/receipt-fields.js";
import { signReceipt } from "../src/receipts/sign-receipt.js";
import { type VerifyReceiptOptions, verifyReceipt } from "../src/receipts/verify-receipt.js";
import { RECEIPT_HASHES, VirtualFileHash, virtualFileHash } from "../src/receipts/virtual-file-hash.js";
import { encapsulated, signedMessage } from "./crafted-messages.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { opened, sealed } from "./messages.js";
import { eerp, file, nerp, refusalOf, sha256, signed, transmitted } from "./receipt-fixtures.js";
import { collect, inChunks, testBytes } from "./streams.js";

let partner: TestIdentity;
let partnerEc: TestIdentity;
let stranger: TestIdentity;
let receipt: EerpReceipt & ReceivedReceipt;
let trusting: VerifyReceiptOptions;

beforeAll(async () => {
  partner = await newIdentity("partner");
  partnerEc = await newIdentity("partner EC", { type: "ec" });
  stranger = await newIdentity("stranger");
  receipt = await signed(eerp, partner);
  trusting = { file, hashes: { sha256 }, signers: [partner.certificate] };
}, 60_000);

const UNCHECKED = { verifySignatures: false };
const textOf = (content: Buffer): string => content.toString("latin1");

describe("the hash of a virtual file", () => {
  test.each(RECEIPT_HASHES)("%s, whatever the chunks", async (name) => {
    const content = testBytes(200_000);
    const expected = createHash(name).update(content).digest();
    for (const size of [1000, 65_536, 200_000]) {
      expect((await virtualFileHash(inChunks(content, size), name)).equals(expected)).toBe(true);
    }
    expect(await virtualFileHash(inChunks(Buffer.alloc(0)), name)).toEqual(createHash(name).digest());
  });

  test("of what goes by, with several algorithms", async () => {
    const hash = new VirtualFileHash("sha1", "sha256", "sha512", "sha3-512");
    const passed = await collect(hash.through(inChunks(transmitted.subarray(0, 600), 7)));
    expect(passed.equals(transmitted.subarray(0, 600))).toBe(true);
    expect(hash.digests().sha256).toEqual(createHash("sha256").update(passed).digest());
    hash.update(transmitted.subarray(600));
    expect(hash.bytes).toBe(1000);
    expect(hash.digests()).toEqual(
      Object.fromEntries(RECEIPT_HASHES.map((name) => [name, createHash(name).update(transmitted).digest()])),
    );
  });

  test("takes the hashes of the suites only", async () => {
    const wrong = "md5" as "sha1";
    expect(() => new VirtualFileHash(wrong)).toThrow(expect.objectContaining({ code: "ERR_OPTION_INVALID" }));
    await expect(virtualFileHash(inChunks(transmitted), wrong)).rejects.toMatchObject({
      code: "ERR_OPTION_INVALID",
    });
  });
});

describe("a signed receipt", () => {
  test("holds the fields of an EERP, each with its padding", async () => {
    const { content, result } = await opened(receipt.signature as Buffer, { signers: [partner.certificate] });
    expect(textOf(content)).toBe(
      [
        "DELFOR.PLANT-7            ",
        "20261120",
        "1015300001",
        "O0013WAYBILL  PLANT7     ",
        "O0055PARTNER             ",
        textOf(sha256),
      ].join(""),
    );
    expect(content.length).toBe(94 + 32);
    expect(result.layers.map(({ kind }) => kind)).toEqual(["signed"]);
  });

  test("holds the fields of a NERP, the creator among them", async () => {
    const { signature } = await signReceipt(nerp, partner);
    const { content } = await opened(signature, { signers: [partner.certificate] });
    expect(textOf(content.subarray(94 - 25, 94 + 25))).toBe(
      "O0055PARTNER             O0099CLEARING            ",
    );
    expect(content.subarray(119).equals(sha256)).toBe(true);
  });

  test("is in DER: definite lengths, strings in one piece", () => {
    const message = receipt.signature as Buffer;
    expect(toDer(parseBer(message)).equals(message)).toBe(true);
  });

  test("brings a certificate along when it is asked to, untouched", async () => {
    const { signature } = await signReceipt(eerp, { ...partner, includeCertificates: true });
    expect(signature.includes(partner.certificate.der)).toBe(true);
    expect(toDer(parseBer(signature)).equals(signature)).toBe(true);
    expect(await verifyReceipt({ ...eerp, signature }, trusting)).toMatchObject({ signed: true });
  });

  test("is accepted, and says who signed and when", async () => {
    const signingTime = new Date("2026-11-20T10:20:00Z");
    const found = await verifyReceipt(await signed(eerp, { ...partner, signingTime }), trusting);
    expect(found).toEqual({ signed: true, signer: partner.certificate, signingTime, hash: "sha256" });
    const negative = await signed(nerp, { ...partner, signingTime });
    expect(await verifyReceipt(negative, trusting)).toEqual(found);
  });

  test.each(CIPHER_SUITES)("of suite $number, with its hash", async (suite) => {
    const name = suite.hash as (typeof RECEIPT_HASHES)[number];
    const hash = await virtualFileHash(inChunks(transmitted), name);
    const options = { ...trusting, hashes: { [name]: hash }, allowWeak: true };
    const found = await signed({ ...eerp, hash }, { ...partner, suite, allowWeak: true });
    expect(await verifyReceipt(found, options)).toMatchObject({ signed: true, hash: name });
    const code = suite.weak ? "ERR_CMS_RECEIPT_WEAK" : undefined;
    expect((await refusalOf(found, { ...options, allowWeak: false }))?.code).toBe(code);
  });

  test("of a weak suite is not made and not accepted without being asked for, and then it is logged", async () => {
    const suite = cipherSuite(2);
    await expect(signReceipt(eerp, { ...partner, suite })).rejects.toMatchObject({ code: "ERR_CMS_WEAK" });
    const lines: string[] = [];
    const logger = createLogger("warn", ({ message }) => lines.push(message));
    await verifyReceipt(await signed(eerp, { ...partner, suite, allowWeak: true, logger }), {
      ...trusting,
      allowWeak: true,
      logger,
    });
    expect(lines.filter((line) => line.includes("SHA-1"))).toHaveLength(2);
  });

  test("by any of the partner's certificates, by key identifier or not", async () => {
    const signers = [partner.certificate, partnerEc.certificate];
    for (const signer of [partner, partnerEc]) {
      const found = await signed(eerp, { ...signer, identifyBy: "subjectKeyId" });
      expect(await verifyReceipt(found, { ...trusting, signers })).toMatchObject({
        signer: signer.certificate,
      });
    }
  });

  test("may have any of the hashes that the file is known by", async () => {
    const hash = new VirtualFileHash(...RECEIPT_HASHES);
    hash.update(transmitted);
    const hashes = hash.digests();
    for (const name of RECEIPT_HASHES) {
      const found = await signed({ ...eerp, hash: hashes[name] as Buffer }, partnerEc);
      const options = { ...trusting, hashes, signers: [partnerEc.certificate] };
      expect(await verifyReceipt(found, options)).toMatchObject({ hash: name });
    }
  });

  test("spaces at the end of names mean nothing", async () => {
    const found = await signed({ ...eerp, datasetName: `${eerp.datasetName}   ` }, partner);
    expect((await verifyReceipt({ ...found, datasetName: eerp.datasetName }, trusting)).signed).toBe(true);
    expect(
      await verifyReceipt(found, { ...trusting, file: { ...file, destination: "O0055PARTNER  " } }),
    ).toMatchObject({ signed: true });
  });

  test("a NERP may be signed without a hash, an EERP not", async () => {
    const hash = Buffer.alloc(0);
    const { hashes: _, ...withoutHashes } = trusting;
    expect(await verifyReceipt(await signed({ ...nerp, hash }, partner), withoutHashes)).toMatchObject({
      signed: true,
      hash: undefined,
    });
    await expect(signReceipt({ ...eerp, hash }, partner)).rejects.toMatchObject({
      code: "ERR_OPTION_INVALID",
    });
    const signature = await collect(seal(inChunks(Buffer.alloc(94, " ")), { sign: { signers: [partner] } }));
    expect((await refusalOf({ ...eerp, hash, signature }, trusting))?.code).toBe("ERR_CMS_RECEIPT_HASH");
  });

  const CHARACTERS = [...Array(95).keys()]
    .map((code) => String.fromCharCode(code + 0x20))
    .concat("é", "ÿ", "\u00a0");
  const text = (most: number) =>
    fc.array(fc.constantFrom(...CHARACTERS), { maxLength: most }).map((list) => list.join(""));
  const number = (length: number) =>
    fc
      .array(fc.integer({ min: 0, max: 9 }), { minLength: length, maxLength: length })
      .map((list) => list.join(""));
  const anyReceipt: fc.Arbitrary<Receipt> = fc
    .record({
      kind: fc.constant("NERP" as const),
      datasetName: text(26),
      timestamp: fc.record({ date: number(8), time: number(10) }),
      destination: text(25),
      originator: text(25),
      creator: text(25),
      hash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    })
    .chain((whole) => {
      const { creator: _, ...rest } = whole;
      return fc.constantFrom<Receipt>(whole, { ...rest, kind: "EERP" });
    });
  const expectationOf = ({ hash, ...rest }: Receipt): VerifyReceiptOptions => ({
    file: { ...rest, destination: rest.originator, originator: rest.destination },
    hashes: { sha256: hash },
    signers: [partnerEc.certificate],
  });

  test("any fields: accepted for their own file", async () => {
    await fc.assert(
      fc.asyncProperty(anyReceipt, async (any) => {
        const found = await verifyReceipt(await signed(any, partnerEc), expectationOf(any));
        expect(found.signed).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test("any two receipts: the signature of one is none for the other", async () => {
    const fieldsOf = (any: Receipt) =>
      JSON.stringify(any, (_, value) => (typeof value === "string" ? value.trimEnd() : value));
    await fc.assert(
      fc.asyncProperty(anyReceipt, anyReceipt, async (one, other) => {
        fc.pre(fieldsOf(one) !== fieldsOf(other));
        const { signature } = await signReceipt(one, partnerEc);
        expect((await refusalOf({ ...other, signature }, expectationOf(other)))?.code).toBe(
          "ERR_CMS_RECEIPT_CONTENT",
        );
        const code = (await refusalOf({ ...one, signature }, expectationOf(other)))?.code;
        // A creator, and whether it went well, is what nobody expects.
        if (code !== undefined) expect(code).toMatch(/^ERR_CMS_RECEIPT_(FILE|DATE|LOCATION|HASH)$/);
      }),
      { numRuns: 100 },
    );
  });
});

describe("signing refuses", () => {
  const BAD: readonly [string, Partial<NerpReceipt>][] = [
    ["datasetName", { datasetName: "x".repeat(27) }],
    ["datasetName", { datasetName: "line\nbreak" }],
    ["datasetName", { datasetName: "euro €" }],
    ["date", { timestamp: { date: "261120", time: "1015300001" } }],
    ["time", { timestamp: { date: "20261120", time: "101530" } }],
    ["time", { timestamp: { date: "20261120", time: "10153000ab" } }],
    ["destination", { destination: "x".repeat(26) }],
    ["originator", { originator: "x".repeat(26) }],
    ["creator", { creator: "x".repeat(26) }],
    ["hash", { hash: Buffer.alloc(16) }],
  ];

  test.each(BAD)("a %s that does not fit: %j", async (name, change) => {
    await expect(signReceipt({ ...nerp, ...change }, partner)).rejects.toMatchObject({
      code: "ERR_OPTION_INVALID",
      details: { option: `receipt.${name}` },
    });
    if (name === "hash") return;
    const received = { ...nerp, ...change, signature: receipt.signature };
    expect(await refusalOf(received, trusting)).toMatchObject({
      code: "ERR_CMS_RECEIPT_FIELD",
      details: { field: name },
    });
  });

  test("the key of another certificate", async () => {
    const mixed = { certificate: partner.certificate, key: partnerEc.key };
    await expect(signReceipt(eerp, mixed)).rejects.toMatchObject({ code: "ERR_CMS_KEY_MISMATCH" });
  });

  test("so many bytes that the field cannot hold them", async () => {
    const subjectAltNames = [...Array(1200).keys()].map(
      (index) => ({ kind: "dns", value: `${"x".repeat(50)}${index}.example` }) as const,
    );
    const { key } = partnerEc;
    const certificate = await createSelfSignedCertificate({
      subject: "CN=large",
      key,
      subjectAltNames,
    });
    await expect(signReceipt(eerp, { certificate, key, includeCertificates: true })).rejects.toMatchObject({
      code: "ERR_OPTION_INVALID",
    });
  });
});

describe("a receipt is refused", () => {
  const OTHERS: readonly [string, string, string, Partial<EerpReceipt>][] = [
    ["another file", "ERR_CMS_RECEIPT_FILE", "datasetName", { datasetName: "DELFOR.PLANT-8" }],
    ["a file of another case", "ERR_CMS_RECEIPT_FILE", "datasetName", { datasetName: "delfor.plant-7" }],
    ["another date", "ERR_CMS_RECEIPT_DATE", "date", { timestamp: { ...file.timestamp, date: "20261121" } }],
    [
      "another time",
      "ERR_CMS_RECEIPT_DATE",
      "time",
      { timestamp: { ...file.timestamp, time: "1015300002" } },
    ],
    ["another sender", "ERR_CMS_RECEIPT_LOCATION", "destination", { destination: "O0013OTHER" }],
    ["another recipient", "ERR_CMS_RECEIPT_LOCATION", "originator", { originator: "O0055OTHER" }],
    [
      "the file's own direction",
      "ERR_CMS_RECEIPT_LOCATION",
      "destination",
      { destination: file.destination, originator: file.originator },
    ],
  ];

  describe.each(OTHERS)("for %s", (_, code, field, change) => {
    test("that the partner signed", async () => {
      const other = await signed({ ...eerp, ...change }, partner);
      expect(await refusalOf(other, trusting)).toMatchObject({ code, details: { field } });
    });

    test("that is put around the signature of the right one", async () => {
      expect(await refusalOf({ ...receipt, ...change }, trusting)).toMatchObject({
        code,
        details: { field },
      });
    });

    test("whose signature is put into the right one", async () => {
      const { signature } = await signReceipt({ ...eerp, ...change }, partner);
      expect(await refusalOf({ ...eerp, signature }, trusting)).toMatchObject({
        code: "ERR_CMS_RECEIPT_CONTENT",
        details: { field },
      });
    });

    test("without a signature as well", async () => {
      const unsigned = { ...eerp, ...change, hash: Buffer.alloc(0), signature: Buffer.alloc(0) };
      for (const signature of ["required", "optional", "ignored"] as const) {
        expect((await refusalOf(unsigned, { ...trusting, signature }))?.code).toBe(code);
      }
    });
  });

  test("with another hash", async () => {
    const hash = createHash("sha256").update("other content").digest();
    expect((await refusalOf(await signed({ ...eerp, hash }, partner), trusting))?.code).toBe(
      "ERR_CMS_RECEIPT_HASH",
    );
    expect((await refusalOf({ ...receipt, hash }, trusting))?.code).toBe("ERR_CMS_RECEIPT_HASH");
    const { signature } = await signReceipt({ ...eerp, hash }, partner);
    expect(await refusalOf({ ...eerp, signature }, trusting)).toMatchObject({
      code: "ERR_CMS_RECEIPT_CONTENT",
      details: { field: "hash" },
    });
  });

  test("with a hash that was not asked for", async () => {
    const hash = createHash("sha1").update(transmitted).digest();
    expect(await refusalOf(await signed({ ...eerp, hash }, partner), trusting)).toMatchObject({
      code: "ERR_CMS_RECEIPT_HASH_ALGORITHM",
      details: { bytes: 20, allowed: ["sha256"] },
    });
  });

  test("a hash that nobody signed may be of any kind, but not that of other content", async () => {
    const unsigned = { ...eerp, signature: Buffer.alloc(0) };
    const options = { ...trusting, signature: "optional" } as const;
    expect(await verifyReceipt({ ...unsigned, hash: Buffer.alloc(20) }, options)).toMatchObject({
      hash: undefined,
    });
    expect((await refusalOf({ ...unsigned, hash: Buffer.alloc(32) }, options))?.code).toBe(
      "ERR_CMS_RECEIPT_HASH",
    );
  });

  test("of a NERP from another creator", async () => {
    const other = await signed(nerp, partner);
    expect(await refusalOf({ ...other, creator: "O0099OTHER" }, trusting)).toMatchObject({
      code: "ERR_CMS_RECEIPT_CONTENT",
      details: { field: "creator" },
    });
  });

  test("when an EERP is made of a NERP, or the other way round", async () => {
    const { signature: negative } = await signReceipt(nerp, partner);
    expect((await refusalOf({ ...eerp, signature: negative }, trusting))?.code).toBe(
      "ERR_CMS_RECEIPT_CONTENT",
    );
    expect((await refusalOf({ ...nerp, signature: receipt.signature }, trusting))?.code).toBe(
      "ERR_CMS_RECEIPT_CONTENT",
    );
  });

  test("without a signature where one was asked for", async () => {
    const unsigned = { ...eerp, signature: Buffer.alloc(0) };
    const bare = { ...unsigned, hash: Buffer.alloc(0) };
    expect((await refusalOf(unsigned, trusting))?.code).toBe("ERR_CMS_RECEIPT_UNSIGNED");
    expect((await refusalOf(bare, trusting))?.code).toBe("ERR_CMS_RECEIPT_UNSIGNED");
    expect(await verifyReceipt(bare, { file, signature: "optional" })).toEqual({
      signed: false,
      signer: undefined,
      signingTime: undefined,
      hash: undefined,
    });
    expect(await verifyReceipt(unsigned, { ...trusting, signature: "optional" })).toMatchObject({
      hash: "sha256",
    });
  });

  test("with a wrong signature where none was needed, unless it is ignored", async () => {
    const wrong = { ...eerp, signature: Buffer.from("nonsense") };
    expect((await refusalOf(wrong, { ...trusting, signature: "optional" }))?.code).toBe(
      "ERR_CMS_RECEIPT_DAMAGED",
    );
    expect((await verifyReceipt(wrong, { file, signature: "ignored" })).signed).toBe(false);
  });

  test("by a signer that is not the partner, whoever's name it has", async () => {
    const foreign = await signed(eerp, { ...stranger, includeCertificates: true });
    expect((await refusalOf(foreign, trusting))?.code).toBe("ERR_CMS_RECEIPT_SIGNER");
    // The stranger's signature under the partner's name.
    const { content } = await opened(receipt.signature as Buffer, UNCHECKED);
    const forged = await signedMessage({ certificate: partner.certificate, key: stranger.key }, { content });
    expect(await refusalOf({ ...eerp, signature: forged }, trusting)).toMatchObject({
      code: "ERR_CMS_RECEIPT_SIGNATURE",
      cause: { code: "ERR_CMS_SIGNATURE" },
    });
  });

  test("by the partner's certificate that is expired, or not valid yet", async () => {
    const { notBefore, notAfter } = partner.certificate;
    for (const time of [new Date(notBefore.getTime() - 1000), new Date(notAfter.getTime() + 1000)]) {
      const refusal = await refusalOf(receipt, { ...trusting, time });
      expect(refusal).toMatchObject({ code: "ERR_CMS_RECEIPT_SIGNER_EXPIRED", details: { notAfter } });
      expect(await refusalOf(receipt, { ...trusting, time, allowExpiredSigner: true })).toBeUndefined();
    }
  });

  test("by the partner's certificate that is revoked, say", async () => {
    const refusal = await refusalOf(receipt, { ...trusting, acceptSigner: () => false });
    expect(refusal?.code).toBe("ERR_CMS_RECEIPT_SIGNER_REFUSED");
    const broken = new Error("no list today");
    const acceptSigner = () => Promise.reject(broken);
    await expect(verifyReceipt(receipt, { ...trusting, acceptSigner })).rejects.toBe(broken);
  });

  test("when what was signed is trimmed, or longer", async () => {
    const whole = (await opened(receipt.signature as Buffer, UNCHECKED)).content;
    const contents = [
      Buffer.from(whole.toString("latin1").replace(/ +/g, ""), "latin1"),
      Buffer.concat([whole, Buffer.from([0])]),
      whole.subarray(0, -1),
      whole.subarray(0, 94),
      Buffer.alloc(0),
      testBytes(5000),
    ];
    for (const content of contents) {
      const signature = await sealed(content, { sign: { signers: [partner] } });
      expect((await refusalOf({ ...eerp, signature }, trusting))?.code).toBe("ERR_CMS_RECEIPT_CONTENT");
    }
  });

  test("when its signature is no signed data with its content", async () => {
    const content = (await opened(receipt.signature as Buffer, UNCHECKED)).content;
    const messages = [
      await sealed(content, {}),
      await sealed(content, { compress: true }),
      await sealed(content, { compress: true, sign: { signers: [partner] } }),
      await sealed(content, { encrypt: { recipients: [partner.certificate] } }),
      await signedMessage(partner, { content, detached: true }),
      await signedMessage(partner, { content, contentType: "1.2.840.113549.1.9.16.1.4" }),
      encapsulated("1.2.840.113549.1.7.2", content),
      Buffer.concat([receipt.signature, Buffer.from([0])]),
      content,
    ];
    for (const signature of messages) {
      expect((await refusalOf({ ...eerp, signature }, trusting))?.code).toBe("ERR_CMS_RECEIPT_DAMAGED");
    }
    expect((await refusalOf({ ...eerp, signature: Buffer.alloc(70_000) }, trusting))?.code).toBe(
      "ERR_CMS_RECEIPT_FIELD",
    );
  });

  test("when signed attributes contradict the content", async () => {
    const content = (await opened(receipt.signature as Buffer, UNCHECKED)).content;
    const signature = await signedMessage(partner, { content });
    expect(await refusalOf({ ...eerp, signature }, trusting)).toBeUndefined();
    const changed = Buffer.from(signature);
    const place = changed.indexOf("DELFOR");
    changed[place] = 0x42;
    expect(await refusalOf({ ...eerp, signature: changed }, trusting)).toMatchObject({
      code: "ERR_CMS_RECEIPT_SIGNATURE",
      cause: { code: "ERR_CMS_DIGEST" },
    });
  });

  test("cut off anywhere", async () => {
    for (let length = 1; length < receipt.signature.length; length += 1) {
      const signature = receipt.signature.subarray(0, length);
      expect((await refusalOf({ ...eerp, signature }, trusting))?.code).toBe("ERR_CMS_RECEIPT_DAMAGED");
    }
  });

  test("with any byte of its signature changed", async () => {
    const accepted: number[] = [];
    for (let index = 0; index < receipt.signature.length; index += 1) {
      for (const mask of [0x01, 0x02, 0x80]) {
        const signature = Buffer.from(receipt.signature);
        signature[index] = (signature[index] as number) ^ mask;
        const refusal = await refusalOf({ ...eerp, signature }, trusting);
        if (refusal === undefined) accepted.push(index);
        else expect(refusal.code).toMatch(/^ERR_CMS_RECEIPT_(DAMAGED|SIGNER|SIGNATURE|CONTENT|WEAK)$/);
      }
    }
    // The versions of SignedData and of its signer are under no signature and say nothing: 3 is as good as 1.
    const one = Buffer.from("020101", "hex");
    const first = (receipt.signature as Buffer).indexOf(one);
    const second = (receipt.signature as Buffer).indexOf(one, first + 1);
    expect(accepted).toEqual([first + 2, second + 2]);
  });

  test("with anything at all for a signature", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (signature) => {
        expect((await refusalOf({ ...eerp, signature }, trusting))?.code).toBe("ERR_CMS_RECEIPT_DAMAGED");
      }),
    );
  });
});

test("verifying takes what it needs to prove anything", async () => {
  const { file: _, ...rest } = trusting;
  const option = async (options: Partial<VerifyReceiptOptions>) =>
    (await refusalOf(receipt, { file, ...options }))?.details.option;
  expect(await option({ hashes: { sha256 } })).toBe("signers");
  expect(await option({ ...rest, signers: [] })).toBe("signers");
  expect(await option({ signers: [partner.certificate] })).toBe("hashes");
  expect(await option({ ...rest, hashes: {} })).toBe("hashes");
  expect(await option({ ...rest, hashes: { sha256, sha1: Buffer.alloc(19) } })).toBe("hashes.sha1");
  expect(await option({ hashes: { sha256 }, signature: "optional" })).toBe("signers");
});
