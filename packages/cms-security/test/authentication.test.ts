import { createCipheriv, publicEncrypt } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PrivateKey } from "@waybill/cert-store";
import { isTransferError } from "@waybill/net-core";
import { describeWithPeers, peers } from "@waybill/testing";
import fc from "fast-check";
import {
  answerChallenge,
  authenticationChallenge,
  CHALLENGE_BYTES,
  MAX_CHALLENGE_ENVELOPE_BYTES,
} from "../src/authentication/challenge.js";
import { parseBer, toDer } from "../src/ber/ber-value.js";
import { derAlgorithm, derOctetString } from "../src/ber/der-writer.js";
import { CIPHER_SUITES, CONTENT_CIPHERS, describeMessage, type Identity } from "../src/index.js";
import { encryptedMessage } from "./crafted-messages.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { opened, sealed } from "./messages.js";
import { OpensslPeer, opensslNames } from "./openssl-peer.js";
import { inChunks, testBytes } from "./streams.js";

let partner: TestIdentity;
let partnerEc: TestIdentity;
let renewed: TestIdentity;
let stranger: TestIdentity;

beforeAll(async () => {
  [partner, renewed, stranger] = (await Promise.all(
    ["partner", "partner renewed", "stranger"].map((name) => newIdentity(name)),
  )) as [TestIdentity, TestIdentity, TestIdentity];
  partnerEc = await newIdentity("partner EC", { type: "ec", curve: "P-384" });
}, 60_000);

async function refusalOf(envelope: Uint8Array, keys: readonly Identity[] = [partner, partnerEc]) {
  try {
    await answerChallenge(envelope, keys);
    return undefined;
  } catch (error) {
    if (!isTransferError(error)) throw error;
    return error;
  }
}

describe("a challenge", () => {
  test.each(CIPHER_SUITES)("of suite $number is answered by the partner alone", async (suite) => {
    const { challenge, envelope } = await authenticationChallenge(partner.certificate, { suite });
    expect(challenge.length).toBe(CHALLENGE_BYTES);
    expect((await answerChallenge(envelope, [stranger, partner])).equals(challenge)).toBe(true);
    const { layers } = await describeMessage(inChunks(envelope));
    expect(layers).toMatchObject([
      { kind: "encrypted", cipher: suite.cipher, recipients: [{ kind: "transport" }] },
    ]);
    expect((await refusalOf(envelope, [stranger]))?.code).toBe("ERR_CMS_CHALLENGE_RECIPIENT");
  });

  test.each(CONTENT_CIPHERS)("in %s, for an EC key too", async (cipher) => {
    for (const identity of [partner, partnerEc]) {
      const { challenge, envelope } = await authenticationChallenge(identity.certificate, {
        cipher,
        identifyBy: "subjectKeyId",
      });
      expect((await answerChallenge(envelope, [partner, partnerEc])).equals(challenge)).toBe(true);
    }
  });

  test("fits the authenticator of a session", async () => {
    const authenticator: {
      challenge(who: string): Promise<{ readonly challenge: Uint8Array; readonly envelope: Uint8Array }>;
      answer(who: string, envelope: Uint8Array): Promise<Uint8Array>;
    } = {
      challenge: () => authenticationChallenge(partner.certificate),
      answer: (_, envelope) => answerChallenge(envelope, [partner]),
    };
    const { challenge, envelope } = await authenticator.challenge("partner");
    expect(Buffer.from(await authenticator.answer("us", envelope)).equals(challenge)).toBe(true);
  });

  test("is another one every time", async () => {
    const made = [];
    for (let count = 0; count < 20; count += 1)
      made.push(await authenticationChallenge(partnerEc.certificate));
    expect(new Set(made.map(({ challenge }) => challenge.toString("hex"))).size).toBe(20);
    expect(new Set(made.map(({ envelope }) => envelope.toString("hex"))).size).toBe(20);
    expect(made.some(({ challenge, envelope }) => envelope.includes(challenge))).toBe(false);
  });

  test("is in DER: definite lengths, octets in one piece", async () => {
    for (const cipher of ["aes-256-cbc", "aes-256-gcm"] as const) {
      const { envelope } = await authenticationChallenge([partner.certificate, partnerEc.certificate], {
        cipher,
      });
      expect(toDer(parseBer(envelope)).equals(envelope)).toBe(true);
      expect(envelope.length).toBeLessThan(1500);
    }
  });

  test("for several certificates is answered by the owner of any, old or new", async () => {
    const { challenge, envelope } = await authenticationChallenge([
      partner.certificate,
      renewed.certificate,
      partnerEc.certificate,
    ]);
    for (const identity of [partner, renewed, partnerEc]) {
      expect((await answerChallenge(envelope, [identity])).equals(challenge)).toBe(true);
    }
  });

  test("is not made for an expired certificate, or one that is not valid yet", async () => {
    const { certificate } = partner;
    for (const time of [
      new Date(certificate.notBefore.getTime() - 1000),
      new Date(certificate.notAfter.getTime() + 1000),
    ]) {
      await expect(authenticationChallenge(certificate, { time })).rejects.toMatchObject({
        code: "ERR_CMS_CHALLENGE_CERTIFICATE",
        details: { notAfter: certificate.notAfter },
      });
      const { challenge, envelope } = await authenticationChallenge(certificate, {
        time,
        allowExpired: true,
      });
      expect((await answerChallenge(envelope, [partner])).equals(challenge)).toBe(true);
    }
  });

  test("leaves out the certificates that are not valid", async () => {
    const day = 24 * 60 * 60 * 1000;
    const old = await newIdentity(
      "old",
      { type: "ec" },
      {
        notBefore: new Date(Date.now() - 20 * day),
        notAfter: new Date(Date.now() - 10 * day),
      },
    );
    const { envelope } = await authenticationChallenge([old.certificate, partner.certificate]);
    expect((await refusalOf(envelope, [old]))?.code).toBe("ERR_CMS_CHALLENGE_RECIPIENT");
    expect(await refusalOf(envelope, [partner])).toBeUndefined();
  });

  test("is not made for keys that nothing can be encrypted for, nor for nobody", async () => {
    const signer = await newIdentity("signer", { type: "ed25519" });
    await expect(authenticationChallenge(signer.certificate)).rejects.toMatchObject({
      code: "ERR_CMS_OPTIONS",
    });
    await expect(authenticationChallenge([])).rejects.toMatchObject({ code: "ERR_OPTION_INVALID" });
    await expect(answerChallenge(Buffer.from([0x30]), [])).rejects.toMatchObject({
      code: "ERR_OPTION_INVALID",
    });
  });
});

