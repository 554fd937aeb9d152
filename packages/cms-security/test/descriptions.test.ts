import { createCipheriv } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { parseCertificate, writePkcs7 } from "@waybill/cert-store";
import { isTransferError } from "@waybill/net-core";
import { describeWithPeers, peers } from "@waybill/testing";
import {
  derAlgorithm,
  derContext,
  derContextPrimitive,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derSmallInteger,
  encodeDer,
  endsOf,
  startOf,
} from "../src/ber/der-writer.js";
import { describeMessage } from "../src/index.js";
import { CONTENT_TYPE } from "../src/object-identifiers.js";
import {
  attribute,
  compressedMessage,
  contentInfo,
  encapsulated,
  encryptedMessage,
  SHA256,
  signedMessage,
} from "./crafted-messages.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { refusal, sealed } from "./messages.js";
import { OpensslPeer } from "./openssl-peer.js";
import { inChunks, testBytes } from "./streams.js";

const DATA = CONTENT_TYPE.data;
const TIME_STAMP = "1.2.840.113549.1.9.16.1.4";
const AES_256_CBC = derAlgorithm("2.16.840.1.101.3.4.1.42", derOctetString(Buffer.alloc(16)));
const HMAC_SHA256 = "1.2.840.113549.2.9";

let us: TestIdentity;
let partner: TestIdentity;
beforeAll(async () => {
  [us, partner] = await Promise.all([newIdentity("us"), newIdentity("partner")]);
}, 60_000);

const described = (message: Uint8Array, chunkSize?: number) => describeMessage(inChunks(message, chunkSize));

async function codeOf(message: Uint8Array): Promise<string | undefined> {
  return await described(message).then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
}

describe("signed data", () => {
  test("without its content", async () => {
    const message = await signedMessage(partner, { detached: true });
    const found = await described(message, 1);
    expect(found).toMatchObject({ contentBytes: undefined, sealedBytes: message.length });
    expect(found.layers).toMatchObject([
      { kind: "signed", detached: true, contentType: DATA, signers: [{ hash: "sha256" }] },
    ]);
    expect(await refusal(message, { signers: [partner.certificate] })).toBe("ERR_CMS_DETACHED");
  });

  test("with certificates only", async () => {
    const certificates = [us.certificate, partner.certificate];
    const message = writePkcs7({ certificates });
    for (const size of [1, 1000]) {
      const { layers, contentBytes } = await described(message, size);
      expect(contentBytes).toBeUndefined();
      expect(layers).toMatchObject([{ kind: "signed", detached: true, signers: [], revocationLists: 0 }]);
      const [layer] = layers;
      const found = layer?.kind === "signed" ? layer.certificates.map((der) => parseCertificate(der)) : [];
      expect(found.map(({ subject }) => subject.text).sort()).toEqual(
        certificates.map(({ subject }) => subject.text).sort(),
      );
    }
  });

  test("with content that is not data: what is in it is not taken for layers", async () => {
    const inner = await sealed(testBytes(100), { compress: true });
    const message = await signedMessage(partner, { content: inner, contentType: TIME_STAMP });
    expect(await described(message)).toMatchObject({
      contentBytes: inner.length,
      layers: [{ kind: "signed", contentType: TIME_STAMP, detached: false }],
    });
    expect((await described(await signedMessage(partner, { content: inner }))).layers).toMatchObject([
      { kind: "signed", contentType: DATA },
      { kind: "compressed" },
    ]);
  });

  test("with content that is no octets, as before there was CMS", async () => {
    const parts = parseSigned(await signedMessage(partner));
    for (const content of [
      derSequence(derOid("1.2.3.4"), derNull()),
      Buffer.concat([startOf(0x30), startOf(0x30), derNull(), endsOf(2)]),
    ]) {
      const message = rebuilt(parts, derSequence(derOid("1.3.6.1.4.1.311.2.1.4"), derContext(0, content)));
      expect(await described(message, 1)).toMatchObject({
        contentBytes: undefined,
        layers: [{ kind: "signed", detached: false, signers: [{ hash: "sha256" }] }],
      });
      expect(await refusal(message, { signers: [partner.certificate] })).toBe("ERR_CMS_CONTENT_TYPE");
    }
  });
});

function parseSigned(message: Buffer): { start: Buffer[]; end: Buffer[] } {
  // The header of ContentInfo's content, then of SignedData; what is crafted has four parts.
  const [, explicit] = parts(message);
  const [signedData] = parts(explicit as Buffer);
  const [version, hashes, , signers] = parts(signedData as Buffer) as [Buffer, Buffer, Buffer, Buffer];
  return { start: [version, hashes], end: [signers] };
}

