import { createHash } from "node:crypto";
import type { HashName } from "@waybill/cert-store";
import { context, TAG } from "../ber/ber-header.js";
import {
  derAlgorithm,
  derContext,
  derOctetString,
  derOid,
  derSequence,
  derSetOf,
  derSmallInteger,
  derTime,
  encodeDer,
  endsOf,
  startOf,
} from "../ber/der-writer.js";
import {
  encodeIdentifier,
  type IdentifierForm,
  type Identity,
  requireKeyUsage,
  requireOwnKey,
} from "../certificate-identity.js";
import type { HashAlgorithm } from "../hashes.js";
import { ATTRIBUTE, CONTENT_TYPE } from "../object-identifiers.js";
import { type SigningAlgorithm, signingAlgorithm } from "../signature-algorithm.js";
import { type Batch, contentInfoStart, ENCAPSULATED_ENDS, encapsulatedStart, octetPiece } from "./batch.js";

/** A signer that is known to be able to sign. */
export interface PreparedSigner extends Identity {
  readonly algorithm: SigningAlgorithm;
  readonly identifyBy: IdentifierForm;
}

export interface SignSettings {
  readonly signers: readonly PreparedSigner[];
  readonly includeCertificates: boolean;
  readonly signingTime: Date | undefined;
}

/** Errors: `ERR_CMS_KEY_MISMATCH`, `ERR_CMS_KEY_USAGE`. */
export function prepareSigner(
  signer: Identity,
  hash: HashName,
  padding: "pkcs1" | "pss",
  identifyBy: IdentifierForm,
): PreparedSigner {
  requireOwnKey(signer);
  requireKeyUsage(signer.certificate, ["digitalSignature", "nonRepudiation"], "signing");
  const { certificate, key } = signer;
  return { certificate, key, identifyBy, algorithm: signingAlgorithm(key, hash, padding) };
}

/** Signed by issuer and serial number, or by key identifier (RFC 5652 section 5.3). */
const versionOf = (form: IdentifierForm): number => (form === "subjectKeyId" ? 3 : 1);

/** SignedData (RFC 5652 section 5) around the content. */
export async function* signLayer(
  content: AsyncIterable<Batch>,
  settings: SignSettings,
): AsyncGenerator<Batch> {
  const { signers, includeCertificates } = settings;
  const hashes = [...new Set(signers.map(({ algorithm }) => algorithm.hash))];
  const running = hashes.map((hash) => ({ hash, state: createHash(hash.name) }));
  yield [
    ...contentInfoStart(CONTENT_TYPE.signedData),
    startOf(TAG.sequence),
    derSmallInteger(Math.max(...signers.map(({ identifyBy }) => versionOf(identifyBy)))),
    derSetOf(...hashes.map(({ oid }) => derAlgorithm(oid))),
    ...encapsulatedStart(),
  ];
  for await (const batch of content) {
    for (const { state } of running) for (const bytes of batch) state.update(bytes);
    yield octetPiece(batch);
  }
  const digests = new Map(running.map(({ hash, state }) => [hash, state.digest()]));
  const time = settings.signingTime ?? new Date();
  const infos: Buffer[] = [];
  for (const signer of signers) infos.push(await signerInfo(signer, digests, time));
  const certificates = new Set(signers.map(({ certificate }) => certificate));
  yield [
    endsOf(ENCAPSULATED_ENDS),
    ...(includeCertificates
      ? [derContext(0, ...[...certificates].map(({ der }) => der).sort(Buffer.compare))]
      : []),
    derSetOf(...infos),
    // SignedData, and the two of ContentInfo.
    endsOf(3),
  ];
}

/** SignerInfo (RFC 5652 section 5.3). */
async function signerInfo(
  signer: PreparedSigner,
  digests: ReadonlyMap<HashAlgorithm, Buffer>,
  time: Date,
): Promise<Buffer> {
  const { algorithm, certificate, identifyBy, key } = signer;
  const attributes = [
    attribute(ATTRIBUTE.contentType, derOid(CONTENT_TYPE.data)),
    attribute(ATTRIBUTE.signingTime, derTime(time)),
    attribute(ATTRIBUTE.messageDigest, derOctetString(digests.get(algorithm.hash) as Buffer)),
  ].sort(Buffer.compare);
  // What is signed has the tag of a set, what is written the context's (RFC 5652 section 5.4).
  const signature = await key.signWith(encodeDer(TAG.set, ...attributes), algorithm.scheme);
  return derSequence(
    derSmallInteger(versionOf(identifyBy)),
    encodeIdentifier(certificate, identifyBy),
    derAlgorithm(algorithm.hash.oid),
    encodeDer(context(0), ...attributes),
    algorithm.identifier,
    derOctetString(signature),
  );
}

const attribute = (oid: string, value: Buffer): Buffer => derSequence(derOid(oid), derSetOf(value));
