import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { describeWithPeers, peers } from "@waybill/testing";
import { CIPHER_SUITES } from "../src/index.js";
import { signReceipt } from "../src/receipts/sign-receipt.js";
import { verifyReceipt } from "../src/receipts/verify-receipt.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { OpensslPeer } from "./openssl-peer.js";
import { eerp, file, nerp, refusalOf, transmitted } from "./receipt-fixtures.js";

/** OpenSSL 3.0 does not sign with RSA-PSS and SHA-3; bouncy-castle.test.ts shows that we read it. */
const SIGNED_BY_OPENSSL = CIPHER_SUITES.filter(
  ({ hash, padding }) => hash !== "sha3-512" || padding !== "pss",
);

/** The fields of the two receipts as RFC 5024 has them signed, written out. */
const EERP_FIELDS =
  "DELFOR.PLANT-7            202611201015300001O0013WAYBILL  PLANT7     O0055PARTNER             ";
const NERP_FIELDS = `${EERP_FIELDS}O0099CLEARING            `;
const octets = (fields: string, hash: Buffer) => Buffer.concat([Buffer.from(fields, "latin1"), hash]);

describeWithPeers("receipts and openssl cms", [peers.openssl], () => {
  let partner: TestIdentity;
  let peer: OpensslPeer;

  beforeAll(async () => {
    partner = await newIdentity("partner");
    peer = await OpensslPeer.start(partner);
  }, 60_000);
  afterAll(() => peer?.stop());

  test.each(CIPHER_SUITES)("suite $number: ours it verifies, with the fields in it", async (suite) => {
    const hash = createHash(suite.hash).update(transmitted).digest();
    const options = { ...partner, suite, allowWeak: true };
    const positive = await signReceipt({ ...eerp, hash }, options);
    expect((await peer.verify(positive.signature)).equals(octets(EERP_FIELDS, hash))).toBe(true);
    const negative = await signReceipt({ ...nerp, hash }, { ...options, identifyBy: "subjectKeyId" });
    expect((await peer.verify(negative.signature)).equals(octets(NERP_FIELDS, hash))).toBe(true);
  });

  test.each(SIGNED_BY_OPENSSL)("suite $number: its receipts we verify", async (suite) => {
    const hash = createHash(suite.hash).update(transmitted).digest();
    const options = { file, hashes: { [suite.hash]: hash }, signers: [partner.certificate], allowWeak: true };
    for (const encoding of ["streamed", "definite"] as const) {
      const positive = await peer.sign(octets(EERP_FIELDS, hash), suite.hash, suite.padding, encoding);
      const found = await verifyReceipt({ ...eerp, hash, signature: positive }, options);
      expect(found).toMatchObject({ signed: true, hash: suite.hash, signer: partner.certificate });
      const negative = await peer.sign(octets(NERP_FIELDS, hash), suite.hash, suite.padding, encoding, [
        "-keyid",
      ]);
      expect((await verifyReceipt({ ...nerp, hash, signature: negative }, options)).signed).toBe(true);
      expect((await refusalOf({ ...eerp, hash, signature: negative }, options))?.code).toBe(
        "ERR_CMS_RECEIPT_CONTENT",
      );
    }
  });

  test.each(["EERP", "NERP"] as const)("an %s signed without attributes", async (kind) => {
    const hash = createHash("sha256").update(transmitted).digest();
    const [fields, receipt] = kind === "EERP" ? [EERP_FIELDS, eerp] : [NERP_FIELDS, nerp];
    const options = { file, hashes: { sha256: hash }, signers: [partner.certificate] };
    const signature = await peer.sign(octets(fields, hash), "sha256", undefined, "definite", ["-noattr"]);
    expect((await verifyReceipt({ ...receipt, signature }, options)).signed).toBe(true);
    const changed = Buffer.from(signature);
    changed[changed.indexOf("DELFOR")] = 0x42;
    expect((await refusalOf({ ...receipt, signature: changed }, options))?.code).toBe(
      "ERR_CMS_RECEIPT_SIGNATURE",
    );
  });

  test("a receipt of an EC key", async () => {
    const other = await newIdentity("partner EC", { type: "ec" });
    await peer.use(other);
    try {
      const { hash, signature } = await signReceipt(eerp, other);
      expect((await peer.verify(signature)).equals(octets(EERP_FIELDS, hash))).toBe(true);
      const theirs = await peer.sign(octets(EERP_FIELDS, hash), "sha256", undefined, "definite");
      const options = { file, hashes: { sha256: hash }, signers: [other.certificate] };
      expect((await verifyReceipt({ ...eerp, signature: theirs }, options)).signer).toBe(other.certificate);
    } finally {
      await peer.use(partner);
    }
  });
});