const rebuilt = ({ start, end }: { start: Buffer[]; end: Buffer[] }, middle: Buffer): Buffer =>
  contentInfo(CONTENT_TYPE.signedData, derSequence(...start, middle, ...end));

describe("encrypted data", () => {
  const octets = testBytes(48);

  test("without recipients: the key was agreed elsewhere", async () => {
    const content = derSequence(derOid(DATA), AES_256_CBC, derContextPrimitive(0, octets));
    for (const more of [[], [derContext(1, attribute("1.2.3.4", derNull()))]]) {
      const message = contentInfo(
        CONTENT_TYPE.encryptedData,
        derSequence(derSmallInteger(more.length * 2), content, ...more),
      );
      expect(await described(message, 1)).toEqual({
        sealedBytes: message.length,
        contentBytes: undefined,
        layers: [
          {
            kind: "encrypted",
            cipher: "aes-256-cbc",
            authenticated: false,
            recipients: [],
            recipient: undefined,
            contentType: DATA,
            detached: false,
          },
        ],
      });
      expect(await refusal(message, { keys: [us] })).toBe("ERR_CMS_CONTENT_TYPE");
    }
  });

  test("with an algorithm that is not supported, without its content, or with content that is not data", async () => {
    const rc2 = derAlgorithm("1.2.840.113549.3.2", derNull());
    for (const keys of [[], [us]]) {
      const show = async (message: Buffer) => await describeMessage(inChunks(message), { keys });
      expect(await show(encryptedMessage(us, { algorithm: rc2, encrypted: octets }))).toMatchObject({
        contentBytes: undefined,
        layers: [{ cipher: "1.2.840.113549.3.2", recipients: [{ algorithm: "rsa-pkcs1" }] }],
      });
      expect(await show(encryptedMessage(us, { algorithm: AES_256_CBC }))).toMatchObject({
        contentBytes: undefined,
        layers: [{ cipher: "aes-256-cbc", detached: true }],
      });
    }
    const cipher = createCipheriv("aes-256-cbc", Buffer.alloc(32), Buffer.alloc(16));
    const inner = await sealed(testBytes(10), {});
    const encrypted = Buffer.concat([cipher.update(inner), cipher.final()]);
    const other = { algorithm: AES_256_CBC, contentType: CONTENT_TYPE.signedData, encrypted };
    expect(await describeMessage(inChunks(encryptedMessage(us, other)), { keys: [us] })).toMatchObject({
      contentBytes: inner.length,
      layers: [{ contentType: CONTENT_TYPE.signedData, recipient: us.certificate }],
    });
  });

  test("with authenticated attributes", async () => {
    const gcm = derAlgorithm(
      "2.16.840.1.101.3.4.1.46",
      derSequence(derOctetString(Buffer.alloc(12)), derSmallInteger(16)),
    );
    const more = [derContext(1, attribute("1.2.3.4", derNull())), derOctetString(Buffer.alloc(16))];
    const message = encryptedMessage(us, {
      ...{ type: CONTENT_TYPE.authEnvelopedData, algorithm: gcm, encrypted: octets, more },
    });
    for (const keys of [[], [us]]) {
      const { layers } = await describeMessage(inChunks(message), { keys });
      expect(layers).toMatchObject([{ kind: "encrypted", cipher: "aes-256-gcm", authenticated: true }]);
    }
  });
});

