import type { Certificate, KeyUsage, NameConstraints } from "../certificate-types.js";
import { isForHost } from "./host-name.js";
import { nameConstraintProblem } from "./name-constraints.js";
import { shortText } from "./names.js";
import type { TrustFailure, TrustFailureCode, TrustStep, VerifyCertificateOptions } from "./trust-types.js";

/** What {@link checkPath} needs, defaults filled in. */
export interface PathCheckSettings
  extends Pick<VerifyCertificateOptions, "purpose" | "keyUsage" | "hostName" | "hostNameInCommonName"> {
  readonly at: Date;
  readonly minimumRsaBits: number;
  readonly allowSha1Signatures: boolean;
  readonly pinned: ((certificate: Certificate) => boolean) | undefined;
}

const ANY_PURPOSE = "2.5.29.37.0";
const PURPOSES: Readonly<Record<string, string>> = {
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  codeSigning: "1.3.6.1.5.5.7.3.3",
  emailProtection: "1.3.6.1.5.5.7.3.4",
  timeStamping: "1.3.6.1.5.5.7.3.8",
  OCSPSigning: "1.3.6.1.5.5.7.3.9",
};
/** These must be said outright: a certificate for anything is not for them. */
const EXPLICIT_PURPOSES = new Set(["1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9"]);

/** One of these is needed for a purpose (RFC 5280 section 4.2.1.12), where the certificate says what its key is for. */
const USAGES: Readonly<Record<string, readonly KeyUsage[]>> = {
  "1.3.6.1.5.5.7.3.1": ["digitalSignature", "keyEncipherment", "keyAgreement"],
  "1.3.6.1.5.5.7.3.2": ["digitalSignature", "keyAgreement"],
  "1.3.6.1.5.5.7.3.3": ["digitalSignature"],
  "1.3.6.1.5.5.7.3.4": ["digitalSignature", "nonRepudiation", "keyEncipherment", "keyAgreement"],
  "1.3.6.1.5.5.7.3.8": ["digitalSignature", "nonRepudiation"],
  "1.3.6.1.5.5.7.3.9": ["digitalSignature", "nonRepudiation"],
};

const SHA1_SIGNATURE = /sha-?1(?![0-9])|^1\.3\.14\.3\.2\.29$|^1\.2\.840\.10040\.4\.3$/i;
const BROKEN_SIGNATURE = /md[245]|^1\.2\.840\.113549\.1\.1\.[234]$/i;
const MINIMUM_EC_BITS = 224;

/** The OID of a purpose by its name, or the purpose itself. */
export function purposeOid(purpose: string): string {
  return PURPOSES[purpose] ?? purpose;
}

/**
 * All steps of RFC 5280 section 6.1 that need nothing but the path, apart from signatures, which made the path. Policies are not
 * evaluated. `isAnchored`: the last certificate is an anchor.
 */
export function checkPath(
  path: readonly Certificate[],
  isAnchored: boolean,
  settings: PathCheckSettings,
): TrustFailure[] {
  const failures = path.flatMap((certificate, depth) =>
    checkOne(certificate, depth, isAnchored && depth === path.length - 1, settings),
  );
  failures.push(...checkPathLengths(path), ...checkLeaf(path, settings));
  // They are costly to compare; nobody asks about names below an authority that is not trusted.
  if (isAnchored) failures.push(...checkNameConstraints(path));
  return failures;
}

/** A failure of a certificate at its place. */
export function trustFailure(
  step: TrustStep,
  code: TrustFailureCode,
  certificate: Certificate,
  depth: number,
  problem: string,
  more: Pick<TrustFailure, "cause" | "revocation"> = {},
): TrustFailure {
  return { step, code, certificate, depth, message: `${nameOf(certificate)}: ${problem}`, ...more };
}

/** For messages: the subject, else the serial number. */
function nameOf(certificate: Certificate): string {
  const { text } = certificate.subject;
  return text === "" ? `certificate ${certificate.serialNumber}` : shortText(text);
}

