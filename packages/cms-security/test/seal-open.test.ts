import { createHash } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { createLogger, TransferError } from "@waybill/net-core";
import fc from "fast-check";
import {
  CIPHER_SUITES,
  CONTENT_CIPHERS,
  cipherSuite,
  describeMessage,
  isWeakSuite,
  type OpenOptions,
  open,
  type SealOptions,
  seal,
} from "../src/index.js";
import { heldIdentity } from "./held-key.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { opened, refusal, sealed } from "./messages.js";
import { collect, inChunks, SIZES, testBytes } from "./streams.js";

let us: TestIdentity;
let partner: TestIdentity;
let ours: TestIdentity[];

beforeAll(async () => {
  us = await newIdentity("us");
  partner = await newIdentity("partner");
  ours = [
    us,
    await newIdentity("us P-256", { type: "ec", curve: "P-256" }),
    await newIdentity("us P-384", { type: "ec", curve: "P-384" }),
    await newIdentity("us P-521", { type: "ec", curve: "P-521" }),
  ];
}, 60_000);

describe("cipher suites", () => {
  test("are the ten that partners agree on", () => {
    expect(CIPHER_SUITES.map(({ name, number }) => `${number} ${name}`)).toEqual([
      "1 3DES_EDE_CBC_3KEY RSA_PKCS1_15 SHA-1",
      "2 AES_256_CBC RSA_PKCS1_15 SHA-1",
      "3 3DES_EDE_CBC_3KEY RSA_PKCS1_15 SHA-256",
      "4 AES_256_CBC RSA_PKCS1_15 SHA-256",
      "5 3DES_EDE_CBC_3KEY RSA_PKCS1_15 SHA-512",
      "6 AES_256_CBC RSA_PKCS1_15 SHA-512",
      "7 AES_256_CBC RSA_PKCS1_15 SHA3-512",
      "8 AES_256_CBC RSA_PSS/RSA_OAEP SHA-256",
      "9 AES_256_CBC RSA_PSS/RSA_OAEP SHA-512",
      "10 AES_256_CBC RSA_PSS/RSA_OAEP SHA3-512",
    ]);
    expect([1, 2, 3, 10].map(isWeakSuite)).toEqual([true, true, false, false]);
    expect(() => cipherSuite(11)).toThrow(expect.objectContaining({ code: "ERR_CMS_SUITE_UNKNOWN" }));
  });

  test.each(CIPHER_SUITES)("$number seals and opens every size", async (suite) => {
    const options = {
      suite,
      allowWeak: true,
      sign: { signers: [partner] },
      encrypt: { recipients: [us.certificate] },
    };
    for (const size of SIZES) {
      const content = testBytes(size);
      const message = await sealed(content, options);
      const found = await opened(
        message,
        { keys: [us], signers: [partner.certificate], allowWeak: true },
        997,
      );
      expect(found.content.equals(content)).toBe(true);
      expect(found.result).toMatchObject({ contentBytes: size, sealedBytes: message.length });
      expect(found.result.layers).toMatchObject([
        { kind: "encrypted", cipher: suite.cipher, authenticated: false },
        {
          kind: "signed",
          signers: [{ hash: suite.hash, signature: `rsa-${suite.padding}`, status: "verified" }],
        },
      ]);
    }
  });

  test("weak ones only when that is wanted, with a warning on both sides", async () => {
    const warnings: string[] = [];
    const logger = createLogger("warn", ({ message }) => warnings.push(message));
    const options: SealOptions = { suite: cipherSuite(2), sign: { signers: [partner] }, logger };
    expect(() => seal(inChunks(testBytes(1)), options)).toThrow(
      expect.objectContaining({ code: "ERR_CMS_WEAK" }),
    );
    const message = await sealed(testBytes(1), { ...options, allowWeak: true });
    expect(warnings).toHaveLength(1);
    expect(await refusal(message, { signers: [partner.certificate], logger })).toBe("ERR_CMS_WEAK");
    await opened(message, { signers: [partner.certificate], allowWeak: true, logger });
    expect(warnings).toHaveLength(2);
  });
});

