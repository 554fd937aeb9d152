import type { Element } from "@xmldom/xmldom";
import { decodeBase64 } from "../base64.js";
import type { ErrorSource } from "../error-source.js";
import { INCLUSIVE_C14N, isCanonicalization } from "./canonical-form.js";
import { MAX_SIGNATURE_REFERENCES } from "./trust-list-limits.js";
import { childElements, isNamed, onlyChild, textOf, XMLDSIG_NAMESPACE } from "./xml-document.js";

const ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/** The one signature of a list. */
export interface ListSignature {
  readonly element: Element;
  readonly signedInfo: Element;
  readonly canonicalizationMethod: Element;
  readonly value: Buffer;
  readonly keyInfo: Element | undefined;
}

/** What is signed: one for the list, further ones for the properties of XAdES. */
export interface SignedReference {
  /** What follows `#`; empty for the document. */
  readonly identifier: string;
  readonly isEnveloped: boolean;
  readonly canonicalization: string;
  readonly canonicalizationMethod: Element | undefined;
  readonly digestAlgorithm: string;
  readonly digest: Buffer;
}

export interface SignedInfo {
  readonly algorithm: string;
  readonly references: readonly SignedReference[];
}

/**
 * Finds the signature of a list and refuses every form but the plain enveloped one (XMLDSIG section 4): exactly one
 * signature, a child of the document element, its parts once each and in their order, so that no two readers can take
 * different ones.
 *
 * Errors: `ERR_TRUST_LIST_SIGNATURE`, `ERR_TRUST_LIST_UNSUPPORTED`.
 */
export function signatureOf(root: Element, source: ErrorSource): ListSignature {
  const elements = descendantsOf(root);
  const signatures = elements.filter((element) => element.localName === "Signature");
  const element = signatures[0];
  if (element === undefined) throw refusal("the list is not signed", source);
  if (signatures.length > 1 || elements.filter(({ localName }) => localName === "SignedInfo").length > 1) {
    throw refusal("the list has several signatures", source);
  }
  if (element.parentNode !== root || !isNamed(element, "Signature", XMLDSIG_NAMESPACE)) {
    throw refusal("the signature is not at its place, directly in the list", source);
  }
  const [signedInfo, value, ...others] = childElements(element);
  const keyInfo = others[0] !== undefined && isDsig(others[0], "KeyInfo") ? others.shift() : undefined;
  if (
    signedInfo === undefined ||
    value === undefined ||
    !isDsig(signedInfo, "SignedInfo") ||
    !isDsig(value, "SignatureValue") ||
    !others.every((other) => isDsig(other, "Object"))
  ) {
    throw refusal("the signature is not built as XMLDSIG wants it", source);
  }
  const canonicalizationMethod = childElements(signedInfo)[0];
  if (canonicalizationMethod === undefined || !isDsig(canonicalizationMethod, "CanonicalizationMethod")) {
    throw refusal("what is signed has no canonicalization", source);
  }
  if (!isCanonicalization(algorithmOf(canonicalizationMethod)))
    throw unsupported(canonicalizationMethod, source);
  return { element, signedInfo, canonicalizationMethod, value: base64Of(value, source), keyInfo };
}

/**
 * Reads `SignedInfo`: its signature method and its references. Only references within the document, an enveloped
 * signature and one canonicalization are accepted.
 *
 * Errors: `ERR_TRUST_LIST_SIGNATURE`, `ERR_TRUST_LIST_UNSUPPORTED`, `ERR_TRUST_LIST_LIMIT`.
 */