describe("an answer is refused", () => {
  const recipients = () => [partner.certificate];

  test.each([0, 1, 15, 16, 19, 21, 31, 32, 33, 40, 1000])("to %i octets", async (length) => {
    for (const cipher of ["aes-256-cbc", "aes-256-gcm", "des-ede3-cbc"] as const) {
      const envelope = await sealed(testBytes(length), { encrypt: { recipients: recipients(), cipher } });
      expect((await refusalOf(envelope))?.code).toBe("ERR_CMS_CHALLENGE_DECRYPT");
    }
  });

  test("to an envelope with one in it", async () => {
    const inner = await sealed(testBytes(20), { encrypt: { recipients: recipients() } });
    const outer = await sealed(inner, { encrypt: { recipients: recipients() } });
    expect((await refusalOf(outer))?.code).toBe("ERR_CMS_CHALLENGE_DECRYPT");
  });

  test("to what is no envelope", async () => {
    const content = testBytes(20);
    const messages = [
      content,
      await sealed(content, {}),
      await sealed(content, { compress: true }),
      await sealed(content, { sign: { signers: [partner] } }),
      Buffer.concat([await sealed(content, { encrypt: { recipients: recipients() } }), Buffer.alloc(1)]),
      encryptedMessage(partner, {
        algorithm: derAlgorithm("2.16.840.1.101.3.4.1.42", derOctetString(Buffer.alloc(16))),
      }),
    ];
    for (const message of messages) {
      expect((await refusalOf(message))?.code).toBe("ERR_CMS_CHALLENGE_DAMAGED");
    }
  });

  test("to an empty one, and to one that is too large for its field", async () => {
    for (const length of [0, MAX_CHALLENGE_ENVELOPE_BYTES + 1]) {
      expect((await refusalOf(Buffer.alloc(length)))?.code).toBe("ERR_CMS_CHALLENGE_SIZE");
    }
    const many = Array(21).fill(partner.certificate);
    const crowded = await sealed(testBytes(20), { encrypt: { recipients: many } });
    expect((await refusalOf(crowded))?.code).toBe("ERR_CMS_CHALLENGE_SIZE");
  });

  test("to an algorithm that nobody knows", async () => {
    const algorithm = derAlgorithm("1.2.840.113549.3.2", derOctetString(Buffer.alloc(8)));
    const envelope = encryptedMessage(partner, { algorithm, encrypted: Buffer.alloc(24) });
    expect((await refusalOf(envelope))?.code).toBe("ERR_CMS_CHALLENGE_ALGORITHM");
  });

  test("cut off anywhere", async () => {
    const { envelope } = await authenticationChallenge(partner.certificate);
    for (let length = 1; length < envelope.length; length += 1) {
      expect((await refusalOf(envelope.subarray(0, length)))?.code).toBe("ERR_CMS_CHALLENGE_DAMAGED");
    }
  });

  /** The answer, or undefined when it is refused as it should be. */
  async function answerTo(envelope: Uint8Array, identity: Identity): Promise<Buffer | undefined> {
    try {
      return await answerChallenge(envelope, [identity]);
    } catch (error) {
      if (!isTransferError(error)) throw error;
      expect(error.code).toMatch(/^ERR_CMS_CHALLENGE_(ALGORITHM|DAMAGED|DECRYPT|RECIPIENT|SIZE)$/);
      return undefined;
    }
  }

  test("with any byte of an envelope in CBC changed: never the right answer", async () => {
    const { challenge, envelope } = await authenticationChallenge(partner.certificate);
    for (let index = 0; index < envelope.length; index += 1) {
      const changed = Buffer.from(envelope);
      changed[index] = (changed[index] as number) ^ 0x01;
      expect((await answerTo(changed, partner))?.equals(challenge)).not.toBe(true);
    }
  });

  test("with any byte of an authenticated envelope changed: no wrong answer at all", async () => {
    const { challenge, envelope } = await authenticationChallenge(partnerEc.certificate, {
      cipher: "aes-128-gcm",
    });
    let refused = 0;
    for (let index = 0; index < envelope.length; index += 1) {
      for (const mask of [0x01, 0x02]) {
        const changed = Buffer.from(envelope);
        changed[index] = (changed[index] as number) ^ mask;
        const answer = await answerTo(changed, partnerEc);
        // Cofactor ECDH is the same where the cofactor is 1.
        if (answer === undefined) refused += 1;
        else expect(answer.equals(challenge)).toBe(true);
      }
    }
    expect(refused).toBeGreaterThan(1.8 * envelope.length);
  });

  test("whatever is wrong with key and padding: one error that says nothing", async () => {
    const algorithm = derAlgorithm("2.16.840.1.101.3.4.1.42", derOctetString(Buffer.alloc(16)));
    const encrypt = (plain: Buffer, key = Buffer.alloc(32)) => {
      const cipher = createCipheriv("aes-256-cbc", key, Buffer.alloc(16)).setAutoPadding(false);
      return Buffer.concat([cipher.update(plain), cipher.final()]);
    };
    const padded = Buffer.concat([testBytes(20), Buffer.alloc(12, 12)]);
    const good = encryptedMessage(partner, { algorithm, encrypted: encrypt(padded) });
    expect((await answerChallenge(good, [partner])).equals(testBytes(20))).toBe(true);
    const problems = [
      // Another key; bad padding; no padding; too much in it; half a block.
      encryptedMessage(partner, { algorithm, encrypted: encrypt(padded, Buffer.alloc(32, 1)) }),
      encryptedMessage(partner, {
        algorithm,
        encrypted: encrypt(Buffer.concat([testBytes(20), Buffer.alloc(12)])),
      }),
      encryptedMessage(partner, {
        algorithm,
        encrypted: encrypt(Buffer.concat([padded, Buffer.alloc(16, 16)])),
      }),
      encryptedMessage(partner, { algorithm, encrypted: encrypt(padded).subarray(0, 24) }),
      encryptedMessage(partner, { algorithm, encrypted: Buffer.alloc(0) }),
      // The transported key is none: wrong padding, wrong length.
      withTransportedKey(
        good,
        publicEncrypt({ key: stranger.certificate.publicKey, padding: 1 }, Buffer.alloc(32)),
      ),
      withTransportedKey(
        good,
        publicEncrypt({ key: partner.certificate.publicKey, padding: 1 }, Buffer.alloc(24)),
      ),
      withTransportedKey(good, Buffer.alloc(256)),
    ];
    const told = new Set<string>();
    for (const envelope of problems) {
      const refusal = await refusalOf(envelope);
      told.add(JSON.stringify([refusal?.code, refusal?.message, refusal?.details, refusal?.cause]));
    }
    expect([...told]).toEqual([expect.stringContaining("ERR_CMS_CHALLENGE_DECRYPT")]);
  });

  test("when the key's home is gone, with the error that says so", async () => {
    const gone = new Error("the token was pulled out");
    const { certificate, key } = partner;
    const pulled: PrivateKey = Object.create(key, { decrypt: { value: () => Promise.reject(gone) } });
    const { envelope } = await authenticationChallenge(certificate);
    await expect(answerChallenge(envelope, [{ certificate, key: pulled }])).rejects.toBe(gone);
  });

  test("to anything at all", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (envelope) => {
        expect((await refusalOf(envelope))?.code).toBe("ERR_CMS_CHALLENGE_DAMAGED");
      }),
    );
  });

  test("to an envelope with anything done to it", async () => {
    const { envelope } = await authenticationChallenge(partnerEc.certificate);
    const change = fc.record({
      at: fc.nat({ max: envelope.length - 1 }),
      removed: fc.nat({ max: 8 }),
      added: fc.uint8Array({ maxLength: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ at, removed, added }) => {
        const changed = Buffer.concat([envelope.subarray(0, at), added, envelope.subarray(at + removed)]);
        expect((await answerTo(changed, partnerEc))?.length ?? CHALLENGE_BYTES).toBe(CHALLENGE_BYTES);
      }),
      { numRuns: 300 },
    );
  });
});

