import { type AlgorithmIdentifier, algorithmOf } from "../algorithm-identifier.js";
import { context, TAG } from "../ber/ber-header.js";
import { BerParts, type BerValue, octetsOf, oidOf, timeOf, toDer } from "../ber/ber-value.js";
import { encodeDer } from "../ber/der-writer.js";
import { type CertificateIdentifier, identifierOf } from "../certificate-identity.js";
import { cmsError, damaged, limitError } from "../cms-error.js";
import { ATTRIBUTE } from "../object-identifiers.js";
import { requireVersion } from "./versions.js";

/** A SignerInfo (RFC 5652 section 5.3), not verified. */
export interface SignerInfo {
  readonly identifier: CertificateIdentifier;
  readonly digest: AlgorithmIdentifier;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Buffer;
  /** Undefined when the content itself is signed. */
  readonly attributes: SignedAttributes | undefined;
}

export interface SignedAttributes {
  readonly oids: readonly string[];
  readonly contentType: string;
  readonly messageDigest: Buffer;
  readonly signingTime: Date | undefined;
  /** What the signature is over: first as it came, then in DER, when that is something else. */
  readonly signedForms: readonly Buffer[];
}

/** Reads SignerInfos. Errors: `ERR_CMS_DAMAGED`, `ERR_CMS_ATTRIBUTES`, `ERR_CMS_LIMIT`. */
export function readSignerInfos(
  value: BerValue,
  limits: { readonly signers: number; readonly attributeBytes: number },
): SignerInfo[] {
  if (value.tag !== TAG.set) throw damaged("something else is where the signers belong");
  if (value.parts.length > limits.signers) {
    throw limitError("signers", limits.signers, `${value.parts.length} signers`);
  }
  return value.parts.map((part) => readSignerInfo(part, limits.attributeBytes));
}

function readSignerInfo(value: BerValue, attributeBytes: number): SignerInfo {
  const parts = new BerParts(value, TAG.sequence, "a signer");
  requireVersion(parts.next(), "a signer");
  const identifier = identifierOf(parts.next());
  const digest = algorithmOf(parts.next());
  const signed = parts.optional(context(0));
  const signatureAlgorithm = algorithmOf(parts.next());
  const signature = octetsOf(parts.next());
  const unsigned = parts.optional(context(1));
  parts.end();
  for (const attributes of [signed, unsigned]) {
    if (attributes !== undefined && attributes.raw.length > attributeBytes) {
      throw limitError("attributeBytes", attributeBytes, `attributes of ${attributes.raw.length} bytes`);
    }
  }
  return {
    identifier,
    digest,
    signatureAlgorithm,
    signature,
    attributes: signed === undefined ? undefined : readSignedAttributes(signed),
  };
}

/** RFC 5652 sections 5.3 and 11: contentType and messageDigest once each, each with one value; nothing twice. */
function readSignedAttributes(value: BerValue): SignedAttributes {
  const values = new Map<string, readonly BerValue[]>();
  for (const part of value.parts) {
    const attribute = new BerParts(part, TAG.sequence, "an attribute");
    const oid = oidOf(attribute.next());
    const set = attribute.next(TAG.set);
    attribute.end();
    if (values.has(oid)) throw attributesError(`the signed attribute ${oid} is there twice`);
    values.set(oid, set.parts);
  }
  const single = (oid: string, name: string): BerValue | undefined => {
    const found = values.get(oid);
    if (found === undefined) return undefined;
    const [first, ...more] = found;
    if (first === undefined || more.length > 0)
      throw attributesError(`the signed attribute ${name} must have one value`);
    return first;
  };
  const contentType = single(ATTRIBUTE.contentType, "content-type");
  const messageDigest = single(ATTRIBUTE.messageDigest, "message-digest");
  const signingTime = single(ATTRIBUTE.signingTime, "signing-time");
  if (contentType === undefined || messageDigest === undefined) {
    throw attributesError("the signed attributes lack the content type or the message digest");
  }
  const received = encodeDer(TAG.set, ...value.parts.map(({ raw }) => raw));
  const canonical = encodeDer(TAG.set, ...value.parts.map(toDer).sort(Buffer.compare));
  return {
    oids: [...values.keys()],
    contentType: oidOf(contentType),
    messageDigest: octetsOf(messageDigest),
    signingTime: signingTime === undefined ? undefined : timeOf(signingTime),
    signedForms: canonical.equals(received) ? [received] : [received, canonical],
  };
}

function attributesError(problem: string): Error {
  return cmsError("ERR_CMS_ATTRIBUTES", problem);
}
