import { type AlgorithmIdentifier, algorithmOf, requireNoParameters } from "../algorithm-identifier.js";
import { context, TAG } from "../ber/ber-header.js";
import { BerParts, type BerValue, octetsOf, toDer } from "../ber/ber-value.js";
import {
  type CertificateIdentifier,
  identifierOf,
  issuerAndSerialNumberOf,
} from "../certificate-identity.js";
import { damaged, limitError } from "../cms-error.js";
import { agreementHash } from "../key-agreement.js";
import { keyTransportOf } from "../key-transport.js";
import { KEY_ALGORITHM } from "../object-identifiers.js";
import { onlyPart } from "../signature-algorithm.js";
import type { RecipientReport } from "./layer-report.js";
import { requireVersion } from "./versions.js";

/** The content's key for one recipient (RFC 5652 section 6.2). */
export type Recipient = TransportRecipient | AgreementRecipient | UnsupportedRecipient;

/** KeyTransRecipientInfo. */
export interface TransportRecipient {
  readonly kind: "transport";
  readonly identifier: CertificateIdentifier;
  readonly algorithm: AlgorithmIdentifier;
  readonly encryptedKey: Buffer;
}

/** One RecipientEncryptedKey of a KeyAgreeRecipientInfo. */
export interface AgreementRecipient {
  readonly kind: "agreement";
  readonly identifier: CertificateIdentifier;
  readonly algorithm: AlgorithmIdentifier;
  /** The point of the originator's key; undefined when it is named another way, or is no EC key. */
  readonly originatorPoint: Buffer | undefined;
  readonly userKeyingMaterial: Buffer | undefined;
  readonly wrap: AlgorithmIdentifier | undefined;
  /** In DER. */
  readonly wrapIdentifier: Buffer | undefined;
  readonly encryptedKey: Buffer;
}

/** Keys that were exchanged beforehand, passwords, and what is yet to come. */
export interface UnsupportedRecipient {
  readonly kind: "unsupported";
}

/** Reads RecipientInfos. Errors: `ERR_CMS_DAMAGED`, `ERR_CMS_LIMIT`. */
export function readRecipients(value: BerValue, most: number): Recipient[] {
  if (value.tag !== TAG.set || value.parts.length === 0) throw damaged("it names no recipients");
  const recipients = value.parts.flatMap((part) => readRecipient(part));
  if (recipients.length > most) throw limitError("recipients", most, `${recipients.length} recipients`);
  return recipients;
}

function readRecipient(value: BerValue): Recipient[] {
  if (value.tag === TAG.sequence) return [readTransport(value)];
  if (value.tag === context(1)) return readAgreement(value);
  if ([context(2), context(3), context(4)].includes(value.tag)) return [{ kind: "unsupported" }];
  throw damaged("a recipient is of no known kind");
}

function readTransport(value: BerValue): TransportRecipient {
  const parts = new BerParts(value, TAG.sequence, "a recipient");
  requireVersion(parts.next(), "a recipient");
  const identifier = identifierOf(parts.next());
  const algorithm = algorithmOf(parts.next());
  const encryptedKey = octetsOf(parts.next());
  parts.end();
  return { kind: "transport", identifier, algorithm, encryptedKey };
}

function readAgreement(value: BerValue): AgreementRecipient[] {
  const parts = new BerParts(value, context(1), "a recipient");
  requireVersion(parts.next(), "a recipient of key agreement");
  const originatorPoint = originatorPointOf(onlyPart(parts.next(context(0))));
  const material = parts.optional(context(1));
  const userKeyingMaterial = material === undefined ? undefined : octetsOf(onlyPart(material));
  const algorithm = algorithmOf(parts.next());
  const keys = parts.next(TAG.sequence);
  parts.end();
  const { parameters } = algorithm;
  const isWrapped = parameters?.tag === TAG.sequence;
  const wrap = isWrapped ? algorithmOf(parameters) : undefined;
  const wrapIdentifier = isWrapped ? toDer(parameters) : undefined;
  return keys.parts.map((part) => {
    const key = new BerParts(part, TAG.sequence, "a recipient's key");
    const identifier = agreementIdentifierOf(key.next());
    const encryptedKey = octetsOf(key.next());
    key.end();
    const shared = { algorithm, originatorPoint, userKeyingMaterial, wrap, wrapIdentifier };
    return { kind: "agreement", identifier, encryptedKey, ...shared };
  });
}

/** OriginatorIdentifierOrKey: only the key itself is of use. */
function originatorPointOf(value: BerValue): Buffer | undefined {
  if (value.tag !== context(1)) return undefined;
  const parts = new BerParts(value, context(1), "the originator's key");
  const algorithm = algorithmOf(parts.next());
  // Of another kind it is for other recipients than ours, which are on our curves.
  if (algorithm.oid !== KEY_ALGORITHM.ec) return undefined;
  // The curve is the recipient's, whether it is said again, NULL, or left out (RFC 5753 section 3.1.1).
  if (algorithm.parameters?.tag !== TAG.objectIdentifier) requireNoParameters(algorithm);
  const { contents } = parts.next(TAG.bitString);
  parts.end();
  if (contents[0] !== 0) throw damaged("the originator's key is malformed");
  return contents.subarray(1);
}

/** KeyAgreeRecipientIdentifier. */
function agreementIdentifierOf(value: BerValue): CertificateIdentifier {
  if (value.tag === TAG.sequence) return issuerAndSerialNumberOf(value);
  const parts = new BerParts(value, context(0), "a recipient's identifier");
  return { subjectKeyId: octetsOf(parts.next()) };
}

export function reportRecipient(recipient: Recipient): RecipientReport {
  if (recipient.kind === "unsupported") return { kind: "unsupported", identifier: undefined, algorithm: "" };
  return { kind: recipient.kind, identifier: recipient.identifier, algorithm: algorithmName(recipient) };
}

function algorithmName({ kind, algorithm }: TransportRecipient | AgreementRecipient): string {
  if (kind === "agreement") {
    const hash = agreementHash(algorithm.oid);
    return hash === undefined ? algorithm.oid : `ecdh-${hash.name}`;
  }
  try {
    const scheme = keyTransportOf(algorithm);
    if (scheme.padding === "pkcs1") return "rsa-pkcs1";
    const mask = scheme.padding === "oaep-mixed" ? `-mgf1-${scheme.maskHash}` : "";
    return `rsa-oaep-${scheme.hash}${mask}`;
  } catch {
    return algorithm.oid;
  }
}