describe("layers", () => {
  const CHOICES = [true, false];
  const COMBINATIONS = CHOICES.flatMap((sign) =>
    CHOICES.flatMap((compress) => CHOICES.map((encrypt) => ({ sign, compress, encrypt }))),
  );

  test.each(COMBINATIONS)(
    "sign $sign, compress $compress, encrypt $encrypt",
    async ({ sign, compress, encrypt }) => {
      const content = Buffer.from("the same line again\n".repeat(5000));
      const options: SealOptions = {
        sign: sign ? { signers: [partner] } : undefined,
        compress,
        encrypt: encrypt ? { recipients: [us.certificate] } : undefined,
      };
      const message = await sealed(content, options);
      expect(message.length < content.length / 4).toBe(compress);
      const expected = [
        ...(encrypt ? ["encrypted"] : []),
        ...(compress ? ["compressed"] : []),
        ...(sign ? ["signed"] : []),
      ];
      const wanted: OpenOptions = {
        keys: [us],
        ...(sign && { signers: [partner.certificate] }),
        expect: { signed: sign, encrypted: encrypt, compressed: compress },
      };
      for (const expect_ of [wanted.expect, undefined]) {
        const found = await opened(message, { ...wanted, expect: expect_ });
        expect(found.content.equals(content)).toBe(true);
        expect(found.result.layers.map(({ kind }) => kind)).toEqual(
          expected.length > 0 ? expected : ["data"],
        );
        expect(found.result.signer).toBe(sign ? partner.certificate : undefined);
        expect(found.result.recipient).toBe(encrypt ? us.certificate : undefined);
      }
      const keys = ["signed", "encrypted", "compressed"] as const;
      const has = { signed: sign, encrypted: encrypt, compressed: compress };
      for (const key of keys) {
        if (has[key]) {
          const code = await refusal(message, { ...wanted, expect: { [key]: false } });
          expect(code).toBe("ERR_CMS_LAYER_FORBIDDEN");
        } else {
          const code = await refusal(message, { ...wanted, expect: { ...has, [key]: true } });
          // Inside of an encryption nobody is told what is wrong.
          expect(code).toBe(encrypt ? "ERR_CMS_DECRYPT" : "ERR_CMS_LAYER_MISSING");
        }
      }
    },
  );

  test("in another order", async () => {
    const content = testBytes(1000);
    const inner = await sealed(content, { encrypt: { recipients: [us.certificate] } });
    const middle = await sealed(inner, { sign: { signers: [partner] } });
    const message = await sealed(middle, { compress: { level: 1 } });
    const found = await opened(message, { keys: [us], signers: [partner.certificate] });
    expect(found.content.equals(content)).toBe(true);
    expect(found.result.layers.map(({ kind }) => kind)).toEqual(["compressed", "signed", "encrypted"]);
  });

  test("a CMS message as the content comes out as it went in, when the layers are agreed", async () => {
    const foreign = await sealed(testBytes(10), { encrypt: { recipients: [partner.certificate] } });
    const message = await sealed(foreign, { sign: { signers: [partner] } });
    const agreed = { signed: true, encrypted: false, compressed: false };
    const found = await opened(message, { signers: [partner.certificate], expect: agreed });
    expect(found.content.equals(foreign)).toBe(true);
  });
});

