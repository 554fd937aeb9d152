import { timingSafeEqual } from "node:crypto";
import type { Certificate } from "@waybill/cert-store";
import { type AlgorithmIdentifier, hashOf } from "../algorithm-identifier.js";
import { names, requireKeyUsage } from "../certificate-identity.js";
import { cmsError } from "../cms-error.js";
import { type HashAlgorithm, hashWithOid } from "../hashes.js";
import { CONTENT_TYPE } from "../object-identifiers.js";
import { signatureKindOf, verifies, verifiesDigest } from "../signature-algorithm.js";
import type { SignerReport } from "./layer-report.js";
import type { OpenState } from "./open-state.js";
import type { SignerInfo } from "./signer-infos.js";

/** What was signed, after all of it went by. */
export interface SignedContent {
  readonly digests: ReadonlyMap<HashAlgorithm, Buffer>;
  /** Whether it could be the signed attributes of another message. */
  readonly looksLikeAttributes: boolean;
  /** In DER. */
  readonly certificates: readonly Buffer[];
}

type Outcome = {
  readonly status: SignerReport["status"];
  readonly certificate?: Certificate;
  readonly error?: unknown;
};

/**
 * Verifies the signatures of one layer: one by a certificate that is expected must hold. The certificates that are expected
 * are all one partner's, so that its several signatures stand for each other (RFC 4853): with one that holds, another that
 * does not hold is reported as `failed` and refuses nothing. Refusing would protect from nobody, since the set of signers
 * is under no signature and whoever could break one could take it out; and it would end every change-over with the
 * expiry of the old certificate.
 *
 * Errors: `ERR_CMS_SIGNER_UNKNOWN` when none is by an expected certificate; otherwise what is wrong with the first that is.
 */
export async function checkSigners(
  signers: readonly SignerInfo[],
  content: SignedContent,
  state: OpenState,
): Promise<SignerReport[]> {
  if (state.options.verifySignatures === false || state.describing) {
    return signers.map((signer) => reportOf(signer, { status: "unchecked" }));
  }
  if (signers.length === 0)
    throw cmsError("ERR_CMS_SIGNATURE", "the message is meant to be signed, but nobody signed it");
  const outcomes: Outcome[] = [];
  for (const signer of signers) outcomes.push(await checkSigner(signer, content, state));
  if (!outcomes.some(({ status }) => status === "verified")) {
    throw (
      outcomes.find(({ error }) => error !== undefined)?.error ??
      cmsError("ERR_CMS_SIGNER_UNKNOWN", "the message is signed, but by none of the expected certificates", {
        details: { signers: signers.map(({ identifier }) => identifierText(identifier)) },
      })
    );
  }
  return signers.map((signer, index) => reportOf(signer, outcomes[index] as Outcome));
}

async function checkSigner(signer: SignerInfo, content: SignedContent, state: OpenState): Promise<Outcome> {
  let failure: Outcome | undefined;
  for (const certificate of await candidates(signer, content, state)) {
    if (!names(signer.identifier, certificate)) continue;
    try {
      await requireGood(signer, certificate, content, state);
      return { status: "verified", certificate };
    } catch (error) {
      failure ??= { status: "failed", certificate, error };
    }
  }
  return failure ?? { status: "unknown" };
}

async function candidates(
  { identifier }: SignerInfo,
  { certificates }: SignedContent,
  { options }: OpenState,
): Promise<readonly Certificate[]> {
  const { signers = [] } = options;
  return typeof signers === "function" ? await signers({ identifier, certificates }) : signers;
}

