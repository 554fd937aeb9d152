import type { Element } from "@xmldom/xmldom";
import { decodeBase64 } from "../base64.js";
import { certificateFromDer } from "../certificate/parse-certificate.js";
import type { Certificate } from "../certificate-types.js";
import { type ErrorSource, errorSource } from "../error-source.js";
import { canonicalForm, removeComments } from "./canonical-form.js";
import { type ParseTrustListOptions, readTrustList } from "./parse-trust-list.js";
import { digestHash, digestOf, isSha1, isSignature, signatureMethod } from "./signature-algorithms.js";
import {
  type ListSignature,
  readSignedInfo,
  referredElement,
  refusal,
  type SignedInfo,
  signatureOf,
} from "./signature-structure.js";
import { signerMatcher, type TrustListSigner } from "./signer-match.js";
import { MAX_KEY_INFO_CERTIFICATES } from "./trust-list-limits.js";
import type { TrustList } from "./trust-list-types.js";
import { childrenNamed, parseListDocument, parseXml, textOf, XMLDSIG_NAMESPACE } from "./xml-document.js";
import { trustListText } from "./xml-guard.js";

/** Options of {@link verifyTrustListSignature}. */
export interface VerifyTrustListOptions extends ParseTrustListOptions {
  /**
   * Who may have signed. Certificates are also tried as keys, for lists that do not carry their signer's. Without it
   * any certificate that the list itself brings will do: then look at `signer` before you trust the list.
   */
  readonly signers?: readonly TrustListSigner[] | undefined;
  /** Whether SHA-1 is accepted in the signature, for archived lists only. Default false. */
  readonly allowSha1?: boolean | undefined;
}

/** A list whose signature is good. */
export interface VerifiedTrustList {
  /** Read from the signed bytes alone. */
  readonly list: TrustList;
  /** The certificate whose key made the signature. Its own trust is for the caller to decide: it is pinned, not chained. */
  readonly signer: Certificate;
}

/**
 * Verifies the enveloped XML signature of a list (ETSI TS 119 612 section 5.7; XMLDSIG, also in XAdES) and reads the
 * list from the canonical bytes that were signed, so that nothing beside them can get in.
 *
 * Signatures: RSA (PKCS #1 and PSS, 2048 bits or more) and ECDSA with SHA-256, SHA-384 or SHA-512.
 *
 * Errors: those of `parseTrustList`; `ERR_TRUST_LIST_SIGNATURE` (none, not good, or not of the whole list),
 * `ERR_TRUST_LIST_SIGNER` (good, but by somebody who is not among `signers`), `ERR_TRUST_LIST_UNSUPPORTED` (another
 * algorithm, SHA-1 included), `ERR_OPTION_INVALID`.
 */
export function verifyTrustListSignature(
  data: string | Uint8Array,
  options: VerifyTrustListOptions = {},
): VerifiedTrustList {
  const source = errorSource(options.fileName, "trust list");
  const allowSha1 = options.allowSha1 === true;
  const root = parseListDocument(trustListText(data, source), source);
  const signature = signatureOf(root, source);
  // Read from the canonical form, as everything is that the signature stands for.
  const signedText = canonicalForm(
    signature.signedInfo,
    signature.canonicalizationMethod.getAttribute("Algorithm") ?? "",
    signature.canonicalizationMethod,
    source,
  );
  const signedInfo = readSignedInfo(parseXml(signedText, source), source);
  // The cheap part first: a list of nobody who is accepted is not walked over.
  const signer = findSigner(signature, signedInfo, signedText, allowSha1, options.signers, source);
  const list = verifyReferences(root, signature, signedInfo, allowSha1, source);
  return { list: readTrustList(parseListDocument(list, source), source), signer };
}