describe("keys", () => {
  test.each(CONTENT_CIPHERS)("%s for RSA and every curve at once, each opens it", async (cipher) => {
    const content = testBytes(70_000);
    const recipients = ours.map(({ certificate }) => certificate);
    for (const identifyBy of ["issuerAndSerialNumber", "subjectKeyId"] as const) {
      const message = await sealed(content, { encrypt: { recipients, cipher, identifyBy } });
      for (const identity of ours) {
        const found = await opened(message, { keys: [identity], expect: { encrypted: true } });
        expect(found.content.equals(content)).toBe(true);
        expect(found.result.recipient).toBe(identity.certificate);
        expect(found.result.layers).toMatchObject([{ cipher, authenticated: cipher.endsWith("gcm") }]);
      }
    }
  });

  test("EC and Ed25519 keys sign, by name or by key identifier", async () => {
    const content = testBytes(5000);
    const signers = [...ours.slice(1), await newIdentity("edwards", { type: "ed25519" })];
    for (const identifyBy of ["issuerAndSerialNumber", "subjectKeyId"] as const) {
      const message = await sealed(content, { sign: { signers, identifyBy, hash: "sha384" } });
      for (const { certificate } of signers) {
        const found = await opened(message, { signers: [certificate], digests: ["sha256"] });
        expect(found.result.signer).toBe(certificate);
        expect(found.result.digests.sha256).toEqual(createHash("sha256").update(content).digest());
      }
    }
  });

  test("change-over: old and new certificate sign, any that is expected verifies", async () => {
    const newer = await newIdentity("partner next year", { type: "ec" });
    const signingTime = new Date("2031-02-03T04:05:06Z");
    const message = await sealed(testBytes(100), { sign: { signers: [partner, newer], signingTime } });
    for (const signers of [[partner.certificate], [newer.certificate], [us.certificate, newer.certificate]]) {
      const { result } = await opened(message, { signers });
      expect(signers).toContain(result.signer);
      expect(result.signingTime).toEqual(signingTime);
    }
    const statuses = (await opened(message, { signers: [newer.certificate] })).result.layers.flatMap(
      (layer) => (layer.kind === "signed" ? layer.signers.map(({ status }) => status) : []),
    );
    expect(statuses.sort()).toEqual(["unknown", "verified"]);
  });

  test("a resolver finds the signer among the certificates that came along", async () => {
    const message = await sealed(testBytes(100), { sign: { signers: [partner], includeCertificates: true } });
    const { result } = await opened(message, {
      signers: async ({ certificates }) => {
        expect(certificates.map((der) => der.equals(partner.certificate.der))).toEqual([true]);
        return [partner.certificate];
      },
    });
    expect(result.signer).toBe(partner.certificate);
  });

  test("keys may be in a token: they are asked once for each message", async () => {
    const ec = ours[1] as TestIdentity;
    for (const [identity, way] of [
      [us, "decrypt"],
      [ec, "deriveSecret"],
    ] as const) {
      const token = heldIdentity(identity);
      const message = await sealed(testBytes(100_000), {
        sign: { signers: [token.identity] },
        encrypt: { recipients: [identity.certificate] },
      });
      await opened(message, { keys: [token.identity], signers: [identity.certificate] });
      expect(token.asked).toEqual(["signWith", way]);

      // A token that is gone is another matter than a message that is damaged.
      const gone = new TransferError("ERR_PKCS11_TOKEN_REMOVED", "gone");
      const without = { keys: [heldIdentity(identity, gone).identity], signers: [identity.certificate] };
      expect(await refusal(message, without)).toBe("ERR_PKCS11_TOKEN_REMOVED");
      const broken = new TransferError("ERR_KEY_DECRYPT", "no");
      const failing = { keys: [heldIdentity(identity, broken).identity], signers: [identity.certificate] };
      expect(await refusal(message, failing)).toBe("ERR_CMS_DECRYPT");
    }
  });

  test("keys and certificates that do not belong together, or are not meant for it, are refused at once", () => {
    const source = inChunks(testBytes(1));
    const wrong = { certificate: us.certificate, key: partner.key };
    expect(() => seal(source, { sign: { signers: [wrong] } })).toThrow(
      expect.objectContaining({ code: "ERR_CMS_KEY_MISMATCH" }),
    );
    expect(() => seal(source, { sign: { signers: [] } })).toThrow(
      expect.objectContaining({ code: "ERR_OPTION_INVALID" }),
    );
    expect(() => seal(source, { encrypt: { recipients: [] } })).toThrow(
      expect.objectContaining({ code: "ERR_OPTION_INVALID" }),
    );
    expect(() => seal(source, { compress: { level: 10 } })).toThrow(
      expect.objectContaining({ code: "ERR_OPTION_INVALID" }),
    );
  });
});