export function readSignedInfo(signedInfo: Element, source: ErrorSource): SignedInfo {
  const [, method, ...references] = childElements(signedInfo);
  if (
    !isDsig(signedInfo, "SignedInfo") ||
    method === undefined ||
    !isDsig(method, "SignatureMethod") ||
    // Parameters would change what the algorithm means.
    childElements(method).length > 0 ||
    !references.every((reference) => isDsig(reference, "Reference"))
  ) {
    throw refusal("what is signed is not built as XMLDSIG wants it", source);
  }
  if (references.length > MAX_SIGNATURE_REFERENCES) {
    throw source.error(
      "ERR_TRUST_LIST_LIMIT",
      `the signature has more than ${MAX_SIGNATURE_REFERENCES} references`,
    );
  }
  return {
    algorithm: algorithmOf(method),
    references: references.map((reference) => readReference(reference, source)),
  };
}

function readReference(reference: Element, source: ErrorSource): SignedReference {
  const uri = reference.getAttribute("URI");
  if (uri === null || (uri !== "" && !/^#[^#'"()]+$/.test(uri))) {
    throw refusal("the signature refers to something beside the list", source);
  }
  const list = onlyChild(reference, "Transforms", XMLDSIG_NAMESPACE);
  const transforms = list === undefined ? [] : childElements(list);
  const isEnveloped = transforms[0] !== undefined && algorithmOf(transforms[0]) === ENVELOPED;
  const [canonicalization, another] = isEnveloped ? transforms.slice(1) : transforms;
  if (another !== undefined) throw unsupported(another, source);
  if (canonicalization !== undefined && !isCanonicalization(algorithmOf(canonicalization))) {
    throw unsupported(canonicalization, source);
  }
  const method = onlyChild(reference, "DigestMethod", XMLDSIG_NAMESPACE);
  const value = onlyChild(reference, "DigestValue", XMLDSIG_NAMESPACE);
  if (method === undefined || value === undefined) {
    throw refusal("a reference of the signature has no digest", source);
  }
  return {
    identifier: uri.slice(1),
    isEnveloped,
    canonicalization: canonicalization === undefined ? INCLUSIVE_C14N : algorithmOf(canonicalization),
    canonicalizationMethod: canonicalization,
    digestAlgorithm: algorithmOf(method),
    digest: base64Of(value, source),
  };
}

/**
 * The element that a reference means: the document element for `""`; else the only one with that identifier, whatever
 * of the three usual spellings the attribute has. Errors: `ERR_TRUST_LIST_SIGNATURE`.
 */
export function referredElement(root: Element, reference: SignedReference, source: ErrorSource): Element {
  if (reference.identifier === "") return root;
  const found = [root, ...descendantsOf(root)].filter((element) =>
    ["Id", "ID", "id"].some((name) => element.getAttribute(name) === reference.identifier),
  );
  if (found[0] !== undefined && found.length === 1) return found[0];
  throw refusal("the signature refers to an element that is not there, or not alone", source);
}

/** An error `ERR_TRUST_LIST_SIGNATURE`. */
export function refusal(problem: string, source: ErrorSource, cause?: unknown) {
  return source.error("ERR_TRUST_LIST_SIGNATURE", problem, cause);
}

function base64Of(element: Element, source: ErrorSource): Buffer {
  const bytes = decodeBase64(textOf(element) ?? "");
  if (bytes !== undefined && bytes.length > 0) return bytes;
  throw refusal(`${element.localName} of the signature is not base64`, source);
}

function isDsig(element: Element, name: string): boolean {
  return isNamed(element, name, XMLDSIG_NAMESPACE);
}

function algorithmOf(element: Element): string {
  return element.getAttribute("Algorithm") ?? "";
}

function unsupported(element: Element, source: ErrorSource) {
  return source.error(
    "ERR_TRUST_LIST_UNSUPPORTED",
    `the signature's ${element.localName} is ${JSON.stringify(algorithmOf(element).slice(0, 100))}, which is not accepted`,
  );
}

function descendantsOf(root: Element): Element[] {
  const found = childElements(root);
  // Grows while it is walked over. No recursion and no spreading: there may be 200,000.
  for (const element of found) {
    for (const child of childElements(element)) found.push(child);
  }
  return found;
}
