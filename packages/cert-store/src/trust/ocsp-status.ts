import { createHash } from "node:crypto";
import { errorMessage } from "@waybill/net-core";
import { certificateErrors } from "../certificate/certificate-source.js";

import { sameName } from "../certificate/distinguished-name.js";
import type { Certificate } from "../certificate-types.js";
import type { StatusQuestion } from "./crl-status.js";
import { publicKeyBits } from "./ocsp-request.js";
import { type OcspAnswer, type OcspSingleResponse, readOcspResponse } from "./ocsp-response.js";
import { isWeakHash, isWeakSignature, purposeOid, weakKeyProblem } from "./path-checks.js";
import { freshness, type RevocationStatus, type UnknownStatus, unknownStatus } from "./revocation-status.js";
import { hashByOid, isSignature, signatureMethod } from "./signed-data.js";

/** Responses in one answer that are looked at. */
const MAX_RESPONSES = 1_000;

/**
 * What an OCSP response says about a certificate (RFC 6960 section 3.2): it must be about it, be signed by its issuer or by somebody
 * whom the issuer certified for that, and be current. `nonce`: of the request; a response may leave it out (RFC 9654 section 3.1)
 * but not have another. Never throws.
 */
export function ocspStatus(
  bytes: Uint8Array,
  question: StatusQuestion,
  nonce?: Uint8Array,
): RevocationStatus {
  try {
    const source = certificateErrors(undefined, "OCSP response");
    const answer = readOcspResponse(Buffer.from(bytes), source);
    if (typeof answer === "string") {
      return unknownStatus("ERR_TRUST_OCSP_REFUSED", `the OCSP responder gives no answer (${answer})`);
    }
    if (nonce !== undefined && answer.nonce !== undefined && !answer.nonce.equals(nonce)) {
      return unknownStatus("ERR_TRUST_OCSP_MISMATCH", "the OCSP response is the answer to another request");
    }
    const found = answer.responses
      .slice(0, MAX_RESPONSES)
      .filter((single) => isAbout(single, question))
      .sort((first, second) => second.thisUpdate.getTime() - first.thisUpdate.getTime())[0];
    if (found === undefined) {
      const problem = "the OCSP response is about another certificate";
      return { ...unknownStatus("ERR_TRUST_OCSP_MISMATCH", problem), isAnothers: true };
    }
    if (answer.hasUnknownCritical || found.hasUnknownCritical) {
      return unknownStatus(
        "ERR_TRUST_OCSP_DAMAGED",
        "the OCSP response has a critical extension that is not known",
      );
    }
    return signerProblem(answer, question) ?? singleStatus(found, question);
  } catch (error) {
    return unknownStatus(
      "ERR_TRUST_OCSP_DAMAGED",
      `the OCSP response cannot be read (${errorMessage(error)})`,
      error,
    );
  }
}

function singleStatus(single: OcspSingleResponse, question: StatusQuestion): RevocationStatus {
  if (single.status === "unknown") {
    return unknownStatus("ERR_TRUST_OCSP_UNKNOWN", "the OCSP responder does not know it");
  }
  const fresh = freshness(single.thisUpdate, single.nextUpdate, question);
  const { revocation } = single;
  if (revocation !== undefined && (revocation.reason !== "certificateHold" || "expires" in fresh)) {
    return {
      status: "revoked",
      expires: "expires" in fresh ? fresh.expires : single.thisUpdate,
      ...revocation,
    };
  }
  if ("problem" in fresh) {
    return unknownStatus("ERR_TRUST_OCSP_STALE", `the OCSP response is not current: ${fresh.problem}`);
  }
  return { status: "good", expires: fresh.expires };
}

/** CertID (RFC 6960 section 4.1.1): hashes of the issuer's name and key, and the serial number. */
function isAbout(single: OcspSingleResponse, { certificate, issuer }: StatusQuestion): boolean {
  const hash = hashByOid(single.hashOid);
  if (hash === undefined || single.serialNumber !== certificate.serialNumber) return false;
  const hashOf = (bytes: Buffer) => createHash(hash).update(bytes).digest();
  return (
    single.issuerKeyHash.equals(hashOf(publicKeyBits(issuer))) &&
    [certificate.issuer.der, issuer.subject.der].some((name) => single.issuerNameHash.equals(hashOf(name)))
  );
}

/** RFC 6960 section 4.2.2.2. Whether a delegated responder was revoked is not asked. */
function signerProblem(answer: OcspAnswer, question: StatusQuestion): UnknownStatus | undefined {
  const { issuer } = question;
  const fail = (problem: string) => unknownStatus("ERR_TRUST_OCSP_SIGNATURE", problem);
  const method = signatureMethod(answer.signatureAlgorithm, certificateErrors(undefined, "OCSP response"));
  if (method === undefined) return fail("the OCSP response is signed in a way that is not supported");
  if (isWeakHash(method.hash, question.allowSha1Signatures)) {
    return fail(`the signature of the OCSP response is weak (${method.hash})`);
  }
  const signers = [issuer, ...answer.certificates].filter((certificate) => isResponder(certificate, answer));
  if (signers.length === 0) {
    return unknownStatus(
      "ERR_TRUST_OCSP_RESPONDER",
      "the OCSP response does not come with its signer's certificate",
    );
  }
  const signer = signers.find((certificate) =>
    isSignature(method, certificate.publicKey, answer.signedData, answer.signature),
  );
  if (signer === undefined) return fail("the signature of the OCSP response is not that of its signer");
  if (signer.publicKeyDer.equals(issuer.publicKeyDer)) return undefined;
  const problem = delegateProblem(signer, question);
  return problem === undefined
    ? undefined
    : unknownStatus("ERR_TRUST_OCSP_RESPONDER", `the OCSP response's signer may not answer: ${problem}`);
}

function isResponder(certificate: Certificate, { responder }: OcspAnswer): boolean {
  if ("name" in responder) return sameName(responder.name, certificate.subject);
  return createHash("sha1").update(publicKeyBits(certificate)).digest().equals(responder.keyHash);
}

/** Issued by the same authority, and for this. */
function delegateProblem(signer: Certificate, question: StatusQuestion): string | undefined {
  const { issuer, at } = question;
  if (!sameName(signer.issuer, issuer.subject) || !signer.isSignedBy(issuer)) {
    return "it was not certified by the authority that it answers for";
  }
  const purpose = purposeOid("OCSPSigning");
  if (signer.extendedKeyUsage?.some(({ oid }) => oid === purpose) !== true)
    return "it is not for OCSPSigning";
  if (signer.keyUsage !== undefined && !signer.keyUsage.some((usage) => SIGNING.has(usage))) {
    return "its key is not for signatures";
  }
  if (!isValidAt(signer, at) && !(at.getTime() < Date.now() && isValidAt(signer, new Date())))
    return "its certificate is not valid at this time";
  if (signer.unknownCriticalExtensions.length > 0)
    return "its certificate has a critical extension that is not known";
  if (isWeakSignature(signer, question.allowSha1Signatures)) return "its certificate's signature is weak";
  return weakKeyProblem(signer, question.minimumRsaBits);
}

const SIGNING: ReadonlySet<string> = new Set(["digitalSignature", "nonRepudiation"]);

function isValidAt(certificate: Certificate, time: Date): boolean {
  return certificate.notBefore <= time && time <= certificate.notAfter;
}
