import { abortError, checkInteger, optionError } from "@waybill/net-core";
import type { Certificate } from "../certificate-types.js";
import { downloadIssuers } from "./issuer-download.js";
import { shortText } from "./names.js";
import { type CandidatePath, type DeadEnd, findPaths } from "./path-builder.js";
import { checkPath, type PathCheckSettings, trustFailure } from "./path-checks.js";
import type { RevocationFindings } from "./revocation.js";
import type {
  RevocationOptions,
  TrustFailure,
  TrustResult,
  VerifyCertificateOptions,
} from "./trust-types.js";

/** What {@link verifyCertificate} does when it is not told otherwise. */
export const VERIFY_DEFAULTS = {
  maxDepth: 8,
  minimumRsaBits: 2048,
  maxSignatureChecks: 100,
} as const satisfies Partial<VerifyCertificateOptions>;

/** Paths that are looked at in full, and those for which revocation is asked about. */
const MAX_PATHS = 32;
const MAX_REVOCATION_PATHS = 4;
/** Rounds of downloading the issuer that is missing. */
const MAX_ISSUER_DOWNLOADS = 4;

/**
 * Says whether a certificate is to be trusted, by RFC 5280 section 6: seeks the paths from it to the anchors and takes the best. Per
 * certificate: signature, validity, critical extensions, strength of key and signature; for authorities basic constraints, path length,
 * key usage, name constraints, purposes; for the certificate itself purpose, key usage, host name; then pins and `extraStep`, and last,
 * for a path where all of this is well, revocation. Certificate policies are not evaluated, and nothing is downloaded but
 * what `revocation` and `downloadIssuers` ask for.
 *
 * What is wrong with the certificate is in the result, never thrown. Errors: `ERR_OPTION_INVALID`, `ERR_ABORTED`, what `extraStep` throws.
 */
export async function verifyCertificate(
  certificate: Certificate,
  options: VerifyCertificateOptions,
): Promise<TrustResult> {
  const settings = checkSettings(options);
  const { revocation, signal } = options;
  const statusOf = revocation === undefined ? undefined : await revocationCheck(revocation, settings, signal);
  let intermediates = options.intermediates ?? [];
  for (let downloads = 0; ; downloads += 1) {
    const { path, failures, warnings } = await bestPath(
      certificate,
      settings,
      { ...options, intermediates },
      statusOf,
    );
    const top = path.deadEnd === "noIssuer" ? path.certificates.at(-1) : undefined;
    if (top !== undefined && options.downloadIssuers !== undefined && downloads < MAX_ISSUER_DOWNLOADS) {
      const issuers = await downloadIssuers(top, options.downloadIssuers, signal);
      intermediates = [...intermediates, ...issuers];
      if (issuers.length > 0) continue;
    }
    return { trusted: failures.length === 0, path: path.certificates, failures, warnings };
  }
}

type RevocationCheck = (path: readonly Certificate[]) => Promise<RevocationFindings>;

/** Loaded when it is used: the libraries that it needs take a fifth of a second. */
async function revocationCheck(
  options: RevocationOptions,
  settings: PathCheckSettings,
  signal: AbortSignal | undefined,
): Promise<RevocationCheck> {
  const { checkRevocation, revocationDeadline } = await import("./revocation.js");
  const deadline = revocationDeadline(options, signal);
  return (path) => checkRevocation(path, options, settings, deadline);
}

async function bestPath(
  certificate: Certificate,
  settings: PathCheckSettings,
  options: VerifyCertificateOptions,
  statusOf: RevocationCheck | undefined,
): Promise<Verdict> {
  const search = {
    anchors: options.anchors,
    intermediates: options.intermediates ?? [],
    at: settings.at,
    maxDepth: checkInteger("maxDepth", options.maxDepth ?? VERIFY_DEFAULTS.maxDepth, 1, 64),
    maxSignatureChecks: checkInteger(
      "maxSignatureChecks",
      options.maxSignatureChecks ?? VERIFY_DEFAULTS.maxSignatureChecks,
      1,
      100_000,
    ),
  };
  let best: Verdict | undefined;
  let paths = 0;
  let revocationPaths = 0;
  /** Once one path has said so, no other, where the list may not be had, says otherwise. */
  const revoked: Certificate[] = [];
  for (const path of findPaths(certificate, search)) {
    if (best !== undefined && paths === MAX_PATHS) break;
    paths += 1;
    const failures = await failuresOf(path, settings, options);
    let findings: RevocationFindings = { failures: [], warnings: [] };
    if (failures.length === 0 && statusOf !== undefined) {
      if (revocationPaths === MAX_REVOCATION_PATHS) continue;
      if (path.certificates.some((one) => revoked.some((other) => other.equals(one)))) continue;
      revocationPaths += 1;
      findings = await statusOf(path.certificates);
      revoked.push(
        ...findings.failures.filter(({ step }) => step === "revoked").map((failure) => failure.certificate),
      );
    }
    if (options.signal?.aborted) throw abortError(options.signal);
    const verdict = { path, failures: [...failures, ...findings.failures], warnings: findings.warnings };
    if (best === undefined || isBetter(verdict, best)) best = verdict;
    if (best.failures.length === 0) break;
  }
  if (best === undefined) throw new Error("the search for paths found not even the certificate itself");
  return best;
}