async function requireGood(
  signer: SignerInfo,
  certificate: Certificate,
  content: SignedContent,
  state: OpenState,
): Promise<void> {
  const { options, logger } = state;
  const hash = hashOf(signer.digest);
  if (hash.name === "sha1") {
    if (options.allowWeak !== true) {
      throw cmsError(
        "ERR_CMS_WEAK",
        "the message is signed with SHA-1, which is weak: allowWeak would accept it",
      );
    }
    logger.warn({ subject: certificate.subject.text }, "a signature with SHA-1, which is weak, was accepted");
  }
  const digest = content.digests.get(hash);
  if (digest === undefined) {
    throw cmsError("ERR_CMS_ALGORITHM", `a signer uses ${hash.name}, which the message does not announce`);
  }
  requireKeyUsage(certificate, ["digitalSignature", "nonRepudiation"], "signing");
  requireSignature(signer, certificate, hash, digest, content);
  requireValidity(certificate, state);
  const context = { certificate, signingTime: signer.attributes?.signingTime };
  if (options.acceptSigner !== undefined && !(await options.acceptSigner(context))) {
    throw cmsError("ERR_CMS_SIGNER_REFUSED", `the signer ${certificate.subject.text} is not accepted`);
  }
}

function requireSignature(
  signer: SignerInfo,
  certificate: Certificate,
  hash: HashAlgorithm,
  digest: Buffer,
  { looksLikeAttributes }: SignedContent,
): void {
  const { attributes, signature } = signer;
  const kind = signatureKindOf(signer.signatureAlgorithm, hash);
  if (attributes === undefined) {
    if (kind.kind !== "rsa-pkcs1") {
      throw cmsError(
        "ERR_CMS_ALGORITHM",
        `${kind.kind} signatures without signed attributes are not supported`,
      );
    }
    // Signed attributes of one message would be the signed content of another (RFC 5652 does not say; it was shown in 2023).
    if (looksLikeAttributes)
      throw cmsError("ERR_CMS_ATTRIBUTES", "the signed content is itself made of signed attributes");
    if (!verifiesDigest(certificate.publicKey, kind, hash, digest, signature))
      throw badSignature(certificate);
    return;
  }
  requireData(attributes.contentType);
  const { messageDigest } = attributes;
  if (messageDigest.length !== digest.length || !timingSafeEqual(messageDigest, digest)) {
    throw cmsError("ERR_CMS_DIGEST", "the content is not the one that was signed");
  }
  const isGood = attributes.signedForms.some((form) =>
    verifies(certificate.publicKey, kind, hash, form, signature),
  );
  if (!isGood) throw badSignature(certificate);
}

function badSignature(certificate: Certificate): Error {
  return cmsError("ERR_CMS_SIGNATURE", `the signature is not one of ${certificate.subject.text}`);
}

/** RFC 5652 section 11.1: the signed type is that of the content, which was found to be data. */
function requireData(contentType: string): void {
  if (contentType === CONTENT_TYPE.data) return;
  throw cmsError("ERR_CMS_CONTENT_TYPE", `the content is data, but was signed as ${contentType}`, {
    details: { type: contentType },
  });
}

function requireValidity(certificate: Certificate, { options }: OpenState): void {
  if (options.allowExpiredSigner === true) return;
  const { time = new Date() } = options;
  if (time >= certificate.notBefore && time <= certificate.notAfter) return;
  const { notBefore, notAfter } = certificate;
  throw cmsError(
    "ERR_CMS_SIGNER_EXPIRED",
    `the certificate of the signer ${certificate.subject.text} is valid from ${notBefore.toISOString()} to ${notAfter.toISOString()} only`,
    { details: { notBefore, notAfter } },
  );
}

function reportOf(signer: SignerInfo, { status, certificate }: Outcome): SignerReport {
  const { attributes, digest, identifier, signatureAlgorithm } = signer;
  const hash = hashWithOid(digest.oid);
  return {
    identifier,
    hash: hash?.name,
    digestOid: digest.oid,
    signature: signatureName(signatureAlgorithm, hash),
    signingTime: attributes?.signingTime,
    signedAttributes: attributes?.oids,
    status,
    certificate,
  };
}

function signatureName(algorithm: AlgorithmIdentifier, hash: HashAlgorithm | undefined): string {
  try {
    return hash === undefined ? algorithm.oid : signatureKindOf(algorithm, hash).kind;
  } catch {
    return algorithm.oid;
  }
}

function identifierText({ serialNumber, subjectKeyId }: SignerInfo["identifier"]): string {
  return (subjectKeyId ?? serialNumber ?? Buffer.alloc(0)).toString("hex").toUpperCase();
}
