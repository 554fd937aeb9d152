import { errorMessage } from "@waybill/net-core";
import { certificateErrors } from "../certificate/certificate-source.js";

import { sameName } from "../certificate/distinguished-name.js";
import type { Certificate } from "../certificate-types.js";
import { readPemBlocks } from "../pem.js";
import { type CertificateRevocationList, readCrl } from "./crl.js";
import { shortText } from "./names.js";
import { isWeakHash } from "./path-checks.js";
import { type FreshnessRules, freshness, type RevocationStatus, unknownStatus } from "./revocation-status.js";
import { isSignature, signatureMethod } from "./signed-data.js";

/** A certificate, the authority that issued it, and what the check depends on. */
export interface StatusQuestion extends FreshnessRules {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
  readonly allowSha1Signatures: boolean;
  readonly minimumRsaBits: number;
}

/**
 * What a complete CRL says about a certificate (RFC 5280 section 6.3): it must be the issuer's, by name and signature, be current and
 * be about such certificates. Never throws.
 */
export function crlStatus(bytes: Uint8Array, question: StatusQuestion): RevocationStatus {
  try {
    const source = certificateErrors(undefined, "CRL");
    const crl = readCrl(crlDer(bytes), source);
    return crlProblem(crl, question) ?? entryStatus(crl, question);
  } catch (error) {
    return unknownStatus("ERR_TRUST_CRL_DAMAGED", `its CRL cannot be read (${errorMessage(error)})`, error);
  }
}

function crlProblem(crl: CertificateRevocationList, question: StatusQuestion): RevocationStatus | undefined {
  const { certificate, issuer } = question;
  if (!sameName(crl.issuer, certificate.issuer)) {
    const owner = JSON.stringify(shortText(crl.issuer.text));
    return { ...unknownStatus("ERR_TRUST_CRL_SCOPE", `the CRL is that of ${owner}`), isAnothers: true };
  }
  if (crl.unusable !== undefined) {
    return unknownStatus("ERR_TRUST_CRL_SCOPE", `its CRL cannot be used: ${crl.unusable}`);
  }
  const { only, urls } = crl.scope;
  const isAuthority = certificate.basicConstraints?.ca === true;
  if (only === (isAuthority ? "users" : "authorities")) {
    return unknownStatus("ERR_TRUST_CRL_SCOPE", `its CRL is for ${only} only`);
  }
  if (urls !== undefined && !urls.some((url) => certificate.crlUrls.includes(url))) {
    return unknownStatus("ERR_TRUST_CRL_SCOPE", "the CRL is that of another distribution point");
  }
  return signatureProblem(crl, question, issuer);
}

function signatureProblem(
  crl: CertificateRevocationList,
  question: StatusQuestion,
  issuer: Certificate,
): RevocationStatus | undefined {
  const fail = (problem: string) => unknownStatus("ERR_TRUST_CRL_SIGNATURE", problem);
  if (issuer.keyUsage?.includes("cRLSign") === false)
    return fail("its issuer may not sign CRLs (no cRLSign)");
  const method = signatureMethod(crl.signatureAlgorithm, certificateErrors(undefined, "CRL"));
  if (method === undefined) return fail("its CRL is signed in a way that is not supported");
  if (isWeakHash(method.hash, question.allowSha1Signatures))
    return fail(`the signature of its CRL is weak (${method.hash})`);
  if (!isSignature(method, issuer.publicKey, crl.signedData, crl.signature)) {
    return fail("the signature of its CRL is not that of its issuer");
  }
  return undefined;
}

function entryStatus(crl: CertificateRevocationList, question: StatusQuestion): RevocationStatus {
  const fresh = freshness(crl.thisUpdate, crl.nextUpdate, question);
  const entry = crl.find(question.certificate.serialNumber);
  // What was revoked once stays so, apart from certificates on hold.
  if (entry !== undefined && (entry.reason !== "certificateHold" || "expires" in fresh)) {
    return { status: "revoked", expires: "expires" in fresh ? fresh.expires : crl.thisUpdate, ...entry };
  }
  if ("problem" in fresh)
    return unknownStatus("ERR_TRUST_CRL_STALE", `its CRL is not current: ${fresh.problem}`);
  if (crl.scope.isPartial) {
    return unknownStatus(
      "ERR_TRUST_CRL_SCOPE",
      "it is not in its CRL, which lists some reasons of revocation only",
    );
  }
  return { status: "good", expires: fresh.expires };
}

/** Lists are DER; some servers send PEM. */
function crlDer(bytes: Uint8Array): Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer[0] !== 0x2d) return buffer;
  const source = certificateErrors(undefined, "CRL");
  const [block] = readPemBlocks(buffer.toString("latin1"), (label) => label === "X509 CRL", source);
  if (block === undefined) throw source.damaged("there is no X509 CRL in the PEM file");
  return block.body;
}