/** The envelope with another encrypted key, of 256 octets, in it. */
function withTransportedKey(envelope: Buffer, encryptedKey: Buffer): Buffer {
  const header = Buffer.from("04820100", "hex");
  const place = envelope.indexOf(header) + header.length;
  return Buffer.concat([envelope.subarray(0, place), encryptedKey, envelope.subarray(place + 256)]);
}

describeWithPeers("challenges and openssl cms", [peers.openssl], () => {
  let peer: OpensslPeer;

  beforeAll(async () => {
    peer = await OpensslPeer.start(partner);
  });
  afterAll(() => peer?.stop());

  test.each(CIPHER_SUITES)("suite $number, both ways", async (suite) => {
    const { challenge, envelope } = await authenticationChallenge(partner.certificate, { suite });
    expect((await peer.decrypt(envelope)).equals(challenge)).toBe(true);
    const { cipher, keyOptions } = opensslNames(suite);
    for (const encoding of ["streamed", "definite"] as const) {
      const theirs = await peer.encrypt(testBytes(20), cipher, encoding, keyOptions);
      expect((await answerChallenge(theirs, [partner])).equals(testBytes(20))).toBe(true);
      const short = await peer.encrypt(testBytes(19), cipher, encoding, keyOptions);
      expect((await refusalOf(short))?.code).toBe("ERR_CMS_CHALLENGE_DECRYPT");
    }
  });

  test("with an EC key, both ways", async () => {
    await peer.use(partnerEc);
    try {
      const { challenge, envelope } = await authenticationChallenge(partnerEc.certificate);
      expect((await peer.decrypt(envelope)).equals(challenge)).toBe(true);
      const theirs = await peer.encrypt(testBytes(20), "aes-128-cbc", "streamed");
      expect((await answerChallenge(theirs, [partnerEc])).equals(testBytes(20))).toBe(true);
    } finally {
      await peer.use(partner);
    }
  });

  test("for two certificates, and by either", async () => {
    const { challenge, envelope } = await authenticationChallenge([renewed.certificate, partner.certificate]);
    expect((await peer.decrypt(envelope)).equals(challenge)).toBe(true);
    expect((await opened(envelope, { keys: [renewed] })).content.equals(challenge)).toBe(true);
  });
});