/** Who made the signature (XMLDSIG section 3.2.2). */
function findSigner(
  signature: ListSignature,
  signedInfo: SignedInfo,
  signedText: string,
  allowSha1: boolean,
  signers: readonly TrustListSigner[] | undefined,
  source: ErrorSource,
): Certificate {
  const isAccepted = signers === undefined ? () => true : signerMatcher(signers);
  const method = signatureMethod(signedInfo.algorithm, allowSha1);
  if (method === undefined) throw unsupportedAlgorithm(signedInfo.algorithm, source);
  const makers = candidateSigners(signature, signers ?? [], source).filter((candidate) =>
    isSignature(method, signedText, signature.value, candidate),
  );
  // The same key may stand in several certificates.
  const signer = makers.find(isAccepted);
  if (signer !== undefined) return signer;
  const maker = makers[0];
  if (maker === undefined) {
    throw refusal(
      "the signature is not good: none of the certificates in it, or accepted, has made it",
      source,
    );
  }
  throw source.error(
    "ERR_TRUST_LIST_SIGNER",
    `the list is signed by ${maker.subject.text} (SHA-256 ${maker.thumbprint("sha256")}), which is not accepted; when the scheme has announced this signer, add it to the accepted ones`,
  );
}

/**
 * Checks all digests (XMLDSIG section 3.2.1) and returns the canonical form of the whole list, the signature taken out.
 * There must be exactly one reference to it; others are to elements within the signature.
 */
function verifyReferences(
  root: Element,
  signature: ListSignature,
  { references }: SignedInfo,
  allowSha1: boolean,
  source: ErrorSource,
): string {
  const targets = references.map((reference) => ({
    reference,
    element: referredElement(root, reference, source),
    hash: digestHash(reference.digestAlgorithm, allowSha1),
  }));
  const ofList = targets.find(({ element }) => element === root);
  const within = targets.filter(({ element }) => isWithin(element, signature.element));
  if (ofList === undefined || within.length + 1 !== targets.length) {
    throw refusal("the signature does not cover exactly the whole list", source);
  }
  if (!ofList.reference.isEnveloped || within.some(({ reference }) => reference.isEnveloped)) {
    throw refusal("the signature is not an enveloped one of the list", source);
  }
  removeComments(root);
  let list = "";
  // That of the list comes last: its signature is then taken out.
  for (const { reference, element, hash } of [...within, ofList]) {
    if (hash === undefined) throw unsupportedAlgorithm(reference.digestAlgorithm, source);
    if (element === root) root.removeChild(signature.element);
    list = canonicalForm(element, reference.canonicalization, reference.canonicalizationMethod, source);
    if (!digestOf(hash, list).equals(reference.digest)) {
      throw refusal("the signature is not good: the list was changed after it was signed", source);
    }
  }
  return list;
}

function isWithin(element: Element, ancestor: Element): boolean {
  for (let above = element.parentElement; above !== null; above = above.parentElement) {
    if (above === ancestor) return true;
  }
  return false;
}

/** The certificates in `KeyInfo`, and those that the caller gave. */
function candidateSigners(
  signature: ListSignature,
  signers: readonly TrustListSigner[],
  source: ErrorSource,
): Certificate[] {
  const elements =
    signature.keyInfo === undefined
      ? []
      : childrenNamed(signature.keyInfo, "X509Data", XMLDSIG_NAMESPACE).flatMap((data) =>
          childrenNamed(data, "X509Certificate", XMLDSIG_NAMESPACE),
        );
  if (elements.length > MAX_KEY_INFO_CERTIFICATES) {
    throw source.error(
      "ERR_TRUST_LIST_LIMIT",
      `the signature brings more than ${MAX_KEY_INFO_CERTIFICATES} certificates`,
    );
  }
  const brought = elements.map((element) => {
    const der = decodeBase64(textOf(element) ?? "");
    if (der === undefined) {
      throw source.error("ERR_TRUST_LIST_SIGNATURE", "the signer's certificate is not base64");
    }
    return readSigner(der, source);
  });
  const given = signers.filter((signer) => typeof signer !== "string");
  if (brought.length + given.length > 0) return [...brought, ...given];
  throw source.error("ERR_TRUST_LIST_SIGNATURE", "the signature brings no certificate, and none was given");
}

function readSigner(der: Buffer, source: ErrorSource): Certificate {
  try {
    return certificateFromDer(der, source);
  } catch (error) {
    throw source.error("ERR_TRUST_LIST_SIGNATURE", "the signer's certificate cannot be read", error);
  }
}

function unsupportedAlgorithm(uri: string, source: ErrorSource) {
  const why = isSha1(uri) ? "SHA-1 is too weak to be trusted" : "this algorithm is not accepted";
  return source.error(
    "ERR_TRUST_LIST_UNSUPPORTED",
    `the signature uses ${JSON.stringify(uri.slice(0, 100))}; ${why}`,
  );
}