function checkOne(
  certificate: Certificate,
  depth: number,
  isAnchor: boolean,
  settings: PathCheckSettings,
): TrustFailure[] {
  const failures: TrustFailure[] = [];
  const fail = (step: TrustStep, code: TrustFailureCode, problem: string) =>
    failures.push(trustFailure(step, code, certificate, depth, problem));
  const { at } = settings;
  if (at < certificate.notBefore) {
    fail(
      "validity",
      "ERR_TRUST_NOT_YET_VALID",
      `it is valid from ${certificate.notBefore.toISOString()} only`,
    );
  }
  if (at > certificate.notAfter) {
    fail("validity", "ERR_TRUST_EXPIRED", `it expired at ${certificate.notAfter.toISOString()}`);
  }
  const { unknownCriticalExtensions } = certificate;
  if (unknownCriticalExtensions.length > 0) {
    const shown = unknownCriticalExtensions.slice(0, 5).join(", ");
    fail(
      "criticalExtension",
      "ERR_TRUST_CRITICAL_EXTENSION",
      `it has a critical extension that is not known: ${shown}`,
    );
  }
  const weakKey = weakKeyProblem(certificate, settings.minimumRsaBits);
  if (weakKey !== undefined) fail("weakKey", "ERR_TRUST_WEAK_KEY", weakKey);
  // Nobody relies on the signature of an anchor.
  if (!isAnchor && isWeakSignature(certificate, settings.allowSha1Signatures)) {
    fail(
      "weakSignature",
      "ERR_TRUST_WEAK_SIGNATURE",
      `its signature is weak (${certificate.signatureAlgorithm})`,
    );
  }
  if (depth > 0) {
    const problem = authorityProblem(certificate, isAnchor);
    if (problem !== undefined) fail("basicConstraints", "ERR_TRUST_NOT_CA", problem);
    if (certificate.keyUsage?.includes("keyCertSign") === false) {
      fail("keyUsage", "ERR_TRUST_KEY_USAGE", "its key may not sign certificates (no keyCertSign)");
    }
  }
  const purposeProblem =
    settings.purpose === undefined ? undefined : lacksPurpose(certificate, settings.purpose, depth);
  if (purposeProblem !== undefined) fail("extendedKeyUsage", "ERR_TRUST_PURPOSE", purposeProblem);
  return failures;
}

/** RFC 5280 section 6.1.4 (k). An anchor of version 1 has no extensions and is trusted for what it is. */
function authorityProblem(certificate: Certificate, isAnchor: boolean): string | undefined {
  if (certificate.basicConstraints?.ca === true) return undefined;
  if (isAnchor && certificate.version < 3) return undefined;
  return "it is no authority and may not issue certificates (basicConstraints)";
}

export function weakKeyProblem(certificate: Certificate, minimumRsaBits: number): string | undefined {
  const { keyAlgorithm, keyBits } = certificate;
  if (keyAlgorithm.startsWith("RSA")) {
    return keyBits < minimumRsaBits
      ? `its RSA key of ${keyBits} bits is too short, the least is ${minimumRsaBits}`
      : undefined;
  }
  if (keyAlgorithm.startsWith("Ed")) return undefined;
  if (keyAlgorithm.startsWith("EC")) {
    return keyBits < MINIMUM_EC_BITS ? `its curve of ${keyBits} bits is too weak` : undefined;
  }
  return `keys of the kind ${keyAlgorithm} are not supported`;
}

export function isWeakSignature(certificate: Certificate, allowSha1: boolean): boolean {
  const { signatureAlgorithm } = certificate;
  if (BROKEN_SIGNATURE.test(signatureAlgorithm)) return true;
  return !allowSha1 && SHA1_SIGNATURE.test(signatureAlgorithm);
}

/** Of lists and responses, by the name of the hash in node:crypto. */
export function isWeakHash(hash: string | undefined, allowSha1: boolean): boolean {
  return hash === "sha1" && !allowSha1;
}

