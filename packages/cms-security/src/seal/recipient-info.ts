import { diffieHellman, generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import type { Certificate } from "@waybill/cert-store";
import { TAG } from "../ber/ber-header.js";
import { BerParts, parseBer } from "../ber/ber-value.js";
import {
  derAlgorithm,
  derBitString,
  derContext,
  derOctetString,
  derSequence,
  derSmallInteger,
} from "../ber/der-writer.js";
import { encodeIdentifier, issuerAndSerialNumber, subjectKeyIdOf } from "../certificate-identity.js";
import { agreementFor, keyEncryptionOf, wrapIdentifier, wrapKey } from "../key-agreement.js";
import { encodeKeyTransport, transportKey } from "../key-transport.js";
import { KEY_ALGORITHM } from "../object-identifiers.js";
import type { EncryptSettings } from "./encrypt-layer.js";

const generate = promisify(generateKeyPair);

export const isEcRecipient = (certificate: Certificate): boolean =>
  certificate.publicKey.asymmetricKeyType === "ec";

/** RecipientInfo (RFC 5652 section 6.2): the content's key for one certificate. */
export async function recipientInfo(
  certificate: Certificate,
  contentKey: Buffer,
  settings: EncryptSettings,
): Promise<Buffer> {
  return isEcRecipient(certificate)
    ? await agreementInfo(certificate, contentKey, settings)
    : transportInfo(certificate, contentKey, settings);
}

/** KeyTransRecipientInfo (RFC 5652 section 6.2.1). */
function transportInfo(certificate: Certificate, contentKey: Buffer, settings: EncryptSettings): Buffer {
  const { identifyBy, keyTransport } = settings;
  return derSequence(
    derSmallInteger(identifyBy === "subjectKeyId" ? 2 : 0),
    encodeIdentifier(certificate, identifyBy),
    encodeKeyTransport(keyTransport),
    derOctetString(transportKey(certificate.publicKey, keyTransport, contentKey)),
  );
}

/** KeyAgreeRecipientInfo (RFC 5652 section 6.2.2) with a key of ours for this message only (RFC 5753 section 3.1). */
async function agreementInfo(
  certificate: Certificate,
  contentKey: Buffer,
  { identifyBy }: EncryptSettings,
): Promise<Buffer> {
  const { publicKey } = certificate;
  const namedCurve = publicKey.asymmetricKeyDetails?.namedCurve as string;
  const ephemeral = await generate("ec", { namedCurve });
  const secret = diffieHellman({ privateKey: ephemeral.privateKey, publicKey });
  const { oid, wrapOid } = agreementFor(certificate.keyBits);
  const how = keyEncryptionOf(oid, { oid: wrapOid, parameters: undefined }, wrapIdentifier(wrapOid));
  const spki = new BerParts(
    parseBer(ephemeral.publicKey.export({ format: "der", type: "spki" })),
    TAG.sequence,
    "a public key",
  );
  spki.next();
  const point = spki.next(TAG.bitString).contents.subarray(1);
  const rid =
    identifyBy === "subjectKeyId"
      ? derContext(0, derOctetString(subjectKeyIdOf(certificate)))
      : issuerAndSerialNumber(certificate);
  return derContext(
    1,
    derSmallInteger(3),
    // The originator as a key, its curve being the recipient's.
    derContext(0, derContext(1, derAlgorithm(KEY_ALGORITHM.ec), derBitString(point))),
    derAlgorithm(oid, wrapIdentifier(wrapOid)),
    derSequence(derSequence(rid, derOctetString(wrapKey(how, secret, undefined, contentKey)))),
  );
}
