import { createCipheriv, diffieHellman, ECDH, generateKeyPairSync, type KeyObject } from "node:crypto";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { TAG } from "../src/ber/ber-header.js";
import { BerParts, parseBer } from "../src/ber/ber-value.js";
import {
  derAlgorithm,
  derBitString,
  derContext,
  derOctetString,
  derSequence,
  derSmallInteger,
  encodeDer,
} from "../src/ber/der-writer.js";
import { issuerAndSerialNumber } from "../src/certificate-identity.js";
import { answerChallenge } from "../src/index.js";
import { agreementFor, keyEncryptionOf, wrapIdentifier, wrapKey } from "../src/key-agreement.js";
import { CONTENT_TYPE, KEY_ALGORITHM } from "../src/object-identifiers.js";
import { contentInfo, encryptedMessage } from "./crafted-messages.js";
import { newIdentity, type TestIdentity } from "./identities.js";
import { opened, refusal } from "./messages.js";

const CONTENT = Buffer.from("twenty octets and no");
const CURVES = ["P-256", "P-384", "P-521"] as const;
const OPENSSL_CURVES = { "P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1" } as const;
const X25519 = "1.3.101.110";
const AES_256_CBC = derAlgorithm("2.16.840.1.101.3.4.1.42", derOctetString(Buffer.alloc(16)));

type Curve = (typeof CURVES)[number];
let us: Map<Curve, TestIdentity>;
let usRsa: TestIdentity;

beforeAll(async () => {
  us = new Map();
  for (const curve of CURVES) us.set(curve, await newIdentity(`us ${curve}`, { type: "ec", curve }));
  usRsa = await newIdentity("us RSA");
}, 60_000);

const encryptedContent = () => {
  const cipher = createCipheriv("aes-256-cbc", Buffer.alloc(32), Buffer.alloc(16));
  return Buffer.concat([cipher.update(CONTENT), cipher.final()]);
};

interface Originator {
  readonly algorithm: Buffer;
  readonly octets: Buffer;
}

/** A KeyAgreeRecipientInfo whose originator's key is written in a form of the test's choice. */
function agreementRecipient({ certificate }: TestIdentity, secret: Buffer, originator: Originator): Buffer {
  const { oid, wrapOid } = agreementFor(certificate.keyBits);
  const wrap = wrapIdentifier(wrapOid);
  const how = keyEncryptionOf(oid, { oid: wrapOid, parameters: undefined }, wrap);
  const wrapped = wrapKey(how, secret, undefined, Buffer.alloc(32));
  return derContext(
    1,
    derSmallInteger(3),
    derContext(0, derContext(1, originator.algorithm, derBitString(originator.octets))),
    derAlgorithm(oid, wrap),
    derSequence(derSequence(issuerAndSerialNumber(certificate), derOctetString(wrapped))),
  );
}

function pointOf(publicKey: KeyObject): Buffer {
  const spki = new BerParts(
    parseBer(publicKey.export({ format: "der", type: "spki" })),
    TAG.sequence,
    "a public key",
  );
  spki.next();
  return spki.next(TAG.bitString).contents.subarray(1);
}

/** A message for one of our EC keys, with the point in another form. */
function messageFor(curve: Curve, form: (point: Buffer) => Buffer): Buffer {
  const identity = us.get(curve) as TestIdentity;
  const ephemeral = generateKeyPairSync("ec", { namedCurve: OPENSSL_CURVES[curve] });
  const secret = diffieHellman({
    privateKey: ephemeral.privateKey,
    publicKey: identity.certificate.publicKey,
  });
  const octets = form(pointOf(ephemeral.publicKey));
  const algorithm = derAlgorithm(KEY_ALGORITHM.ec);
  const recipient = agreementRecipient(identity, secret, { algorithm, octets });
  return encryptedMessage(identity, {
    version: derSmallInteger(2),
    recipient,
    algorithm: AES_256_CBC,
    encrypted: encryptedContent(),
  });
}

/** Node.js's own conversion; `hybrid` has x and y, and the parity of y in its first octet. */
const inForm = (curve: Curve, form: "compressed" | "hybrid" | "uncompressed") => (point: Buffer) =>
  ECDH.convertKey(point, OPENSSL_CURVES[curve], undefined, undefined, form) as Buffer;

describe.each(CURVES)("an originator's key on %s", (curve) => {
  const keys = () => [us.get(curve) as TestIdentity];

  test.each(["uncompressed", "compressed"] as const)("is taken %s", async (form) => {
    // Both parities come up.
    for (let count = 0; count < 8; count += 1) {
      const message = messageFor(curve, inForm(curve, form));
      expect((await opened(message, { keys: keys() })).content).toEqual(CONTENT);
      expect(await answerChallenge(message, keys())).toEqual(CONTENT);
    }
  });

  test("is refused in its hybrid form, and as the point at infinity", async () => {
    for (let count = 0; count < 8; count += 1) {
      const hybrid = messageFor(curve, (point) => {
        const converted = inForm(curve, "hybrid")(point);
        expect([0x06, 0x07]).toContain(converted[0]);
        return converted;
      });
      expect(await refusal(hybrid, { keys: keys() })).toBe("ERR_CMS_DAMAGED");
      await expect(answerChallenge(hybrid, keys())).rejects.toMatchObject({
        code: "ERR_CMS_CHALLENGE_DAMAGED",
      });
    }
    for (const octets of [Buffer.alloc(1), Buffer.alloc(0), Buffer.from([0x05, 1, 2, 3])]) {
      expect(
        await refusal(
          messageFor(curve, () => octets),
          { keys: keys() },
        ),
      ).toBe("ERR_CMS_DAMAGED");
    }
  });

  test("is refused when it is no point of the curve", async () => {
    const wrong: ((point: Buffer) => Buffer)[] = [
      (point) => point.subarray(0, -1),
      (point) => Buffer.concat([point, Buffer.alloc(1)]),
      (point) => Buffer.concat([point.subarray(0, 1), Buffer.alloc(point.length - 1, 0xff)]),
      (point) => {
        const off = Buffer.from(point);
        off[off.length - 1] = (off.at(-1) as number) ^ 1;
        return off;
      },
      // Of another curve.
      () => pointOf(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey),
    ];
    for (const form of wrong) {
      expect(await refusal(messageFor(curve, form), { keys: keys() })).toBe("ERR_CMS_DECRYPT");
    }
  });
});

test("an originator's key of another kind is no hindrance to the other recipients", async () => {
  // For a recipient with X25519 (RFC 8418), which we do not have, and for our RSA key.
  const foreign = agreementRecipient(us.get("P-256") as TestIdentity, Buffer.alloc(32), {
    algorithm: derAlgorithm(X25519),
    octets: Buffer.alloc(32, 9),
  });
  const ours = encryptedMessage(usRsa, { algorithm: AES_256_CBC, encrypted: encryptedContent() });
  const info = parseBer(ours).parts[1]?.parts[0];
  const [, recipients, content] = info?.parts ?? [];
  const transport = recipients?.parts[0]?.raw as Buffer;
  const message = contentInfo(
    CONTENT_TYPE.envelopedData,
    derSequence(derSmallInteger(2), encodeDer(TAG.set, transport, foreign), content?.raw as Buffer),
  );
  expect((await opened(message, { keys: [usRsa] })).content).toEqual(CONTENT);
  expect(await refusal(message, { keys: [us.get("P-256") as TestIdentity] })).toBe("ERR_CMS_ALGORITHM");
});