/** Usages of authorities bound those of what they issue: not RFC 5280, but what everybody does. */
function lacksPurpose(certificate: Certificate, purpose: string, depth: number): string | undefined {
  const usages = certificate.extendedKeyUsage;
  if (usages === undefined) {
    return depth === 0 && EXPLICIT_PURPOSES.has(purposeOid(purpose))
      ? `it does not say that it is for ${purpose}`
      : undefined;
  }
  const oid = purposeOid(purpose);
  const isAllowed = usages.some(
    (usage) => usage.oid === oid || (usage.oid === ANY_PURPOSE && (depth > 0 || !EXPLICIT_PURPOSES.has(oid))),
  );
  return isAllowed ? undefined : `it is not for ${purpose} (extendedKeyUsage)`;
}

/** RFC 5280 section 4.2.1.9: authorities below, those that a key issued for itself not counted. */
function checkPathLengths(path: readonly Certificate[]): TrustFailure[] {
  const failures: TrustFailure[] = [];
  let below = 0;
  for (const [depth, certificate] of path.entries()) {
    if (depth === 0) continue;
    const allowed = certificate.basicConstraints?.pathLength;
    if (allowed !== undefined && below > allowed) {
      failures.push(
        trustFailure(
          "pathLength",
          "ERR_TRUST_PATH_LENGTH",
          certificate,
          depth,
          `it allows ${allowed} authorities below it, and there are ${below}`,
        ),
      );
    }
    if (!certificate.selfIssued) below += 1;
  }
  return failures;
}

/** Constraints bind everything below them, apart from authorities that issued themselves (RFC 5280 section 6.1.3). */
function checkNameConstraints(path: readonly Certificate[]): TrustFailure[] {
  const failures: TrustFailure[] = [];
  const above: NameConstraints[] = [];
  for (let depth = path.length - 1; depth >= 0; depth -= 1) {
    const certificate = path[depth];
    if (certificate === undefined) break;
    if (depth === 0 || !certificate.selfIssued) {
      const problem = firstOf(above, (constraints) =>
        nameConstraintProblem(certificate, constraints, depth === 0),
      );
      if (problem !== undefined) {
        failures.push(
          trustFailure("nameConstraints", "ERR_TRUST_NAME_CONSTRAINTS", certificate, depth, problem),
        );
      }
    }
    if (depth > 0 && certificate.nameConstraints !== undefined) above.push(certificate.nameConstraints);
  }
  return failures;
}

function checkLeaf(path: readonly Certificate[], settings: PathCheckSettings): TrustFailure[] {
  const leaf = path[0];
  if (leaf === undefined) return [];
  const failures: TrustFailure[] = [];
  const usageProblem = keyUsageProblem(leaf, settings);
  if (usageProblem !== undefined) {
    failures.push(trustFailure("keyUsage", "ERR_TRUST_KEY_USAGE", leaf, 0, usageProblem));
  }
  const { hostName, pinned } = settings;
  if (hostName !== undefined && !isForHost(leaf, hostName, settings.hostNameInCommonName === true)) {
    failures.push(
      trustFailure(
        "hostName",
        "ERR_TRUST_HOST_NAME",
        leaf,
        0,
        `it is not for the host ${JSON.stringify(hostName)}`,
      ),
    );
  }
  if (pinned !== undefined && !path.some(pinned)) {
    failures.push(
      trustFailure(
        "pinned",
        "ERR_TRUST_NOT_PINNED",
        leaf,
        0,
        "neither it nor an authority above it is pinned",
      ),
    );
  }
  return failures;
}

function keyUsageProblem(leaf: Certificate, settings: PathCheckSettings): string | undefined {
  const usages = leaf.keyUsage;
  if (usages === undefined) return undefined;
  if (settings.keyUsage !== undefined) {
    const missing = settings.keyUsage.filter((usage) => !usages.includes(usage));
    return missing.length === 0 ? undefined : `its key is not for ${missing.join(" and ")} (keyUsage)`;
  }
  const fitting = settings.purpose === undefined ? undefined : USAGES[purposeOid(settings.purpose)];
  if (fitting === undefined || fitting.some((usage) => usages.includes(usage))) return undefined;
  return `its key is for none of ${fitting.join(", ")} (keyUsage)`;
}

function firstOf<T, R>(values: readonly T[], find: (value: T) => R | undefined): R | undefined {
  for (const value of values) {
    const found = find(value);
    if (found !== undefined) return found;
  }
  return undefined;
}
