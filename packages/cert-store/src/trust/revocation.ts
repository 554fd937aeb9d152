import { createHash, randomBytes } from "node:crypto";
import { checkTimeMs, errorMessage } from "@waybill/net-core";
import type { Certificate } from "../certificate-types.js";
import type { StatusQuestion } from "./crl-status.js";
import { ocspRequest } from "./ocsp-request.js";
import { trustFailure } from "./path-checks.js";
import { type RevocationStatus, type UnknownStatus, unknownStatus } from "./revocation-status.js";
import type { RevocationOptions, TrustFailure } from "./trust-types.js";

const DEFAULT_CLOCK_SKEW_MS = 5 * 60_000;
const DEFAULT_TOTAL_TIMEOUT_MS = 30_000;
/** Addresses of one kind in one certificate that are asked. */
const MAX_ADDRESSES = 4;
/** Lists and responses at hand that are looked at. */
const MAX_EXTRAS = 64;
const NONCE_BYTES = 32;

/** What revocation adds to a path that is well otherwise. */
export interface RevocationFindings {
  readonly failures: readonly TrustFailure[];
  readonly warnings: readonly TrustFailure[];
}

/** What one check needs. */
interface RevocationCheck {
  readonly question: StatusQuestion;
  readonly depth: number;
  readonly options: RevocationOptions;
  readonly signal: AbortSignal;
}

type Method = "crl" | "ocsp";

/** The most time that revocation may take for all paths together, or until `signal` is aborted. Errors: `ERR_OPTION_INVALID`. */
export function revocationDeadline(options: RevocationOptions, signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(
    checkTimeMs("timeoutMs", options.timeoutMs ?? DEFAULT_TOTAL_TIMEOUT_MS, 1),
  );
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}

/**
 * The status of every certificate below the anchor, by CRL and OCSP. The path was verified before, so that only addresses are asked
 * that a trusted authority wrote. What was not answered when `signal` is aborted is unknown.
 */
export async function checkRevocation(
  path: readonly Certificate[],
  options: RevocationOptions,
  settings: Pick<StatusQuestion, "at" | "allowSha1Signatures" | "minimumRsaBits">,
  signal: AbortSignal,
): Promise<RevocationFindings> {
  const findings = await Promise.all(
    path.slice(0, options.scope === "leaf" ? 1 : -1).map((certificate, depth) => {
      const issuer = path[depth + 1];
      if (issuer === undefined) return { failures: [], warnings: [] };
      const question = {
        certificate,
        issuer,
        at: settings.at,
        maxAgeMs: options.maxAgeMs ?? options.sources?.maxAgeMs,
        clockSkewMs: options.clockSkewMs ?? DEFAULT_CLOCK_SKEW_MS,
        allowSha1Signatures: settings.allowSha1Signatures,
        minimumRsaBits: settings.minimumRsaBits,
      };
      return checkCertificate({ question, depth, options, signal });
    }),
  );
  return {
    failures: findings.flatMap(({ failures }) => failures),
    warnings: findings.flatMap(({ warnings }) => warnings),
  };
}

async function checkCertificate(check: RevocationCheck): Promise<RevocationFindings> {
  const { options, depth, question } = check;
  const methods = (["ocsp", "crl"] as const).filter((method) => (options[method] ?? "off") !== "off");
  const statuses = await Promise.all(
    methods.map(async (method) => ({
      method,
      status: await (method === "crl" ? statusByCrl(check) : statusByOcsp(check)),
    })),
  );
  for (const { status } of statuses) {
    if (status.status !== "revoked") continue;
    const { date, reason } = status;
    const isHeld = reason === "certificateHold";
    const problem = `it ${isHeld ? "is on hold" : "was revoked"} since ${date.toISOString()} (${reason})`;
    const code = isHeld ? "ERR_TRUST_ON_HOLD" : "ERR_TRUST_REVOKED";
    const revocation = { date, reason };
    const failure = trustFailure("revoked", code, question.certificate, depth, problem, { revocation });
    return { failures: [failure], warnings: [] };
  }
  const isEnough = options.combine === "either" && statuses.some(({ status }) => status.status === "good");
  const failures: TrustFailure[] = [];
  const warnings: TrustFailure[] = [];
  for (const { method, status } of statuses) {
    if (status.status !== "unknown") continue;
    const failure = unknownFailure(method, status, question.certificate, depth);
    if (options[method] === "hard" && !isEnough) failures.push(failure);
    else warnings.push(failure);
  }
  return { failures, warnings };
}

