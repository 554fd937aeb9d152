import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { describeWithPeers, peers } from "@waybill/testing";
import { CIPHER_SUITES, CONTENT_CIPHERS } from "../src/index.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { opened, refusal, sealed } from "./messages.js";
import { OpensslPeer, opensslNames } from "./openssl-peer.js";
import { SIZES, testBytes } from "./streams.js";

const ENCODINGS = ["streamed", "definite"] as const;
/** OpenSSL 3.0 verifies RSA-PSS with SHA-3 in CMS, but does not sign with it; bouncy-castle.test.ts does. */
const SIGNED_BY_OPENSSL = CIPHER_SUITES.filter(
  ({ hash, padding }) => hash !== "sha3-512" || padding !== "pss",
);

const IN_NO_SUITE = CONTENT_CIPHERS.filter((cipher) =>
  CIPHER_SUITES.every((suite) => suite.cipher !== cipher),
);

describeWithPeers("openssl cms", [peers.openssl], () => {
  let rsa: TestIdentity;
  let peer: OpensslPeer;

  beforeAll(async () => {
    rsa = await newIdentity("RSA");
    peer = await OpensslPeer.start(rsa);
  }, 60_000);
  afterAll(() => peer?.stop());

  describe.each(CIPHER_SUITES)("suite $number", (suite) => {
    test("what we seal it opens, of every size", async () => {
      for (const size of SIZES) {
        const content = testBytes(size);
        const message = await sealed(content, {
          suite,
          allowWeak: true,
          sign: { signers: [rsa], identifyBy: size % 2 === 0 ? "subjectKeyId" : "issuerAndSerialNumber" },
          encrypt: {
            recipients: [rsa.certificate],
            identifyBy: size % 2 === 0 ? "issuerAndSerialNumber" : "subjectKeyId",
          },
        });
        const found = await peer.verify(await peer.decrypt(message));
        expect(found.equals(content)).toBe(true);
      }
    });
  });

  describe.each(SIGNED_BY_OPENSSL)("suite $number", (suite) => {
    test.each(ENCODINGS)("what it seals we open, of every size, %s", async (encoding) => {
      const { cipher, keyOptions } = opensslNames(suite);
      for (const size of SIZES) {
        const content = testBytes(size);
        const signed = await peer.sign(content, suite.hash, suite.padding, encoding);
        const message = await peer.encrypt(signed, cipher, encoding, keyOptions);
        const wanted = { keys: [rsa], signers: [rsa.certificate], allowWeak: true };
        const found = await opened(message, {
          ...wanted,
          expect: { signed: true, encrypted: true, compressed: false },
        });
        expect(found.content.equals(content)).toBe(true);
        expect(found.result.layers).toMatchObject([
          { kind: "encrypted", cipher: suite.cipher },
          {
            kind: "signed",
            signers: [{ hash: suite.hash, signature: `rsa-${suite.padding}`, status: "verified" }],
          },
        ]);
      }
    });
  });

  test.each(ENCODINGS)("opens what it encrypts with RSA-OAEP and SHA3-512, %s", async (encoding) => {
    const content = testBytes(1000);
    const options = ["rsa_padding_mode:oaep", "rsa_oaep_md:sha3-512", "rsa_mgf1_md:sha3-512"];
    const message = await peer.encrypt(content, "aes-256-cbc", encoding, options);
    expect((await opened(message, { keys: [rsa] })).content.equals(content)).toBe(true);
  });

  test("several signers and recipients, it being one of them", async () => {
    const others = [await newIdentity("other"), await newIdentity("other EC", { type: "ec" })];
    const everybody = [...others, rsa];
    const content = testBytes(100_000);
    const encrypt = { recipients: everybody.map(({ certificate }) => certificate) };
    const decrypted = await peer.decrypt(await sealed(content, { encrypt }));
    expect(decrypted.equals(content)).toBe(true);
    const message = await sealed(content, { sign: { signers: everybody, includeCertificates: true } });
    const trusted = others.map(({ certificate }) => certificate.pem);
    expect((await peer.verify(message, trusted)).equals(content)).toBe(true);
  });

  test("names by key identifier", async () => {
    const content = testBytes(1000);
    const signed = await peer.sign(content, "sha256", "pkcs1", "streamed", ["-keyid"]);
    const message = await peer.encrypt(signed, "aes-256-cbc", "streamed", [], ["-keyid"]);
    const { result } = await opened(message, { keys: [rsa], signers: [rsa.certificate] });
    expect(result.layers).toMatchObject([
      { recipients: [{ identifier: { subjectKeyId: expect.any(Buffer) } }] },
      { signers: [{ identifier: { subjectKeyId: expect.any(Buffer) } }] },
    ]);
  });

  test("signatures without attributes", async () => {
    const content = testBytes(1000);
    const message = await peer.sign(content, "sha256", "pkcs1", "definite", ["-noattr"]);
    expect((await opened(message, { signers: [rsa.certificate] })).content.equals(content)).toBe(true);
    const place = message.indexOf(content.subarray(0, 20));
    message[place] = (message[place] as number) ^ 1;
    expect(await refusal(message, { signers: [rsa.certificate] })).toBe("ERR_CMS_SIGNATURE");
  });

  test("signed attributes do not pass as the content of another message", async () => {
    const message = await peer.sign(testBytes(10), "sha256", "pkcs1", "definite");
    // The attributes, with the tag under which they are signed, taken for content that is signed without attributes.
    const start = message.lastIndexOf(Buffer.from("06092a864886f70d010903", "hex")) - 5;
    const attributes = Buffer.from(message.subarray(start, start + 3 + (message[start + 2] as number)));
    expect(attributes.readUInt16BE(0)).toBe(0xa081);
    attributes[0] = 0x31;
    const forged = await peer.sign(attributes, "sha256", "pkcs1", "definite", ["-noattr"]);
    expect(await refusal(forged, { signers: [rsa.certificate] })).toBe("ERR_CMS_ATTRIBUTES");
  });

  describe.each(["P-256", "P-384", "P-521"] as const)("EC keys on %s", (curve) => {
    let ec: TestIdentity;
    beforeAll(async () => {
      ec = await newIdentity(`EC ${curve}`, { type: "ec", curve });
      await peer.use(ec);
    });
    afterAll(() => peer.use(rsa));

    test("sign and open in both directions", async () => {
      for (const [index, size] of SIZES.entries()) {
        const content = testBytes(size);
        const cipher = CONTENT_CIPHERS[index % CONTENT_CIPHERS.length] ?? "aes-256-cbc";
        const encoding = ENCODINGS[index % 2] ?? "streamed";
        const hash = ["sha256", "sha384", "sha512"][index % 3] as "sha256" | "sha384" | "sha512";
        const message = await sealed(content, {
          sign: { signers: [ec], hash },
          encrypt: {
            recipients: [ec.certificate],
            cipher,
            identifyBy: index % 2 ? "subjectKeyId" : undefined,
          },
        });
        expect((await peer.verify(await peer.decrypt(message))).equals(content)).toBe(true);

        const kdf = index % 2 ? [] : [`ecdh_kdf_md:${hash}`];
        const signed = await peer.sign(content, hash, undefined, encoding);
        const name = cipher === "des-ede3-cbc" ? "des3" : cipher;
        const theirs = await peer.encrypt(signed, name, encoding, kdf);
        const found = await opened(theirs, {
          keys: [ec],
          signers: [ec.certificate],
          expect: { encrypted: true },
        });
        expect(found.content.equals(content)).toBe(true);
        expect(found.result.layers).toMatchObject([
          { kind: "encrypted", cipher },
          { kind: "signed", signers: [{ hash, signature: "ecdsa" }] },
        ]);
      }
    });
  });

  test.each(IN_NO_SUITE)("%s with RSA in both directions", async (cipher) => {
    for (const size of SIZES) {
      const content = testBytes(size);
      const message = await sealed(content, { encrypt: { recipients: [rsa.certificate], cipher } });
      expect((await peer.decrypt(message)).equals(content)).toBe(true);
      for (const encoding of ENCODINGS) {
        const theirs = await peer.encrypt(content, cipher, encoding);
        expect((await opened(theirs, { keys: [rsa] })).content.equals(content)).toBe(true);
      }
    }
  });
});
