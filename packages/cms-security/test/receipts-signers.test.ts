import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { describeWithPeers, peers } from "@waybill/testing";
import { parseBer, toDer } from "../src/ber/ber-value.js";
import { describeMessage } from "../src/index.js";
import { signReceipt } from "../src/receipts/sign-receipt.js";
import { type VerifyReceiptOptions, verifyReceipt } from "../src/receipts/verify-receipt.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { opened } from "./messages.js";
import { OpensslPeer } from "./openssl-peer.js";
import { eerp, file, nerp, refusalOf, sha256, signed } from "./receipt-fixtures.js";
import { inChunks } from "./streams.js";

let old: TestIdentity;
let renewed: TestIdentity;
let third: TestIdentity;
let stranger: TestIdentity;

beforeAll(async () => {
  [old, renewed, third, stranger] = (await Promise.all([
    newIdentity("old"),
    newIdentity("renewed", { type: "ec" }),
    newIdentity("third", { type: "ed25519" }),
    newIdentity("stranger"),
  ])) as [TestIdentity, TestIdentity, TestIdentity, TestIdentity];
}, 60_000);

const trusting = (...identities: TestIdentity[]): VerifyReceiptOptions => ({
  file,
  hashes: { sha256 },
  signers: identities.map(({ certificate }) => certificate),
});

async function signersOf(signature: Uint8Array) {
  const { layers } = await describeMessage(inChunks(signature));
  const [layer] = layers;
  return layer?.kind === "signed" ? layer.signers : [];
}

describe("a receipt that is signed by several", () => {
  test("has a signature of each over the same fields, in DER", async () => {
    const { signature } = await signReceipt(eerp, { ...old, also: [renewed, third] });
    expect((await signersOf(signature)).map((signer) => signer.signature).sort()).toEqual([
      "ecdsa",
      "ed25519",
      "rsa-pkcs1",
    ]);
    expect(toDer(parseBer(signature)).equals(signature)).toBe(true);
  });

  test("is accepted by whoever knows any one of them", async () => {
    for (const receipt of [eerp, nerp]) {
      const found = await signed(receipt, { ...old, also: [renewed, third] });
      for (const identity of [old, renewed, third]) {
        expect(await verifyReceipt(found, trusting(identity))).toMatchObject({
          signed: true,
          signer: identity.certificate,
        });
      }
      expect((await verifyReceipt(found, trusting(stranger, third))).signer).toBe(third.certificate);
      expect((await verifyReceipt(found, trusting(old, renewed, third))).signed).toBe(true);
      expect((await refusalOf(found, trusting(stranger)))?.code).toBe("ERR_CMS_RECEIPT_SIGNER");
    }
  });

  test("without others is as before", async () => {
    expect(await signersOf((await signReceipt(eerp, { ...old, also: [] })).signature)).toHaveLength(1);
    expect(await signersOf((await signReceipt(eerp, old)).signature)).toHaveLength(1);
  });

  test("is not made with the key of another certificate, or with SHA-1 unasked", async () => {
    const mixed = { certificate: renewed.certificate, key: old.key };
    await expect(signReceipt(eerp, { ...old, also: [mixed] })).rejects.toMatchObject({
      code: "ERR_CMS_KEY_MISMATCH",
    });
    await expect(signReceipt(eerp, { ...third, also: [old], hash: "sha1" })).rejects.toMatchObject({
      code: "ERR_CMS_WEAK",
    });
  });

  test("is not made when it does not fit into its field", async () => {
    await expect(
      signReceipt(eerp, { ...old, also: Array<TestIdentity>(200).fill(old) }),
    ).rejects.toMatchObject({ code: "ERR_OPTION_INVALID", details: { option: "also" } });
  });
});

describe("one good signature is enough", () => {
  /** The signature of the old key is broken, that of the new one holds. */
  async function halfBroken() {
    const { hash, signature } = await signReceipt(eerp, { ...old, also: [renewed] });
    const good = (await signersOf(signature)).find((signer) => signer.signature === "rsa-pkcs1");
    expect(good).toBeDefined();
    // An RSA signature of 2048 bits is the only value of its size.
    const place = signature.indexOf(Buffer.from("04820100", "hex")) + 20;
    signature[place] = (signature[place] as number) ^ 1;
    return { ...eerp, hash, signature };
  }

  test("whatever a known certificate's other one is; it is reported, and alone it is refused", async () => {
    const receipt = await halfBroken();
    expect((await verifyReceipt(receipt, trusting(old, renewed))).signer).toBe(renewed.certificate);
    expect((await verifyReceipt(receipt, trusting(renewed))).signer).toBe(renewed.certificate);
    expect((await refusalOf(receipt, trusting(old)))?.code).toBe("ERR_CMS_RECEIPT_SIGNATURE");
    expect((await refusalOf(receipt, trusting(old, stranger)))?.code).toBe("ERR_CMS_RECEIPT_SIGNATURE");

    const { result } = await opened(receipt.signature, {
      signers: [old.certificate, renewed.certificate],
    });
    const [layer] = result.layers;
    const statuses = layer?.kind === "signed" ? layer.signers.map((one) => [one.signature, one.status]) : [];
    expect(statuses.sort()).toEqual([
      ["ecdsa", "verified"],
      ["rsa-pkcs1", "failed"],
    ]);
  });

  test("when the other certificate has expired, or is not accepted any more", async () => {
    const day = 24 * 60 * 60 * 1000;
    const expired = await newIdentity(
      "expired",
      { type: "ec" },
      { notBefore: new Date(Date.now() - 20 * day), notAfter: new Date(Date.now() - 10 * day) },
    );
    const found = await signed(eerp, { ...expired, also: [renewed] });
    expect((await verifyReceipt(found, trusting(expired, renewed))).signer).toBe(renewed.certificate);
    expect((await refusalOf(found, trusting(expired)))?.code).toBe("ERR_CMS_RECEIPT_SIGNER_EXPIRED");

    const both = await signed(eerp, { ...old, also: [renewed] });
    const acceptSigner = ({ certificate }: { certificate: unknown }) => certificate === old.certificate;
    const options = { ...trusting(old, renewed), acceptSigner };
    expect((await verifyReceipt(both, options)).signer).toBe(old.certificate);
    expect((await refusalOf(both, { ...trusting(renewed), acceptSigner }))?.code).toBe(
      "ERR_CMS_RECEIPT_SIGNER_REFUSED",
    );
  });
});

describeWithPeers("receipts of several signers and openssl cms", [peers.openssl], () => {
  let peer: OpensslPeer;
  beforeAll(async () => {
    peer = await OpensslPeer.start(old);
  });
  afterAll(() => peer?.stop());

  test("it verifies each of our signatures", async () => {
    const { signature } = await signReceipt(eerp, { ...old, also: [renewed] });
    const content = await peer.verify(signature, [renewed.certificate.pem]);
    expect(content.subarray(-32)).toEqual(Buffer.from(sha256));
  });

  test("its receipts of several signers are accepted by any of them", async () => {
    const { content } = await opened((await signReceipt(eerp, old)).signature, { verifySignatures: false });
    const first = await peer.sign(content, "sha256", undefined, "definite");
    await peer.use(renewed);
    const both = await peer.resign(first);
    await peer.use(old);
    expect(await signersOf(both)).toHaveLength(2);
    for (const identity of [old, renewed]) {
      expect(await verifyReceipt({ ...eerp, signature: both }, trusting(identity))).toMatchObject({
        signer: identity.certificate,
      });
    }
  });
});
