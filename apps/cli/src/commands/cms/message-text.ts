import { type Certificate, describeCertificate, parseCertificate } from "@waybill/cert-store";
import {
  type CertificateIdentifier,
  CONTENT_CIPHERS,
  type DescribedLayer,
  type EncryptedLayer,
  type LayerContent,
  type MessageDescription,
  type RecipientReport,
  type SignedLayer,
  type SignerReport,
} from "@waybill/cms-security";
import { isTransferError } from "@waybill/net-core";
import { type Fact, factLines, textLines } from "../../text-table.js";
import { stateText, timeText } from "../cert/entry-facts.js";
import { contentTypeText, isData } from "./content-type-names.js";
import { nameOfDer } from "./der-name.js";
import { hex, identifierText, serialText } from "./identifier-text.js";

/** Attributes that signers often sign (RFC 5652 section 11, RFC 5035, RFC 8551, RFC 6211). */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.9.3": "content type",
  "1.2.840.113549.1.9.4": "message digest",
  "1.2.840.113549.1.9.5": "signing time",
  "1.2.840.113549.1.9.15": "S/MIME capabilities",
  "1.2.840.113549.1.9.52": "algorithm protection",
  "1.2.840.113549.1.9.16.2.12": "signing certificate",
  "1.2.840.113549.1.9.16.2.47": "signing certificate v2",
};

/** A message for a person, layer by layer from the outside to the inside; with a width for a terminal. */
export function describedLines(
  name: string,
  message: MessageDescription,
  width: number | undefined,
): string[] {
  const { layers, sealedBytes, contentBytes } = message;
  const content =
    contentBytes === undefined ? unseenText(layers.at(-1)) : `content ${contentBytes} bytes, not shown`;
  const known = certificatesOf(layers);
  return [
    ...textLines(`${name}: CMS, ${sealedBytes} bytes; ${content}; nothing was verified`, width),
    ...layers.flatMap((layer, index) => [
      "",
      `${index + 1} ${titleOf(layer)}`,
      ...factLines(layerFacts(layer, known), width, "  "),
    ]),
  ];
}

/** Why nothing is known of what is in the innermost layer. */
function unseenText(innermost: DescribedLayer | undefined): string {
  switch (innermost?.kind) {
    case "encrypted":
      if (innermost.detached) return "its content is not in it";
      if (!isSupported(innermost)) return "what is in it is encrypted";
      return innermost.recipients.length === 0
        ? "what is in it is encrypted with a key that was agreed elsewhere"
        : "what is in it is encrypted: --key looks into it";
    case "signed":
      if (isCertificatesOnly(innermost)) return "certificates, and no content";
      break;
    case "other":
      return "what is in it is of a kind that is not known";
  }
  if (innermost !== undefined && innermost.kind !== "data" && innermost.detached)
    return "its content is not in it";
  return "what is in it cannot be looked into";
}

const isSupported = ({ cipher }: EncryptedLayer): boolean => CONTENT_CIPHERS.some((name) => name === cipher);

/** How certificates are sent: signed data that nobody signed, about nothing. */
const isCertificatesOnly = ({ detached, signers }: SignedLayer): boolean => detached && signers.length === 0;

function titleOf(layer: DescribedLayer): string {
  switch (layer.kind) {
    case "data":
      return "data, neither signed nor compressed nor encrypted";
    case "signed":
      if (isCertificatesOnly(layer)) return "certificates only, signed by nobody";
      return layer.detached ? "signed, the content is elsewhere" : "signed";
    case "encrypted":
      return layer.recipients.length === 0 ? "encrypted, for nobody by name" : "encrypted";
    case "digested":
      return "digested: with a hash that anybody can make";
    case "authenticated":
      return "authenticated: with a code that only its recipients can check";
    case "other":
      return contentTypeText(layer.contentType);
    default:
      return layer.kind;
  }
}

function layerFacts(layer: DescribedLayer, known: readonly Certificate[]): Fact[] {
  switch (layer.kind) {
    case "encrypted":
      return [...encryptedFacts(layer, known), ...contentFacts(layer)];
    case "compressed":
      return [["algorithm", layer.algorithm], ...contentFacts(layer)];
    case "signed":
      return [...signedFacts(layer, known), ...contentFacts(layer)];
    case "digested":
      return [["hash", layer.hash], ...contentFacts(layer)];
    case "authenticated":
      return [
        ["algorithm", layer.algorithm],
        ...layer.recipients.map((one): Fact => ["recipient", recipientText(one, known)]),
        ...contentFacts(layer),
      ];
    case "other":
    case "data":
      return [];
  }
}

/** Data is what everybody expects. */
function contentFacts({ contentType }: LayerContent): Fact[] {
  return isData(contentType) ? [] : [["content type", contentTypeText(contentType)]];
}

function encryptedFacts(layer: EncryptedLayer, known: readonly Certificate[]): Fact[] {
  const { cipher, authenticated, recipients, recipient } = layer;
  const all = recipient === undefined ? known : [recipient, ...known];
  return [
    ["cipher", `${cipher}${authenticated ? ", authenticated" : ""}`],
    ...recipients.map((one): Fact => ["recipient", recipientText(one, all)]),
    ...(recipient === undefined ? [] : [["opened with", `the key of ${recipient.subject.text}`] as const]),
  ];
}