describe("streams", () => {
  test.each([false, true])(
    "give up early, compressed: %s: little was read, the source is closed",
    async (compress) => {
      let read = 0;
      let close: () => void = () => {};
      const closed = new Promise<void>((resolve) => {
        close = resolve;
      });
      const block = testBytes(65_536);
      async function* source() {
        try {
          for (;;) {
            read += block.length;
            yield block;
          }
        } finally {
          close();
        }
      }
      const options = { sign: { signers: [partner] }, compress, encrypt: { recipients: [us.certificate] } };
      const message = open(seal(source(), options), { keys: [us], signers: [partner.certificate] });
      expect(read).toBe(0);
      let taken = 0;
      for await (const piece of message.content) {
        taken += piece.length;
        if (taken > 1_000_000) break;
      }
      // Four chunks that the thread which encrypts has, and the one that is being filled.
      const ahead = 5 * 512 * 1024;
      expect(read).toBeLessThan(taken + (compress ? 3_000_000 : ahead + 500_000));
      await closed;
      await expect(message.result).rejects.toMatchObject({ code: "ERR_CMS_ABANDONED" });
    },
  );

  test("a message that nobody reads is not opened", async () => {
    const message = open(inChunks(testBytes(1)));
    await message.content.return();
    await expect(message.result).rejects.toMatchObject({ code: "ERR_CMS_ABANDONED" });
  });

  test("a signal ends both directions", async () => {
    const abort = new AbortController();
    async function* source() {
      for (;;) yield testBytes(65_536);
    }
    const { signal } = abort;
    const sealing = seal(source(), { sign: { signers: [partner] } });
    const message = open(sealing, { signers: [partner.certificate], signal });
    await message.content.next();
    abort.abort();
    await expect(collect(message)).rejects.toMatchObject({ code: "ERR_ABORTED" });
    await expect(message.result).rejects.toMatchObject({ code: "ERR_ABORTED" });
    const endless = seal(source(), { compress: true, signal });
    await expect(collect(endless)).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });

  test("chunks may be cut anywhere, on both sides", async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 });
    const choices = fc.record({ sign: fc.boolean(), compress: fc.boolean(), encrypt: fc.boolean() });
    async function* cut(bytes: Buffer, lengths: readonly number[]) {
      for (let start = 0, index = 0; start < bytes.length; index += 1) {
        const end = start + (lengths[index % lengths.length] ?? 1);
        yield bytes.subarray(start, end);
        start = end;
      }
    }
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 3000 }),
        sizes,
        sizes,
        choices,
        async (bytes, one, two, choice) => {
          const content = Buffer.from(bytes);
          const message = await collect(
            seal(cut(content, one), {
              sign: choice.sign ? { signers: [ours[1] as TestIdentity] } : undefined,
              compress: choice.compress,
              encrypt: choice.encrypt
                ? { recipients: [ours[1]!.certificate], cipher: "aes-256-gcm" }
                : undefined,
            }),
          );
          const signers = choice.sign ? [ours[1]!.certificate] : undefined;
          const expect_ = { signed: choice.sign, compressed: choice.compress, encrypted: choice.encrypt };
          const opening = open(cut(message, two), {
            keys: [ours[1] as TestIdentity],
            signers,
            expect: expect_,
          });
          expect((await collect(opening)).equals(content)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("errors of the source come through every layer", async () => {
    const failure = new Error("disk on fire");
    async function* source() {
      yield testBytes(100_000);
      throw failure;
    }
    const options = {
      sign: { signers: [partner] },
      compress: true,
      encrypt: { recipients: [us.certificate] },
    };
    await expect(collect(seal(source(), options))).rejects.toBe(failure);
    const message = await sealed(testBytes(100_000), options);
    async function* broken() {
      yield message.subarray(0, 60_000);
      throw failure;
    }
    const opening = open(broken(), { keys: [us], signers: [partner.certificate] });
    await expect(collect(opening)).rejects.toBe(failure);
    await expect(opening.result).rejects.toBe(failure);
  });

  test("a source that never waits still lets the event loop turn", async () => {
    async function* source() {
      const block = testBytes(4_000_000);
      for (let count = 0; count < 25; count += 1) yield block;
    }
    const options = {
      suite: cipherSuite(6),
      sign: { signers: [partner] },
      encrypt: { recipients: [us.certificate] },
    };
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    const delays = monitorEventLoopDelay({ resolution: 1 });
    delays.enable();
    let bytes = 0;
    const started = performance.now();
    for await (const piece of open(seal(source(), options), { keys: [us], signers: [partner.certificate] })) {
      bytes += piece.length;
    }
    const tookMs = performance.now() - started;
    clearInterval(timer);
    delays.disable();
    expect(bytes).toBe(100_000_000);
    // One turn at least for every 20 ms of work.
    expect(turns).toBeGreaterThan(tookMs / 20);
  });
});

describe("descriptions", () => {
  test("of what is encrypted for others end there; with a key they go on", async () => {
    const message = await sealed(testBytes(1000), {
      sign: { signers: [partner], includeCertificates: true },
      compress: true,
      encrypt: { recipients: [us.certificate, ours[1]!.certificate], cipher: "aes-256-gcm" },
    });
    const outside = await describeMessage(inChunks(message));
    expect(outside).toMatchObject({ sealedBytes: message.length, contentBytes: undefined });
    expect(outside.layers).toMatchObject([
      { kind: "encrypted", cipher: "aes-256-gcm", authenticated: true, recipient: undefined },
    ]);
    const inside = await describeMessage(inChunks(message), { keys: [us] });
    expect(inside.contentBytes).toBe(1000);
    expect(inside.layers).toMatchObject([
      { kind: "encrypted", recipients: [{ algorithm: "rsa-pkcs1" }, { algorithm: "ecdh-sha256" }] },
      { kind: "compressed" },
      {
        kind: "signed",
        signers: [{ hash: "sha256", signature: "rsa-pkcs1", status: "unchecked" }],
        certificates: [{}],
      },
    ]);
  });
});
