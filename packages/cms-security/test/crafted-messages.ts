import { createHash, publicEncrypt } from "node:crypto";
import { deflateSync } from "node:zlib";
import {
  derAlgorithm,
  derContext,
  derContextPrimitive,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derSmallInteger,
  encodeDer,
} from "../src/ber/der-writer.js";
import { issuerAndSerialNumber } from "../src/certificate-identity.js";
import { ATTRIBUTE, CONTENT_TYPE, KEY_ALGORITHM, ZLIB_COMPRESSION } from "../src/object-identifiers.js";
import type { TestIdentity } from "./identities.js";

/*
 * Messages that nobody should write, in DER, each with a signature that holds for what it says.
 */

export const SHA256 = "2.16.840.1.101.3.4.2.1";
export const SHA512 = "2.16.840.1.101.3.4.2.3";

export const contentInfo = (type: string, content: Buffer): Buffer =>
  derSequence(derOid(type), derContext(0, content));

/** EncapsulatedContentInfo; without content it is detached. */
export const encapsulated = (type: string, content: Buffer | undefined): Buffer =>
  derSequence(derOid(type), ...(content === undefined ? [] : [derContext(0, derOctetString(content))]));

export const attribute = (oid: string, ...values: Buffer[]): Buffer =>
  derSequence(derOid(oid), encodeDer(0x31, ...values));

export interface SignedParts {
  readonly content?: Buffer | undefined;
  readonly detached?: boolean;
  readonly contentType?: string;
  /** Default: the right ones. */
  readonly attributes?: readonly Buffer[];
  readonly announced?: readonly string[];
  readonly digestOid?: string;
  readonly signatureAlgorithm?: Buffer;
  readonly signers?: number;
  readonly unsigned?: Buffer;
  /** INTEGERs. Default: 1. */
  readonly version?: Buffer;
  readonly signerVersion?: Buffer;
}

/** The attributes that a signature over `content` takes. */
export function goodAttributes(content: Buffer): Buffer[] {
  return [
    attribute(ATTRIBUTE.contentType, derOid(CONTENT_TYPE.data)),
    attribute(ATTRIBUTE.messageDigest, derOctetString(createHash("sha256").update(content).digest())),
  ];
}

/** SignedData. */
export async function signedMessage(signer: TestIdentity, parts: SignedParts = {}): Promise<Buffer> {
  const {
    content = Buffer.from("content"),
    digestOid = SHA256,
    announced = [digestOid],
    signers = 1,
  } = parts;
  const attributes = parts.attributes ?? goodAttributes(content);
  const signature = await signer.key.signWith(encodeDer(0x31, ...attributes), { hash: "sha256" });
  const info = derSequence(
    parts.signerVersion ?? derSmallInteger(1),
    issuerAndSerialNumber(signer.certificate),
    derAlgorithm(digestOid),
    encodeDer(0xa0, ...attributes),
    parts.signatureAlgorithm ?? derAlgorithm(KEY_ALGORITHM.rsa, derNull()),
    derOctetString(signature),
    ...(parts.unsigned === undefined ? [] : [derContext(1, parts.unsigned)]),
  );
  return contentInfo(
    CONTENT_TYPE.signedData,
    derSequence(
      parts.version ?? derSmallInteger(1),
      encodeDer(0x31, ...announced.map((oid) => derAlgorithm(oid))),
      encapsulated(parts.contentType ?? CONTENT_TYPE.data, parts.detached === true ? undefined : content),
      encodeDer(0x31, ...Array<Buffer>(signers).fill(info)),
    ),
  );
}

export interface CompressedParts {
  readonly algorithm?: Buffer;
  readonly contentType?: string;
  readonly version?: number;
  readonly compressed?: Buffer | undefined;
}

/** CompressedData. */
export function compressedMessage(content: Buffer, parts: CompressedParts = {}): Buffer {
  const { algorithm = derAlgorithm(ZLIB_COMPRESSION), contentType = CONTENT_TYPE.data, version = 0 } = parts;
  const compressed = parts.compressed ?? deflateSync(content);
  return contentInfo(
    CONTENT_TYPE.compressedData,
    derSequence(derSmallInteger(version), algorithm, encapsulated(contentType, compressed)),
  );
}

export interface EncryptedParts {
  readonly type?: string;
  readonly contentType?: string;
  readonly keyAlgorithm?: Buffer;
  readonly algorithm: Buffer;
  readonly encrypted?: Buffer | undefined;
  /** What comes behind the content. */
  readonly more?: readonly Buffer[];
  /** INTEGERs. Default: 0. */
  readonly version?: Buffer;
  readonly recipientVersion?: Buffer;
  /** Instead of the RecipientInfo of a key that is transported. */
  readonly recipient?: Buffer;
}

/** EnvelopedData or AuthEnvelopedData with a key of 32 zeros. */
export function encryptedMessage({ certificate }: TestIdentity, parts: EncryptedParts): Buffer {
  const { type = CONTENT_TYPE.envelopedData, contentType = CONTENT_TYPE.data, encrypted, more = [] } = parts;
  const zero = derSmallInteger(0);
  const transport = derSequence(
    parts.recipientVersion ?? zero,
    issuerAndSerialNumber(certificate),
    parts.keyAlgorithm ?? derAlgorithm(KEY_ALGORITHM.rsa, derNull()),
    derOctetString(
      parts.recipient === undefined
        ? publicEncrypt({ key: certificate.publicKey, padding: 1 }, Buffer.alloc(32))
        : Buffer.alloc(0),
    ),
  );
  const recipient = parts.recipient ?? transport;
  const content = derSequence(
    derOid(contentType),
    parts.algorithm,
    ...(encrypted === undefined ? [] : [derContextPrimitive(0, encrypted)]),
  );
  return contentInfo(type, derSequence(parts.version ?? zero, encodeDer(0x31, recipient), content, ...more));
}
