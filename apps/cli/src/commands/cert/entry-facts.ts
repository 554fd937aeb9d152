import type { Certificate, CertificateRequest, GeneralName, StoreEntry } from "@waybill/cert-store";
import { isTransferError } from "@waybill/net-core";
import type { Fact } from "../../text-table.js";

const DAY_MS = 24 * 60 * 60 * 1000;
const NAME_KINDS: Readonly<Partial<Record<GeneralName["kind"], string>>> = {
  dns: "DNS",
  ip: "IP",
  email: "e-mail",
  uri: "URI",
};

/** Everything about an entry that a person asks for, one fact a line. `isKeyHidden`: its token does not show keys. */
export function entryFacts(entry: StoreEntry, now: Date, isKeyHidden = false): Fact[] {
  const { alias, certificate, chain, publicKey, fileName } = entry;
  const isUnknown = isKeyHidden && entry.privateKey === undefined;
  const hasKey: Fact = ["private key", isUnknown ? "unknown: the PIN is needed" : privateKeyText(entry)];
  const file: Fact[] = fileName === undefined ? [] : [["file", fileName]];
  if (certificate === undefined) {
    if (publicKey === undefined) return [...file, hasKey];
    const { comment } = publicKey;
    return [
      ...file,
      ["key", `${publicKey.type}, ${publicKey.bits} bits`],
      ...facts("comment", comment === "" || comment === alias ? [] : [comment]),
      hasKey,
      ["fingerprint", [publicKey.fingerprint("sha256"), publicKey.fingerprint("md5")]],
    ];
  }
  const ssh = certificate.sshKey?.fingerprint();
  return [
    ...file,
    ...certificateFacts(certificate, now).flatMap((fact) => (fact[0] === "key" ? [fact, hasKey] : [fact])),
    ...facts("SSH key", ssh === undefined ? [] : [ssh]),
    ...facts(
      "issued by",
      chain.slice(1).map((one) => chainText(one, now)),
    ),
  ];
}

export function certificateFacts(certificate: Certificate, now: Date): Fact[] {
  const { subjectAltNames, keyUsage, extendedKeyUsage, basicConstraints, nameConstraints } = certificate;
  const { crlUrls, ocspUrls, caIssuerUrls, unknownCriticalExtensions } = certificate;
  return [
    ["subject", certificate.subject.text || "(empty)"],
    ["issuer", certificate.selfIssued ? "the same (self-issued)" : certificate.issuer.text],
    ["serial", certificate.serialNumber],
    ["valid", validityText(certificate, now)],
    ...facts("names", subjectAltNames.map(nameText)),
    ["key", keyText(certificate)],
    ...(keyUsage === undefined ? [] : [["key usage", keyUsage.join(", ") || "(none)"] as const]),
    ...(extendedKeyUsage === undefined
      ? []
      : [["purposes", extendedKeyUsage.map((purpose) => purpose.name).join(", ")] as const]),
    ...(basicConstraints?.ca === true ? [["authority", authorityText(basicConstraints)] as const] : []),
    ...facts("only for", nameConstraints?.permitted.map(nameText) ?? []),
    ...facts("not for", nameConstraints?.excluded.map(nameText) ?? []),
    ["signature", certificate.signatureAlgorithm],
    ["version", String(certificate.version)],
    ["SHA-256", certificate.thumbprint("sha256")],
    ["SHA-1", certificate.thumbprint("sha1")],
    ["MD5", certificate.thumbprint("md5")],
    ...facts("CRL", crlUrls),
    ...facts("OCSP", ocspUrls),
    ...facts("issuer at", caIssuerUrls),
    ...facts(
      "critical",
      unknownCriticalExtensions.map((oid) => `${oid} (not known: must not be trusted)`),
    ),
  ];
}

export function requestFacts(request: CertificateRequest): Fact[] {
  const { subjectAltNames, keyUsage, extendedKeyUsage, basicConstraints } = request;
  return [
    ["subject", request.subject.text || "(empty)"],
    ...facts("names", subjectAltNames.map(nameText)),
    ["key", keyText(request)],
    ...(keyUsage === undefined ? [] : [["key usage", keyUsage.join(", ") || "(none)"] as const]),
    ...(extendedKeyUsage === undefined
      ? []
      : [["purposes", extendedKeyUsage.map((purpose) => purpose.name).join(", ")] as const]),
    ...(basicConstraints?.ca === true ? [["authority", authorityText(basicConstraints)] as const] : []),
    [
      "signature",
      `${request.signatureAlgorithm}${request.verifySignature() ? "" : " (NOT GOOD: it was changed)"}`,
    ],
  ];
}

/** `yes`, `no`, or why it cannot be used. */
export function privateKeyText({ privateKey, keyProblem }: StoreEntry): string {
  if (privateKey !== undefined) return "keyObject" in privateKey ? "yes" : "yes, in the token";
  if (keyProblem === undefined) return "no";
  if (isTransferError(keyProblem, "ERR_STORE_PASSWORD_REQUIRED"))
    return "yes, locked: its password is needed";
  if (isTransferError(keyProblem, "ERR_STORE_PASSWORD_WRONG")) {
    return "yes, locked: it has another password (--key-password-file)";
  }
  return `yes, but it cannot be used: ${keyProblem.message}`;
}

/** `2026-01-31 08:15:00 UTC`. */
export function timeText(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `valid for 29 days`, `EXPIRED 3 days ago`, `NOT YET VALID`. */
export function stateText({ notBefore, notAfter }: Certificate, now: Date): string {
  if (notBefore > now) return `NOT YET VALID, from ${daysText(notBefore.getTime() - now.getTime())} on`;
  if (notAfter < now) return `EXPIRED ${daysText(now.getTime() - notAfter.getTime())} ago`;
  return `${daysText(notAfter.getTime() - now.getTime())} left`;
}

export function keyText({ keyAlgorithm, keyBits }: Pick<Certificate, "keyAlgorithm" | "keyBits">): string {
  return /RSA/.test(keyAlgorithm) ? `${keyAlgorithm}, ${keyBits} bits` : keyAlgorithm;
}

function validityText(certificate: Certificate, now: Date): string[] {
  const { notBefore, notAfter } = certificate;
  return [`from ${timeText(notBefore)}`, `to   ${timeText(notAfter)} (${stateText(certificate, now)})`];
}

function daysText(milliseconds: number): string {
  const days = Math.floor(milliseconds / DAY_MS);
  return days < 1 ? "less than a day" : `${days} day${days === 1 ? "" : "s"}`;
}

function chainText(certificate: Certificate, now: Date): string {
  const { subject, selfIssued, notBefore, notAfter } = certificate;
  const state = notBefore > now || notAfter < now ? ` (${stateText(certificate, now)})` : "";
  return `${subject.text}${selfIssued ? " (root)" : ""}${state}`;
}

function nameText({ kind, value }: GeneralName): string {
  return `${NAME_KINDS[kind] ?? kind} ${value}`;
}

function authorityText({ pathLength }: { readonly pathLength: number | undefined }): string {
  if (pathLength === undefined) return "yes, with any number of authorities below it";
  return pathLength === 0 ? "yes, with none below it" : `yes, with at most ${pathLength} below it`;
}

function facts(name: string, values: readonly string[]): Fact[] {
  return values.length === 0 ? [] : [[name, values]];
}
