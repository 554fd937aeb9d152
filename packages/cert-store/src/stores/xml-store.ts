import type { Document as XmlDocument, Element as XmlElement } from "@xmldom/xmldom";
import { decodeBase64 } from "../base64.js";
import { certificateFromDer } from "../certificate/parse-certificate.js";
import type { ErrorSource } from "../error-source.js";
import { privateKeyFromJwk } from "../private-key.js";
import { publicKeyFromWire, requireRsaNumbers } from "../public-key.js";
import { rsaPrivateJwk } from "../rsa-private-fields.js";
import { wireMpint, wireString } from "../wire-writer.js";
import { withoutLeadingZeros } from "./jwk-store.js";
import { keyOrProblem } from "./key-item.js";
import { supportedOrDamaged } from "./single-items.js";
import type { StoreBuilder, StoreItem } from "./store-builder.js";
import { requireHarmlessXml } from "./xml-guard.js";

/** What RSA keys stand in: XML-DSig's element (and .NET's `ToXmlString`), and .NET's serialized structure. */
const RSA_ELEMENTS: readonly string[] = ["RSAKeyValue", "RSAParameters"];
const OTHER_KEY_ELEMENTS: readonly string[] = ["DSAKeyValue", "ECKeyValue", "DEREncodedKeyValue"];

/**
 * Reads the RSA keys (XML Signature section 4.5.2.2, with the private numbers that .NET adds) and the X.509 certificates
 * (section 4.5.4) of any XML document, wherever they stand in it. Document types, and with them entities, are refused.
 */
export async function readXmlStore(text: string, builder: StoreBuilder, source: ErrorSource): Promise<void> {
  requireHarmlessXml(text, source);
  const document = await parseXml(text, source);
  for (const element of document.getElementsByTagName("*")) {
    const name = element.localName ?? "";
    if (name === "X509Certificate") {
      builder.add({ certificate: certificateFromDer(base64Of(element, source), source) });
    } else if (RSA_ELEMENTS.includes(name)) {
      builder.add({ alias: keyNameOf(element), ...(await readRsa(element, source)) });
    } else if (OTHER_KEY_ELEMENTS.includes(name)) {
      builder.addProblem(source.unsupported(`a key in ${name} is not supported: it was left out`));
    }
  }
  if (builder.isEmpty) throw source.unsupported("the XML holds no RSAKeyValue and no X509Certificate");
}

async function parseXml(text: string, source: ErrorSource): Promise<XmlDocument> {
  const { DOMParser, onErrorStopParsing } = await import("@xmldom/xmldom");
  try {
    return new DOMParser({ onError: onErrorStopParsing }).parseFromString(text, "text/xml");
  } catch (error) {
    throw source.damaged("the XML is not well-formed", error);
  }
}

async function readRsa(element: XmlElement, source: ErrorSource): Promise<StoreItem> {
  const number = (name: string): Buffer | undefined => {
    const child = childOf(element, name);
    return child === undefined ? undefined : withoutLeadingZeros(base64Of(child, source));
  };
  const [n, e] = [number("Modulus"), number("Exponent")];
  if (n === undefined || e === undefined) throw source.damaged("an RSA key has no modulus or no exponent");
  requireRsaNumbers(n, e, source);
  const [d, p, q, iqmp] = ["D", "P", "Q", "InverseQ"].map(number);
  if (d === undefined) {
    const blob = Buffer.concat([wireString("ssh-rsa"), wireMpint(e), wireMpint(n)]);
    return { publicKey: publicKeyFromWire(blob, "", source) };
  }
  if (p === undefined || q === undefined || iqmp === undefined) {
    throw source.unsupported("RSA keys without their primes are not supported");
  }
  const fields = { n, e, d, p, q, iqmp };
  return supportedOrDamaged(
    await keyOrProblem(() => privateKeyFromJwk(rsaPrivateJwk(fields, source), "", source)),
  );
}

/** The KeyName of the KeyInfo around a key. */
function keyNameOf(element: XmlElement): string | undefined {
  let around = element.parentNode;
  for (let up = 0; up < 2 && around !== null; up += 1) {
    if ((around as XmlElement).localName === "KeyInfo") {
      const name = childOf(around as XmlElement, "KeyName")?.textContent?.trim();
      return name === "" ? undefined : name;
    }
    around = around.parentNode;
  }
  return undefined;
}

function childOf(element: XmlElement, name: string): XmlElement | undefined {
  for (let child = element.firstChild; child !== null; child = child.nextSibling) {
    if ((child as XmlElement).localName === name) return child as XmlElement;
  }
  return undefined;
}

function base64Of(element: XmlElement, source: ErrorSource): Buffer {
  const bytes = decodeBase64(element.textContent ?? "");
  if (bytes === undefined || bytes.length === 0)
    throw source.damaged(`the base64 text of ${element.localName} is damaged`);
  return bytes;
}
