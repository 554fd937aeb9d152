import type { X509Certificate } from "node:crypto";
import { missingCertificate } from "./tls-errors.js";
import type { TlsPeer } from "./tls-peer.js";
import type { TlsVerify } from "./tls-settings.js";
import { errorMessage, TransferError } from "./transfer-error.js";

/** What a peer is judged by. */
export interface Judgement {
  readonly target: string;
  readonly peer: TlsPeer;
  readonly chain: readonly X509Certificate[];
  /** Whether the peer must have a certificate, whether one that it has is looked at. */
  readonly certificates: "none" | "optional" | "required";
  readonly verify: TlsVerify | undefined;
}

/** `TlsPeer.authorizationError` of a sound certificate with another name. Not OpenSSL's: it never checks names here. */
export const NAME_MISMATCH = "NAME_MISMATCH";

/**
 * Decides about a peer: the hook when there is one, otherwise what OpenSSL said. Resolves when it may stay. Errors:
 * `ERR_TLS_CERTIFICATE_REQUIRED`, `ERR_TLS_REFUSED`, `ERR_TLS_UNTRUSTED`, `ERR_TLS_NAME`.
 */
export async function judge(judgement: Judgement): Promise<void> {
  const { target, peer, certificates, verify } = judgement;
  if (certificates === "required" && peer.certificate === undefined) throw missingCertificate(target);
  if (verify !== undefined) {
    await askHook(verify, peer, target);
    return;
  }
  if (certificates === "none" || peer.authorized) return;
  if (certificates === "optional" && peer.certificate === undefined) return;
  throw peer.authorizationError === NAME_MISMATCH ? nameError(judgement) : untrustedError(judgement);
}

async function askHook(verify: TlsVerify, peer: TlsPeer, target: string): Promise<void> {
  const fingerprint = peer.fingerprint256;
  const refused = (text: string, cause?: unknown) =>
    new TransferError("ERR_TLS_REFUSED", `the verify hook ${text} ${target}${shown(fingerprint)}`, {
      cause,
      details: { target, fingerprint },
    });
  let answer: boolean;
  try {
    answer = await verify(peer);
  } catch (error) {
    throw refused(`failed (${errorMessage(error)}) and with it`, error);
  }
  if (answer !== true) throw refused("refused");
}

const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "it has expired",
  CERT_NOT_YET_VALID: "it is not valid yet",
  CERT_REVOKED: "it was revoked",
  CERT_UNTRUSTED: "its issuer is not trusted for this use",
  CRL_HAS_EXPIRED: "the revocation list of its issuer is out of date",
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is self-signed and not among those trusted",
  INVALID_PURPOSE: "it was not issued for this use",
  SELF_SIGNED_CERT_IN_CHAIN: "its root is not among those trusted",
  UNABLE_TO_GET_CRL: "there is no revocation list of its issuer",
  UNABLE_TO_GET_ISSUER_CERT: "its issuer is not known",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its issuer is not among those trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its issuer is not among those trusted",
};

function untrustedError({ target, peer, chain }: Judgement): TransferError {
  const reason = peer.authorizationError ?? "NOT_CHECKED";
  const blamed = blamedFor(reason, chain);
  const subject = oneLine(blamed?.subject);
  const fingerprint = blamed?.fingerprint256;
  const why = REASONS[reason] ?? reason.toLowerCase().replaceAll("_", " ");
  const text = `the certificate "${subject}" of ${target} is not trusted: ${why}${shown(fingerprint)}`;
  const issuer = oneLine(blamed?.issuer);
  return new TransferError("ERR_TLS_UNTRUSTED", text, {
    details: { target, reason, subject, issuer, fingerprint },
  });
}

function nameError({ target, peer, chain }: Judgement): TransferError {
  const names = oneLine(chain[0]?.subjectAltName ?? chain[0]?.subject);
  const fingerprint = peer.fingerprint256;
  const text = `the certificate of ${target} is for ${names} and not for ${peer.serverName}${shown(fingerprint)}`;
  return new TransferError("ERR_TLS_NAME", text, {
    details: { target, name: peer.serverName, names, fingerprint },
  });
}

/** The certificate that OpenSSL's reason is about. It does not say which; for dates we can see. */
function blamedFor(reason: string, chain: readonly X509Certificate[]): X509Certificate | undefined {
  const now = Date.now();
  const at = ({ validFrom, validTo }: X509Certificate) =>
    [Date.parse(validFrom), Date.parse(validTo)] as const;
  if (reason === "CERT_HAS_EXPIRED") return chain.find((one) => at(one)[1] < now) ?? chain[0];
  if (reason === "CERT_NOT_YET_VALID") return chain.find((one) => at(one)[0] > now) ?? chain[0];
  return chain[0];
}

const MAX_TEXT = 300;

/** Text from a certificate, fit for a message: the peer chose it. */
function oneLine(text: string | undefined): string {
  const line = (text ?? "").trim().replaceAll("\n", ", ");
  return line.replaceAll(/[^\x20-\x7e\u00a0-\u024f]/g, "?").slice(0, MAX_TEXT);
}

function shown(fingerprint: string | undefined): string {
  return fingerprint === undefined ? "" : ` (SHA-256 ${fingerprint})`;
}