interface Verdict {
  readonly path: CandidatePath;
  readonly failures: readonly TrustFailure[];
  readonly warnings: readonly TrustFailure[];
}

/** A path that reaches an anchor is better than one that does not, whatever else is wrong; then fewer failures are. */
function isBetter(verdict: Verdict, than: Verdict): boolean {
  const isAnchored = verdict.path.deadEnd === undefined;
  if (isAnchored !== (than.path.deadEnd === undefined)) return isAnchored;
  return verdict.failures.length < than.failures.length;
}

async function failuresOf(
  { certificates, deadEnd }: CandidatePath,
  settings: PathCheckSettings,
  options: VerifyCertificateOptions,
): Promise<TrustFailure[]> {
  const failures = checkPath(certificates, deadEnd === undefined, settings);
  if (deadEnd !== undefined) return [deadEndFailure(certificates, deadEnd), ...failures];
  return [...failures, ...((await options.extraStep?.(certificates)) ?? [])];
}

function deadEndFailure(path: readonly Certificate[], deadEnd: DeadEnd): TrustFailure {
  const depth = path.length - 1;
  const top = path[depth];
  if (top === undefined) throw new Error("a path has at least one certificate");
  const issuer = JSON.stringify(shortText(top.issuer.text));
  switch (deadEnd) {
    case "selfSigned":
      return trustFailure(
        "path",
        "ERR_TRUST_SELF_SIGNED",
        top,
        depth,
        "it is self-signed and not among the trusted",
      );
    case "badSignature":
      return trustFailure(
        "signature",
        "ERR_TRUST_SIGNATURE",
        top,
        depth,
        `its signature is not that of ${issuer}: the certificate was changed, or another key has that name`,
      );
    case "limit":
      return trustFailure(
        "path",
        "ERR_TRUST_PATH_LIMIT",
        top,
        depth,
        "no path to a trusted certificate was found within the limits of the search",
      );
    case "noIssuer":
      return trustFailure(
        "path",
        "ERR_TRUST_NO_ISSUER",
        top,
        depth,
        `its issuer ${issuer} is not there: add the authority's certificate`,
      );
  }
}

function checkSettings(options: VerifyCertificateOptions): PathCheckSettings {
  const at = options.at ?? new Date();
  if (Number.isNaN(at.getTime())) throw optionError("at", "must be a date");
  return {
    at,
    purpose: options.purpose,
    keyUsage: options.keyUsage,
    hostName: options.hostName,
    hostNameInCommonName: options.hostNameInCommonName,
    minimumRsaBits: checkInteger(
      "minimumRsaBits",
      options.minimumRsaBits ?? VERIFY_DEFAULTS.minimumRsaBits,
      512,
      16_384,
    ),
    allowSha1Signatures: options.allowSha1Signatures ?? false,
    pinned: options.pinned === undefined ? undefined : pinMatcher(options.pinned),
  };
}

const SHA1_LENGTH = 40;
const SHA256_LENGTH = 64;

function pinMatcher(pinned: readonly (Certificate | string)[]): (certificate: Certificate) => boolean {
  const thumbprints = new Set(
    pinned.map((pin) => {
      if (typeof pin !== "string") return pin.thumbprint("sha256");
      const digits = pin.replace(/[:\s]/g, "").toUpperCase();
      const isThumbprint = /^[0-9A-F]+$/.test(digits) && [SHA1_LENGTH, SHA256_LENGTH].includes(digits.length);
      if (!isThumbprint)
        throw optionError("pinned", "must be certificates, or SHA-256 or SHA-1 thumbprints in hexadecimal");
      return digits;
    }),
  );
  return (certificate) =>
    thumbprints.has(certificate.thumbprint("sha256")) || thumbprints.has(certificate.thumbprint("sha1"));
}
