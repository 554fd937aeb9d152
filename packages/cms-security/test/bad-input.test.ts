import { beforeAll, describe, expect, test } from "@jest/globals";
import { type OpenOptions, open, type SealOptions, seal } from "../src/index.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { refusal, sealed } from "./messages.js";
import { collect, inChunks, testBytes } from "./streams.js";

let us: TestIdentity;
let partner: TestIdentity;
let stranger: TestIdentity;
let usEc: TestIdentity;

beforeAll(async () => {
  [us, partner, stranger] = (await Promise.all(
    ["us", "partner", "stranger"].map((name) => newIdentity(name)),
  )) as [TestIdentity, TestIdentity, TestIdentity];
  usEc = await newIdentity("us EC", { type: "ec" });
}, 60_000);

const trusting = (): OpenOptions => ({ keys: [us, usEc], signers: [partner.certificate] });

/** Messages of every kind, small enough to try every byte. */
const KINDS: readonly [string, () => SealOptions][] = [
  ["signed", () => ({ sign: { signers: [partner] } })],
  [
    "signed, by key identifier, with the certificate",
    () => ({
      sign: { signers: [partner], identifyBy: "subjectKeyId", includeCertificates: true },
    }),
  ],
  ["signed and compressed", () => ({ sign: { signers: [partner] }, compress: true })],
  [
    "signed, compressed and encrypted",
    () => ({
      sign: { signers: [partner] },
      compress: true,
      encrypt: { recipients: [us.certificate] },
    }),
  ],
  [
    "signed and encrypted with AES-GCM for an EC key",
    () => ({
      sign: { signers: [partner] },
      encrypt: { recipients: [usEc.certificate], cipher: "aes-256-gcm" },
    }),
  ],
];

describe.each(KINDS)("a message that is %s", (_, options) => {
  const content = testBytes(40);

  test("is refused with any byte changed", async () => {
    const message = await sealed(content, options());
    const accepted: number[] = [];
    // Each takes a private key when it is encrypted, which is slow.
    const masks = options().encrypt === undefined ? [0x01, 0xff] : [0x01];
    for (let index = 0; index < message.length; index += 1) {
      for (const mask of masks) {
        const changed = Buffer.from(message);
        changed[index] = (changed[index] as number) ^ mask;
        if ((await refusal(changed, trusting())) === undefined) accepted.push(index);
      }
    }
    const { start, end } = certificatesIn(message, options());
    expect(accepted.filter((index) => index < start || index >= end)).toEqual([]);
  });

  test("is refused when it is cut off anywhere", async () => {
    const message = await sealed(content, options());
    const codes = new Set<string | undefined>();
    for (let length = 0; length < message.length; length += 1) {
      codes.add(await refusal(message.subarray(0, length), trusting()));
    }
    expect([...codes].filter((code) => code !== "ERR_CMS_TRUNCATED" && code !== "ERR_CMS_DAMAGED")).toEqual(
      [],
    );
  });

  test("is refused with bytes behind it", async () => {
    const message = await sealed(content, options());
    for (const more of [Buffer.from([0]), Buffer.alloc(2), message]) {
      expect(await refusal(Buffer.concat([message, more]), trusting())).toBe("ERR_CMS_TRAILING");
      expect(await refusal(Buffer.concat([message, more]), trusting(), 1)).toBe("ERR_CMS_TRAILING");
    }
  });
});

/** Where the certificates are that come along: they are not signed, and nobody trusts them for being there. */
function certificatesIn(message: Buffer, { sign }: SealOptions): { start: number; end: number } {
  if (sign?.includeCertificates !== true) return { start: 0, end: 0 };
  const { der } = partner.certificate;
  const start = message.indexOf(der);
  return { start: start - 4, end: start + der.length };
}