describe("other types", () => {
  test("digested data, and what is in it", async () => {
    const inner = await sealed(testBytes(100), { compress: true });
    const digested = (hash: string, content: Buffer | undefined) =>
      contentInfo(
        CONTENT_TYPE.digestedData,
        derSequence(
          ...[derSmallInteger(0), derAlgorithm(hash), encapsulated(DATA, content)],
          derOctetString(Buffer.alloc(32)),
        ),
      );
    expect(await described(digested(SHA256, inner), 1)).toMatchObject({
      contentBytes: 100,
      layers: [{ kind: "digested", hash: "sha256", detached: false }, { kind: "compressed" }],
    });
    expect(await described(digested("1.2.3.4", undefined))).toMatchObject({
      contentBytes: undefined,
      layers: [{ kind: "digested", hash: "1.2.3.4", detached: true }],
    });
    // Within a message it is described as well, though `open` takes it for the content.
    const around = await sealed(digested(SHA256, inner), { sign: { signers: [partner] } });
    expect((await described(around)).layers.map(({ kind }) => kind)).toEqual([
      "signed",
      "digested",
      "compressed",
    ]);
    expect(await refusal(around, { signers: [partner.certificate] })).toBeUndefined();
  });

  test("authenticated data", async () => {
    const envelope = parts(encryptedMessage(us, { algorithm: AES_256_CBC, encrypted: Buffer.alloc(16) }));
    const [, recipients] = parts(parts(envelope[1] as Buffer)[0] as Buffer);
    const message = contentInfo(
      CONTENT_TYPE.authenticatedData,
      derSequence(
        derSmallInteger(0),
        recipients as Buffer,
        derAlgorithm(HMAC_SHA256),
        derContext(1, derOid(SHA256)),
        encapsulated(DATA, testBytes(10)),
        derContext(2, attribute("1.2.3.4", derNull())),
        derOctetString(Buffer.alloc(32)),
        derContext(3, attribute("1.2.3.4", derNull())),
      ),
    );
    expect(await described(message, 1)).toMatchObject({
      contentBytes: 10,
      layers: [{ kind: "authenticated", algorithm: HMAC_SHA256, recipients: [{ algorithm: "rsa-pkcs1" }] }],
    });
  });

  test("compressed in a way that is not known", async () => {
    const message = compressedMessage(testBytes(10), { algorithm: derAlgorithm("1.2.3.4") });
    expect(await described(message, 1)).toMatchObject({
      contentBytes: undefined,
      layers: [{ kind: "compressed", algorithm: "1.2.3.4" }],
    });
    const zlib = await described(compressedMessage(testBytes(10)));
    expect(zlib).toMatchObject({ contentBytes: 10, layers: [{ kind: "compressed", algorithm: "zlib" }] });
  });

  test("types that nobody knows, of definite and of indefinite length", async () => {
    const nested = [startOf(0x30), derNull(), startOf(0x30), derOctetString(testBytes(300)), endsOf(2)];
    const indefinite = Buffer.concat([
      ...[startOf(0x30), derOid("1.2.3.4"), startOf(0xa0)],
      ...[...nested, endsOf(2)],
    ]);
    for (const message of [contentInfo("1.2.3.4", derOctetString(testBytes(300))), indefinite]) {
      for (const size of [1, 100_000]) {
        expect(await described(message, size)).toEqual({
          sealedBytes: message.length,
          contentBytes: undefined,
          layers: [{ kind: "other", contentType: "1.2.3.4" }],
        });
      }
      for (let length = 1; length < message.length; length += 1) {
        expect(await codeOf(message.subarray(0, length))).toMatch(/^ERR_CMS_(TRUNCATED|DAMAGED)$/);
      }
      expect(await codeOf(Buffer.concat([message, Buffer.alloc(1)]))).toBe("ERR_CMS_TRAILING");
      // Within a message it is content like any other.
      expect((await described(await sealed(message, { compress: true }))).layers).toMatchObject([
        { kind: "compressed" },
      ]);
    }
  });

  test("nothing but CMS is described", async () => {
    for (const bytes of [us.certificate.der, Buffer.from("hello"), derSequence(derNull()), Buffer.alloc(9)]) {
      expect(await codeOf(bytes)).toBe("ERR_CMS_DAMAGED");
    }
  });
});

describe("limits", () => {
  test("content of any size is read over, and not kept", async () => {
    const block = Buffer.alloc(1_000_000);
    const blocks = 200;
    const header = Buffer.from("0482", "hex");
    async function* large() {
      yield Buffer.concat([startOf(0x30), derOid("1.2.3.4"), startOf(0xa0), startOf(0x24)]);
      for (let count = 0; count < blocks; count += 1) {
        for (let start = 0; start < block.length; start += 50_000) {
          yield Buffer.concat([header, Buffer.from("c350", "hex"), block.subarray(start, start + 50_000)]);
        }
      }
      yield endsOf(3);
    }
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    const { layers, sealedBytes } = await describeMessage(large());
    expect(layers).toEqual([{ kind: "other", contentType: "1.2.3.4" }]);
    expect(sealedBytes).toBeGreaterThan(blocks * block.length);
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
  });

  test("lengths beyond everything, and nesting without end, are refused", async () => {
    const start = Buffer.concat([startOf(0x30), derOid("1.2.3.4"), startOf(0xa0)]);
    const beyond = Buffer.concat([start, Buffer.from("0487ffffffffffffff", "hex"), Buffer.alloc(1000)]);
    expect(await codeOf(beyond)).toBe("ERR_CMS_DAMAGED");
    const far = Buffer.concat([start, Buffer.from("0486ffffffffffff", "hex"), Buffer.alloc(1000)]);
    expect(await codeOf(far)).toBe("ERR_CMS_TRUNCATED");
    const deep = Buffer.concat([start, ...Array<Buffer>(1000).fill(startOf(0x30))]);
    expect(await codeOf(deep)).toBe("ERR_CMS_DAMAGED");
    const many = Array<Buffer>(101).fill(
      parts(parts(parts(encryptedMessage(us, { algorithm: AES_256_CBC }))[1]!)[0]!)[1]!.subarray(4),
    );
    const crowded = contentInfo(
      CONTENT_TYPE.authenticatedData,
      derSequence(derSmallInteger(0), encodeDer(0x31, ...many)),
    );
    expect(await codeOf(crowded)).toBe("ERR_CMS_LIMIT");
  });
});

