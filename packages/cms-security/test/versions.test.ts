import { createCipheriv } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { describeWithPeers, peers } from "@waybill/testing";
import { derAlgorithm, derOctetString, encodeDer } from "../src/ber/der-writer.js";
import { encryptedMessage, signedMessage } from "./crafted-messages.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { opened, refusal } from "./messages.js";
import { OpensslPeer } from "./openssl-peer.js";

const CONTENT = Buffer.from("content");
const AES_256_CBC = derAlgorithm("2.16.840.1.101.3.4.1.42", derOctetString(Buffer.alloc(16)));

/** An INTEGER of these octets. */
const integer = (octets: string | number): Buffer =>
  encodeDer(0x02, typeof octets === "string" ? Buffer.from(octets, "hex") : Buffer.from([octets]));

/** What no specification defines for any structure: 6, 99, -1, 2^24, too many octets, no number at all. In hexadecimal. */
const ABSURD = ["06", "63", "ff", "01000000", "0000000001", ""];

let partner: TestIdentity;
let us: TestIdentity;
beforeAll(async () => {
  [partner, us] = await Promise.all([newIdentity("partner"), newIdentity("us")]);
}, 60_000);

const signed = (version: Buffer, signerVersion: Buffer) =>
  signedMessage(partner, { content: CONTENT, version, signerVersion });

function encrypted(version: Buffer, recipientVersion: Buffer): Buffer {
  const cipher = createCipheriv("aes-256-cbc", Buffer.alloc(32), Buffer.alloc(16));
  const content = Buffer.concat([cipher.update(CONTENT), cipher.final()]);
  return encryptedMessage(us, { algorithm: AES_256_CBC, encrypted: content, version, recipientVersion });
}

/** Versions that a specification defines, though these messages should have 1 and 1, and 0 and 0. */
const SIGNED = [1, 3, 4, 5].flatMap((version) => [1, 3].map((signer) => [version, signer] as const));
const ENCRYPTED = [0, 2, 3, 4].flatMap((version) => [0, 2].map((recipient) => [version, recipient] as const));

describe("any version that is defined is taken, whatever else the structure holds", () => {
  test.each(SIGNED)("signed data %i, signer %i", async (version, signer) => {
    const message = await signed(integer(version), integer(signer));
    expect((await opened(message, { signers: [partner.certificate] })).content).toEqual(CONTENT);
  });

  test.each(ENCRYPTED)("enveloped data %i, recipient %i", async (version, recipient) => {
    const message = encrypted(integer(version), integer(recipient));
    expect((await opened(message, { keys: [us] })).content).toEqual(CONTENT);
  });
});

describe("a version that nobody defined is damage", () => {
  test.each([...ABSURD, "00", "02"])("of signed data and its signer: '%s'", async (octets) => {
    const bad = integer(octets);
    const options = { signers: [partner.certificate] };
    expect(await refusal(await signed(bad, integer(1)), options)).toBe("ERR_CMS_DAMAGED");
    expect(await refusal(await signed(integer(1), bad), options)).toBe("ERR_CMS_DAMAGED");
  });

  test.each([...ABSURD, "01", "05"])("of enveloped data and its recipient: '%s'", async (octets) => {
    const bad = integer(octets);
    expect(await refusal(encrypted(bad, integer(0)), { keys: [us] })).toBe("ERR_CMS_DAMAGED");
    expect(await refusal(encrypted(integer(0), bad), { keys: [us] })).toBe("ERR_CMS_DAMAGED");
  });
});

// Not what decides, but why: what everybody else reads, partners get away with writing.
describeWithPeers("openssl cms takes the same versions", [peers.openssl], () => {
  let peer: OpensslPeer;
  beforeAll(async () => {
    peer = await OpensslPeer.start(partner);
  });
  afterAll(() => peer?.stop());

  test("of signed data and signers", async () => {
    for (const [version, signer] of SIGNED) {
      expect(await peer.verify(await signed(integer(version), integer(signer)))).toEqual(CONTENT);
    }
  });

  test("of enveloped data and recipients", async () => {
    await peer.use(us);
    for (const [version, recipient] of ENCRYPTED) {
      expect(await peer.decrypt(encrypted(integer(version), integer(recipient)))).toEqual(CONTENT);
    }
  });
});