function recipientText(
  { identifier, kind, algorithm }: RecipientReport,
  known: readonly Certificate[],
): string[] {
  if (kind === "unsupported" || identifier === undefined) return ["of a kind that is not supported"];
  return [identifierText(identifier, known), algorithm];
}

function signedFacts(layer: SignedLayer, known: readonly Certificate[]): Fact[] {
  const { signers, certificates, revocationLists } = layer;
  const now = new Date();
  return [
    ...(signers.length === 0 && !isCertificatesOnly(layer) ? [["signer", "nobody"] as const] : []),
    ...signers.map((signer): Fact => ["signer", signerText(signer, known)]),
    ...certificates.map((der): Fact => {
      const certificate = certificateOf(der);
      if (certificate === undefined) return ["certificate", "one that cannot be read"];
      const { subject, issuer, selfIssued, notAfter } = certificate;
      return [
        "certificate",
        [
          subject.text,
          selfIssued ? "self-issued" : `issued by ${issuer.text}`,
          `until ${timeText(notAfter)} (${stateText(certificate, now)})`,
        ],
      ];
    }),
    ...(revocationLists === 0 ? [] : [["revocation lists", `${revocationLists}`] as const]),
  ];
}

function signerText(signer: SignerReport, known: readonly Certificate[]): string[] {
  const { identifier, hash, digestOid, signature, signingTime, signedAttributes } = signer;
  return [
    identifierText(identifier, known),
    `${signature}, ${hash ?? digestOid}`,
    ...(signingTime === undefined ? [] : [`on ${timeText(signingTime)}, as the signer says`]),
    signedAttributes === undefined
      ? "no signed attributes: the content itself is signed"
      : `signed attributes: ${signedAttributes.map((oid) => ATTRIBUTES[oid] ?? oid).join(", ")}`,
  ];
}

/** The same for machines. */
export function describedJson({ layers, sealedBytes, contentBytes }: MessageDescription) {
  return { sealedBytes, contentBytes: contentBytes ?? null, layers: layers.map(layerJson) };
}

function layerJson(layer: DescribedLayer) {
  switch (layer.kind) {
    case "encrypted":
      return {
        kind: layer.kind,
        ...contentJson(layer),
        cipher: layer.cipher,
        authenticated: layer.authenticated,
        recipients: layer.recipients.map(recipientJson),
        ...(layer.recipient !== undefined && { openedWith: describeCertificate(layer.recipient) }),
      };
    case "signed":
      return {
        kind: layer.kind,
        ...contentJson(layer),
        signers: layer.signers.map(
          ({ identifier, hash, digestOid, signature, signingTime, signedAttributes }) => ({
            ...identifierJson(identifier),
            ...(hash !== undefined && { hash }),
            digestOid,
            signature,
            ...(signingTime !== undefined && { signingTime: signingTime.toISOString() }),
            ...(signedAttributes !== undefined && { signedAttributes }),
          }),
        ),
        certificates: layer.certificates.map((der) => {
          const certificate = certificateOf(der);
          return certificate === undefined ? { der: hex(der) } : describeCertificate(certificate);
        }),
        revocationLists: layer.revocationLists,
      };
    case "authenticated":
      return {
        kind: layer.kind,
        ...contentJson(layer),
        algorithm: layer.algorithm,
        recipients: layer.recipients.map(recipientJson),
      };
    case "compressed":
      return { kind: layer.kind, ...contentJson(layer), algorithm: layer.algorithm };
    case "digested":
      return { kind: layer.kind, ...contentJson(layer), hash: layer.hash };
    case "other":
      return { kind: layer.kind, contentType: layer.contentType };
    case "data":
      return { kind: layer.kind };
  }
}

const contentJson = ({ contentType, detached }: LayerContent) => ({ contentType, detached });

function recipientJson({ kind, algorithm, identifier }: RecipientReport) {
  return {
    kind,
    ...(algorithm !== "" && { algorithm }),
    ...(identifier !== undefined && identifierJson(identifier)),
  };
}

function identifierJson({ issuer, serialNumber, subjectKeyId }: CertificateIdentifier) {
  const name = issuer === undefined ? undefined : nameOfDer(issuer);
  return {
    ...(name !== undefined && { issuer: name }),
    ...(issuer !== undefined && { issuerDer: hex(issuer) }),
    ...(serialNumber !== undefined && { serialNumber: serialText(serialNumber) }),
    ...(subjectKeyId !== undefined && { subjectKeyId: hex(subjectKeyId) }),
  };
}

function certificatesOf(layers: readonly DescribedLayer[]): Certificate[] {
  return layers.flatMap((layer) =>
    layer.kind === "signed" ? layer.certificates.flatMap((der) => certificateOf(der) ?? []) : [],
  );
}

function certificateOf(der: Buffer): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (isTransferError(error)) return undefined;
    throw error;
  }
}
