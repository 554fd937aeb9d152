import type { Element } from "@xmldom/xmldom";
import type { ErrorSource } from "../error-source.js";
import { guardXml } from "./xml-guard.js";
import { xmldom } from "./xml-libraries.js";

/** Namespaces of the list and its signature. */
export const TSL_NAMESPACE = "http://uri.etsi.org/02231/v2#";
export const XMLDSIG_NAMESPACE = "http://www.w3.org/2000/09/xmldsig#";
const XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace";

/**
 * The document element of a list, of which nothing is known yet but its name.
 * Errors: `ERR_TRUST_LIST_LIMIT`, `ERR_TRUST_LIST_DAMAGED`.
 */
export function parseListDocument(text: string, source: ErrorSource): Element {
  const root = parseXml(text, source);
  if (isNamed(root, "TrustServiceStatusList", TSL_NAMESPACE)) return root;
  throw source.error(
    "ERR_TRUST_LIST_DAMAGED",
    `it is no trust service status list of ETSI TS 102 231 or TS 119 612, but begins with ${JSON.stringify(root.nodeName.slice(0, 60))}`,
  );
}

/** The document element of a guarded document. Errors: `ERR_TRUST_LIST_LIMIT`, `ERR_TRUST_LIST_DAMAGED`. */
export function parseXml(text: string, source: ErrorSource): Element {
  guardXml(text, source);
  const { DOMParser, onErrorStopParsing } = xmldom();
  let cause: unknown;
  try {
    // Without a handler the parser writes to the console and repairs what it can.
    const parser = new DOMParser({ locator: false, onError: onErrorStopParsing });
    const root = parser.parseFromString(text, "text/xml").documentElement;
    if (root !== null) return root;
  } catch (error) {
    cause = error;
  }
  throw source.error("ERR_TRUST_LIST_DAMAGED", "the list is not well-formed XML", cause);
}

/** The element children, in order. */
export function childElements(parent: Element): Element[] {
  const children: Element[] = [];
  for (let node = parent.firstChild; node !== null; node = node.nextSibling) {
    if (isElement(node)) children.push(node);
  }
  return children;
}

/** The element children of this name, in order. */
export function childrenNamed(parent: Element, name: string, namespace = TSL_NAMESPACE): Element[] {
  return childElements(parent).filter((child) => isNamed(child, name, namespace));
}

/** The only child of this name, or undefined when there is none or, which a valid list does not have, several. */
export function onlyChild(parent: Element, name: string, namespace = TSL_NAMESPACE): Element | undefined {
  const children = childrenNamed(parent, name, namespace);
  return children.length === 1 ? children[0] : undefined;
}

/** The element at the end of a path of only children. */
export function elementAt(parent: Element, ...path: readonly string[]): Element | undefined {
  return path.reduce<Element | undefined>(
    (element, name) => (element === undefined ? undefined : onlyChild(element, name)),
    parent,
  );
}

export function isNamed(element: Element, name: string, namespace: string): boolean {
  return element.localName === name && element.namespaceURI === namespace;
}

/** The text of an element, without white space around it; undefined for no element. */
export function textOf(element: Element | undefined): string | undefined {
  return element?.textContent?.trim();
}

/** Of texts in several languages the English one, else the first. */
export function textInEnglish(parent: Element | undefined, name = "Name"): string | undefined {
  const texts = parent === undefined ? [] : childrenNamed(parent, name);
  const english = texts.find((text) => /^en\b/i.test(text.getAttributeNS(XML_NAMESPACE, "lang") ?? ""));
  return textOf(english ?? texts[0]);
}

function isElement(node: { readonly nodeType: number }): node is Element {
  return node.nodeType === ELEMENT_NODE;
}

const ELEMENT_NODE = 1;