describe("people", () => {
  test("a message for somebody else", async () => {
    const message = await sealed(testBytes(100), { encrypt: { recipients: [stranger.certificate] } });
    expect(await refusal(message, { keys: [us, usEc] })).toBe("ERR_CMS_RECIPIENT");
    expect(await refusal(message, {})).toBe("ERR_CMS_RECIPIENT");
  });

  test("a signer that is not the partner", async () => {
    const options = { includeCertificates: true };
    const message = await sealed(testBytes(100), { sign: { signers: [stranger], ...options } });
    expect(await refusal(message, trusting())).toBe("ERR_CMS_SIGNER_UNKNOWN");
    expect(await refusal(message, {})).toBe("ERR_CMS_SIGNER_UNKNOWN");
    expect(await refusal(message, { signers: async () => [] })).toBe("ERR_CMS_SIGNER_UNKNOWN");
  });

  test("a signer that says to be the partner", async () => {
    // The stranger's signature under the partner's name: its certificate is replaced by one with the same name and number.
    const message = await sealed(testBytes(100), { sign: { signers: [{ ...stranger }] } });
    const name = partner.certificate.issuer.der;
    expect(stranger.certificate.issuer.der.length).toBe(name.length + 1);
    const pretended = await sealed(testBytes(100), {
      sign: { signers: [{ certificate: disguised(stranger, partner), key: stranger.key }] },
    });
    expect(await refusal(message, trusting())).toBe("ERR_CMS_SIGNER_UNKNOWN");
    expect(await refusal(pretended, trusting())).toBe("ERR_CMS_SIGNATURE");
  });

  test("an expired signer, one that is not valid yet, and one that is not accepted", async () => {
    const day = 24 * 60 * 60 * 1000;
    const at = (days: number) => new Date(Date.now() + days * day);
    const old = await newIdentity("old", { type: "ec" }, { notBefore: at(-20), notAfter: at(-10) });
    const early = await newIdentity("early", { type: "ec" }, { notBefore: at(10), notAfter: at(20) });
    for (const signer of [old, early]) {
      const message = await sealed(testBytes(100), { sign: { signers: [signer] } });
      const signers = [signer.certificate];
      expect(await refusal(message, { signers })).toBe("ERR_CMS_SIGNER_EXPIRED");
      expect(await refusal(message, { signers, allowExpiredSigner: true })).toBeUndefined();
      expect(await refusal(message, { signers, time: at(signer === old ? -15 : 15) })).toBeUndefined();
    }
    const message = await sealed(testBytes(100), { sign: { signers: [partner] } });
    const asked: string[] = [];
    const acceptSigner = async ({ certificate }: { certificate: { subject: { text: string } } }) => {
      asked.push(certificate.subject.text);
      return false;
    };
    expect(await refusal(message, { ...trusting(), acceptSigner })).toBe("ERR_CMS_SIGNER_REFUSED");
    expect(asked).toEqual(["CN=partner,O=Waybill"]);
  });

  test("a wrong key looks like damaged content", async () => {
    for (const suiteOptions of [
      { keyTransport: { padding: "pkcs1" } },
      { keyTransport: { padding: "oaep", hash: "sha256" } },
    ] as const) {
      const message = await sealed(testBytes(100), {
        sign: { signers: [partner] },
        encrypt: { recipients: [us.certificate], ...suiteOptions },
      });
      const wrongKey = { certificate: us.certificate, key: stranger.key };
      expect(await refusal(message, { ...trusting(), keys: [wrongKey] })).toBe("ERR_CMS_DECRYPT");
      const damaged = Buffer.from(message);
      const last = damaged.length - 30;
      damaged[last] = (damaged[last] as number) ^ 1;
      expect(await refusal(damaged, trusting())).toBe("ERR_CMS_DECRYPT");
    }
  });

  test("authentication tags are checked", async () => {
    const message = await sealed(testBytes(100), {
      encrypt: { recipients: [us.certificate], cipher: "aes-128-gcm" },
    });
    const place = message.length - 10;
    message[place] = (message[place] as number) ^ 1;
    expect(await refusal(message, trusting())).toBe("ERR_CMS_DECRYPT");
  });
});

/** A certificate of the partner's name and number with the other's key. */
function disguised(other: TestIdentity, as: TestIdentity): TestIdentity["certificate"] {
  const { certificate } = as;
  return new Proxy(certificate, {
    get: (target, property) =>
      property === "sshKey" ? other.certificate.sshKey : Reflect.get(target, property),
  });
}