function unknownFailure(
  method: Method,
  status: UnknownStatus,
  certificate: Certificate,
  depth: number,
): TrustFailure {
  const { cause } = status;
  return trustFailure(
    method,
    status.code,
    certificate,
    depth,
    status.problem,
    cause === undefined ? {} : { cause },
  );
}

// What reads lists and responses is loaded when it is needed: it takes longer than all the rest of this package.

async function statusByCrl(check: RevocationCheck): Promise<RevocationStatus> {
  const { question, options } = check;
  const { crlStatus } = await import("./crl-status.js");
  const judge = (bytes: Uint8Array) => crlStatus(bytes, question);
  const found = bestOf((options.extraCrls ?? []).slice(0, MAX_EXTRAS).map(judge));
  if (found !== undefined && found.status !== "unknown") return found;
  const subject = issuerHash(question.issuer);
  return askAll("crl", question.certificate.crlUrls, found, check, (url, sources) =>
    sources.ask({ kind: "crl", url, subject, isCacheable: true, signal: check.signal }, judge),
  );
}

async function statusByOcsp(check: RevocationCheck): Promise<RevocationStatus> {
  const { question, options } = check;
  const { certificate, issuer } = question;
  const { ocspStatus } = await import("./ocsp-status.js");
  const extras = (options.extraOcspResponses ?? []).slice(0, MAX_EXTRAS);
  const found = bestOf(extras.map((bytes) => ocspStatus(bytes, question)));
  if (found !== undefined && found.status !== "unknown") return found;
  const nonce = options.ocspNonce === true ? randomBytes(NONCE_BYTES) : undefined;
  return askAll("ocsp", certificate.ocspUrls, found, check, (url, sources) => {
    const body = ocspRequest(certificate, issuer, options.ocspHash ?? "sha1", nonce);
    return sources.ask(
      {
        kind: "ocsp",
        url,
        subject: Buffer.concat([issuerHash(issuer), body]),
        body,
        isCacheable: nonce === undefined,
        signal: check.signal,
      },
      (bytes) => ocspStatus(bytes, question, nonce),
    );
  });
}

/** The first address that gives a status; else why the last did not. */
async function askAll(
  method: Method,
  urls: readonly string[],
  found: UnknownStatus | undefined,
  { options: { sources }, signal }: RevocationCheck,
  ask: (
    url: string,
    sources: NonNullable<RevocationOptions["sources"]>,
  ) => Promise<RevocationStatus | undefined>,
): Promise<RevocationStatus> {
  const what = method === "crl" ? "CRL" : "OCSP response";
  const unavailable = method === "crl" ? "ERR_TRUST_CRL_UNAVAILABLE" : "ERR_TRUST_OCSP_UNAVAILABLE";
  let last = found;
  const addresses = urls.filter((url) => /^https?:/i.test(url)).slice(0, MAX_ADDRESSES);
  if (addresses.length === 0) {
    const noAddress = method === "crl" ? "ERR_TRUST_CRL_NO_ADDRESS" : "ERR_TRUST_OCSP_NO_ADDRESS";
    return last ?? unknownStatus(noAddress, `it names no address of http for its ${what}`);
  }
  if (sources === undefined) {
    return last ?? unknownStatus(unavailable, `there is no ${what} at hand, and none is downloaded`);
  }
  for (const url of addresses) {
    try {
      const status = await ask(url, sources);
      if (status !== undefined && status.status !== "unknown") return status;
      last = status ?? unknownStatus(unavailable, `there is no ${what} in the cache, and it works offline`);
    } catch (error) {
      last = unknownStatus(
        unavailable,
        signal.aborted
          ? `its ${what} was not there in time`
          : `its ${what} cannot be had: ${errorMessage(error)}`,
        error,
      );
      if (signal.aborted) break;
    }
  }
  return last ?? unknownStatus(unavailable, `there is no ${what}`);
}

/** Revoked before good before what says nothing; what is about other certificates does not count. */
function bestOf(statuses: readonly RevocationStatus[]): RevocationStatus | undefined {
  return (
    statuses.find(({ status }) => status === "revoked") ??
    statuses.find(({ status }) => status === "good") ??
    statuses.find((status) => status.status === "unknown" && status.isAnothers !== true)
  );
}

function issuerHash(issuer: Certificate): Buffer {
  return createHash("sha256").update(issuer.subject.der).update(issuer.publicKeyDer).digest();
}