test("with any byte changed it is described, or refused with an error of this package", async () => {
  const content = derSequence(derOid(DATA), AES_256_CBC, derContextPrimitive(0, Buffer.alloc(32)));
  const messages = [
    writePkcs7({ certificates: [partner.certificate] }),
    await signedMessage(partner, { detached: true }),
    await signedMessage(partner, { contentType: TIME_STAMP }),
    contentInfo(CONTENT_TYPE.encryptedData, derSequence(derSmallInteger(0), content)),
    encryptedMessage(us, { algorithm: AES_256_CBC, encrypted: Buffer.alloc(32) }),
    await sealed(await sealed(testBytes(10), { sign: { signers: [partner] } }), { compress: true }),
  ];
  let isDescribed = 0;
  for (const message of messages) {
    for (let index = 0; index < message.length; index += 1) {
      for (const mask of [0x01, 0x20, 0x80, 0xff]) {
        const changed = Buffer.from(message);
        changed[index] = (changed[index] as number) ^ mask;
        const code = await described(changed).then(
          () => undefined,
          (error: unknown) => (isTransferError(error) ? error.code : String(error)),
        );
        if (code === undefined) isDescribed += 1;
        else expect(code).toMatch(/^ERR_CMS_[A-Z_]+$/);
      }
    }
  }
  // Names, keys and signatures are nothing to a description.
  expect(isDescribed).toBeGreaterThan(1000);
}, 60_000);

/** The values in a value, of definite lengths. */
function parts(value: Buffer): Buffer[] {
  const found: Buffer[] = [];
  const lengthOf = (at: number): { start: number; end: number } => {
    const first = value[at + 1] as number;
    const count = first < 0x80 ? 0 : first - 0x80;
    const length = count === 0 ? first : value.readUIntBE(at + 2, count);
    return { start: at + 2 + count, end: at + 2 + count + length };
  };
  for (let at = lengthOf(0).start; at < value.length; at = lengthOf(at).end) {
    found.push(value.subarray(at, lengthOf(at).end));
  }
  return found;
}

describeWithPeers("what openssl makes is described", [peers.openssl], () => {
  let peer: OpensslPeer;
  beforeAll(async () => {
    peer = await OpensslPeer.start(partner);
  });
  afterAll(() => peer?.stop());

  test("detached signatures, and certificates alone", async () => {
    const key = ["-signer", peer.path("certificate.pem"), "-inkey", peer.path("key.pem")];
    expect(await described(await peer.run(["-sign", ...key], testBytes(1000)))).toMatchObject({
      contentBytes: undefined,
      layers: [{ kind: "signed", detached: true, signers: [{}], certificates: [{}] }],
    });
    await writeFile(peer.path("both.pem"), partner.certificate.pem + us.certificate.pem);
    const files = ["-certfile", peer.path("both.pem"), "-outform", "DER", "-out", peer.path("p7b")];
    await peer.openssl(["crl2pkcs7", "-nocrl", ...files]);
    const { layers } = await described(await readFile(peer.path("p7b")));
    expect(layers).toMatchObject([{ kind: "signed", detached: true, signers: [], certificates: [{}, {}] }]);
  });

  test.each(["streamed", "definite"])("digests, keys that are known, passwords: %s", async (encoding) => {
    const content = testBytes(1000);
    const more = encoding === "streamed" ? ["-stream"] : [];
    const digest = await peer.run(["-digest_create", "-md", "sha256", ...more], content);
    expect(await described(digest)).toMatchObject({
      contentBytes: 1000,
      layers: [{ kind: "digested", hash: "sha256" }],
    });
    const secret = ["-secretkey", "00".repeat(16)];
    const keyless = await peer.run(["-EncryptedData_encrypt", "-aes128", ...secret, ...more], content);
    expect(await described(keyless)).toMatchObject({
      contentBytes: undefined,
      layers: [{ kind: "encrypted", cipher: "aes-128-cbc", recipients: [] }],
    });
    const recipients = ["-pwri_password", "secret", "-recip", peer.path("certificate.pem")];
    const both = await peer.run(["-encrypt", "-aes256", ...more, ...recipients], content);
    const [layer] = (await described(both)).layers;
    const kinds = layer?.kind === "encrypted" ? layer.recipients.map(({ kind }) => kind) : [];
    expect(kinds.sort()).toEqual(["transport", "unsupported"]);
  });
});
