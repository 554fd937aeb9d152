import type { Attr, Element, Node } from "@xmldom/xmldom";
import type { ErrorSource } from "../error-source.js";
import { childElements } from "./xml-document.js";
import { xmlCrypto } from "./xml-libraries.js";

/** Canonical XML 1.0: what the output of other transforms gets (XMLDSIG section 4.4.3.2). */
export const INCLUSIVE_C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#";

type CanonicalizationName =
  | "C14nCanonicalization"
  | "C14nCanonicalizationWithComments"
  | "ExclusiveCanonicalization"
  | "ExclusiveCanonicalizationWithComments";

/** By the names of xml-crypto's classes. */
const CANONICALIZATIONS: ReadonlyMap<string, CanonicalizationName> = new Map([
  [INCLUSIVE_C14N, "C14nCanonicalization"],
  [`${INCLUSIVE_C14N}#WithComments`, "C14nCanonicalizationWithComments"],
  [EXCLUSIVE_C14N, "ExclusiveCanonicalization"],
  [`${EXCLUSIVE_C14N}WithComments`, "ExclusiveCanonicalizationWithComments"],
]);

export function isCanonicalization(algorithm: string): boolean {
  return CANONICALIZATIONS.has(algorithm);
}

/**
 * The canonical form of an element at its place in its document, by one of the four algorithms of Canonical XML 1.0 and
 * Exclusive XML Canonicalization. `method` is the element that names the algorithm, and with it perhaps prefixes.
 * Errors: `ERR_TRUST_LIST_SIGNATURE` for what has no canonical form.
 */
export function canonicalForm(
  element: Element,
  algorithm: string,
  method: Element | undefined,
  source: ErrorSource,
): string {
  try {
    const name = CANONICALIZATIONS.get(algorithm);
    if (name === undefined) throw new Error(`${algorithm} is no canonicalization`);
    const { [name]: Canonicalization } = xmlCrypto();
    return new Canonicalization()
      .process(element as never, {
        ancestorNamespaces: namespacesAbove(element),
        inclusiveNamespacesPrefixList: method === undefined ? [] : inclusivePrefixes(method),
      })
      .toString();
  } catch (error) {
    throw source.error(
      "ERR_TRUST_LIST_SIGNATURE",
      "the list cannot be brought into its canonical form",
      error,
    );
  }
}

/** Removes the comments, which a reference within a document leaves out (XMLDSIG section 4.4.3.3). */
export function removeComments(element: Element): void {
  const elements = [element];
  for (const current of elements) {
    for (let node: Node | null = current.firstChild; node !== null; ) {
      const next: Node | null = node.nextSibling;
      if (node.nodeType === COMMENT_NODE) current.removeChild(node);
      node = next;
    }
    for (const child of childElements(current)) elements.push(child);
  }
}

/** `InclusiveNamespaces` of Exclusive XML Canonicalization section 3. */
function inclusivePrefixes(method: Element): string[] {
  return childElements(method)
    .filter((child) => child.localName === "InclusiveNamespaces")
    .flatMap((child) => (child.getAttribute("PrefixList") ?? "").split(/\s+/))
    .filter((prefix) => prefix !== "");
}

/** The namespaces that are in scope around an element and that it does not declare itself, the nearest first. */
function namespacesAbove(element: Element): { prefix: string; namespaceURI: string }[] {
  const own = new Set([element.prefix ?? "", ...declarations(element).map(({ prefix }) => prefix)]);
  const seen = new Set<string>();
  const found: { prefix: string; namespaceURI: string }[] = [];
  for (let above = element.parentElement; above !== null; above = above.parentElement) {
    for (const declaration of declarations(above)) {
      const { prefix, namespaceURI } = declaration;
      if (!seen.has(prefix) && !own.has(prefix) && namespaceURI !== "") found.push(declaration);
      seen.add(prefix);
    }
  }
  return found;
}

function declarations(element: Element): { prefix: string; namespaceURI: string }[] {
  return Array.from(element.attributes as Iterable<Attr> & ArrayLike<Attr>)
    .filter(({ name }) => name === "xmlns" || name.startsWith("xmlns:"))
    .map(({ name, value }) => ({ prefix: name.slice("xmlns:".length), namespaceURI: value }));
}

const COMMENT_NODE = 8;
