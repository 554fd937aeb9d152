import { type Certificate, describeCertificate, parseCertificate } from "@waybill/cert-store";
import type {
  CertificateIdentifier,
  EncryptedLayer,
  LayerReport,
  MessageDescription,
  RecipientReport,
  SignedLayer,
  SignerReport,
} from "@waybill/cms-security";
import { isTransferError } from "@waybill/net-core";
import { type Fact, factLines, textLines } from "../../text-table.js";
import { stateText, timeText } from "../cert/entry-facts.js";
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
    contentBytes === undefined
      ? "what is in it is encrypted: --key looks into it"
      : `content ${contentBytes} bytes, not shown`;
  const known = certificatesOf(layers);
  return [
    ...textLines(`${name}: CMS, ${sealedBytes} bytes; ${content}; nothing was verified`, width),
    ...layers.flatMap((layer, index) => [
      "",
      `${index + 1} ${layer.kind === "data" ? "data, neither signed nor compressed nor encrypted" : layer.kind}`,
      ...factLines(layerFacts(layer, known), width, "  "),
    ]),
  ];
}

function layerFacts(layer: LayerReport, known: readonly Certificate[]): Fact[] {
  switch (layer.kind) {
    case "encrypted":
      return encryptedFacts(layer, known);
    case "compressed":
      return [["algorithm", "zlib"]];
    case "signed":
      return signedFacts(layer, known);
    case "data":
      return [];
  }
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

function signedFacts({ signers, certificates }: SignedLayer, known: readonly Certificate[]): Fact[] {
  const now = new Date();
  return [
    ...(signers.length === 0 ? [["signer", "nobody"] as const] : []),
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

function layerJson(layer: LayerReport) {
  switch (layer.kind) {
    case "encrypted":
      return {
        kind: layer.kind,
        cipher: layer.cipher,
        authenticated: layer.authenticated,
        recipients: layer.recipients.map(({ kind, algorithm, identifier }) => ({
          kind,
          ...(algorithm !== "" && { algorithm }),
          ...(identifier !== undefined && identifierJson(identifier)),
        })),
        ...(layer.recipient !== undefined && { openedWith: describeCertificate(layer.recipient) }),
      };
    case "signed":
      return {
        kind: layer.kind,
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
      };
    default:
      return { kind: layer.kind };
  }
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

function certificatesOf(layers: readonly LayerReport[]): Certificate[] {
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