describe("amounts", () => {
  test("more layers than the limit, as many as anybody likes", async () => {
    let message = await sealed(testBytes(10), { compress: false });
    for (let depth = 0; depth < 1000; depth += 1) message = dataAround(message);
    expect(await refusal(message, {})).toBe("ERR_CMS_LAYERS");
    let signed = testBytes(10);
    for (let depth = 0; depth < 7; depth += 1)
      signed = await sealed(signed, { sign: { signers: [partner] } });
    expect(await refusal(signed, trusting())).toBe("ERR_CMS_LAYERS");
    expect(await refusal(signed, { ...trusting(), limits: { layers: 7 } })).toBeUndefined();
  });

  test("strings nested without end", async () => {
    const strings = Buffer.concat([
      DATA_START,
      ...Array.from({ length: 1000 }, () => Buffer.from([0x24, 0x80])),
    ]);
    expect(await refusal(strings, {})).toBe("ERR_CMS_DAMAGED");
  });

  test("a compression bomb, by ratio and by the announced size", async () => {
    async function* zeros() {
      for (let count = 0; count < 30; count += 1) yield Buffer.alloc(1_000_000);
    }
    const message = await collect(seal(zeros(), { compress: { level: 9 } }));
    expect(message.length).toBeLessThan(60_000);
    let seen = 0;
    const opening = open(inChunks(message));
    const reading = (async () => {
      for await (const piece of opening) seen += piece.length;
    })();
    await expect(reading).rejects.toMatchObject({ code: "ERR_CMS_COMPRESSION_RATIO" });
    expect(seen).toBeLessThan(12_000_000);
    expect(await refusal(message, { limits: { contentBytes: 29_999_999 } })).toBe("ERR_CMS_CONTENT_SIZE");
    expect(await refusal(message, { limits: { contentBytes: 30_000_000 } })).toBeUndefined();
    expect(await refusal(message, { limits: { contentBytes: 1000 } })).toBe("ERR_CMS_CONTENT_SIZE");
    expect(await refusal(message, { limits: { compressionRatio: 2000 } })).toBeUndefined();
  });

  test("more recipients, signers, attributes and certificates than the limits", async () => {
    const many = await sealed(testBytes(10), { encrypt: { recipients: Array(3).fill(us.certificate) } });
    expect(await refusal(many, { ...trusting(), signers: undefined, limits: { recipients: 2 } })).toBe(
      "ERR_CMS_LIMIT",
    );
    expect(await refusal(many, { ...trusting(), signers: undefined, limits: { recipientBytes: 900 } })).toBe(
      "ERR_CMS_LIMIT",
    );
    const signed = await sealed(testBytes(10), {
      sign: { signers: [partner, partner], includeCertificates: true },
    });
    for (const limits of [
      { signers: 1 },
      { signerBytes: 500 },
      { attributeBytes: 50 },
      { certificateBytes: 500 },
    ]) {
      expect(await refusal(signed, { ...trusting(), limits })).toBe("ERR_CMS_LIMIT");
    }
    expect(() => open(inChunks(signed), { limits: { layers: Number.NaN } })).toThrow(
      expect.objectContaining({ code: "ERR_OPTION_INVALID" }),
    );
  });

  test("a length beyond everything is not waited for in memory", async () => {
    // SignedData whose set of hash algorithms, or whose signers, say to have 2^48 bytes.
    const start = "308006092a864886f70d010702a0803080020101";
    const long = "318701000000000000";
    for (const [hex, code] of [
      [start + long, "ERR_CMS_DAMAGED"],
      [`${start}3100308006092a864886f70d010701a080040000000000${long}`, "ERR_CMS_LIMIT"],
    ] as const) {
      const message = Buffer.concat([Buffer.from(hex, "hex"), Buffer.alloc(1000)]);
      expect(await refusal(message, trusting())).toBe(code);
    }
  });
});

const DATA_START = Buffer.from("308006092a864886f70d010701a080", "hex");

function dataAround(content: Buffer): Buffer {
  const length = Buffer.alloc(6, 0x84);
  length[0] = 0x04;
  length.writeUInt32BE(content.length, 2);
  return Buffer.concat([DATA_START, length, content, Buffer.alloc(4)]);
}
