import { errorCode, errorMessage, TransferError } from "./transfer-error.js";

/** `ERR_TLS_SETTINGS`; `details.setting` names the setting. */
export function settingsError(setting: string, problem: string, cause?: unknown): TransferError {
  const reason = cause === undefined ? "" : ` (${opensslReason(cause)})`;
  return new TransferError("ERR_TLS_SETTINGS", `TLS setting ${setting}: ${problem}${reason}`, {
    cause,
    details: { setting },
  });
}

/** Whether OpenSSL raised this. */
export function isOpensslError(error: unknown): boolean {
  return /^ERR_(SSL|OSSL)_/.test(errorCode(error) ?? "");
}

/** OpenSSL's own words, such as `wrong version number`. */
export function opensslReason(error: unknown): string {
  if (typeof error === "object" && error !== null && "reason" in error && typeof error.reason === "string") {
    return error.reason;
  }
  const message = errorMessage(error).trim();
  return /:SSL routines:[^:]*:([^:]+)/.exec(message)?.[1] ?? message;
}

/** What is known about a connection when it fails. */
export interface FailureContext {
  /** The other side, as `host:port`. */
  readonly target: string;
  /** Whether we showed, or could show, a certificate. */
  readonly hasCertificate: boolean;
  readonly isServer: boolean;
}

const PLAIN_TEXT =
  /WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY_REQUEST|PACKET_LENGTH_TOO_LONG|UNKNOWN_PROTOCOL/;
const NO_CERTIFICATE = /PEER_DID_NOT_RETURN_A_CERTIFICATE/;
const CERTIFICATE_WANTED = /ALERT_CERTIFICATE_REQUIRED/;
const CERTIFICATE_REFUSED =
  /ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(REVOKED|EXPIRED|UNKNOWN)|UNKNOWN_CA|ACCESS_DENIED)/;
const HANDSHAKE_FAILURE = /ALERT_HANDSHAKE_FAILURE/;
const BROKEN_OFF = /^(ECONNRESET|EPIPE|ECONNABORTED)$/;

/** The error of a connection whose handshake failed: `ERR_TLS_HANDSHAKE` or `ERR_TLS_CERTIFICATE_REQUIRED`. */
export function handshakeError(error: unknown, context: FailureContext): TransferError {
  const { target, hasCertificate, isServer } = context;
  const code = errorCode(error) ?? "";
  const reason = opensslReason(error);
  const fail = (text: string, name = "ERR_TLS_HANDSHAKE") =>
    new TransferError(name, text, { cause: error, details: { target, reason } });
  if (PLAIN_TEXT.test(code)) {
    return fail(`${target} does not speak TLS, perhaps plain text: what it sent is no TLS (${reason})`);
  }
  if (NO_CERTIFICATE.test(code)) return missingCertificate(target, error);
  if (CERTIFICATE_WANTED.test(code)) {
    const text = `${target} demands a certificate of ours: set tls.certificates (${reason})`;
    return fail(text, "ERR_TLS_CERTIFICATE_REQUIRED");
  }
  if (CERTIFICATE_REFUSED.test(code)) return fail(`${target} does not accept our certificate: ${reason}`);
  if (BROKEN_OFF.test(code)) return brokenOff(target, error);
  const advice =
    HANDSHAKE_FAILURE.test(code) && !isServer && !hasCertificate
      ? "; it may demand a certificate of ours (tls.certificates), or know none of our cipher suites"
      : "";
  return fail(`the TLS handshake with ${target} failed: ${reason}${advice}`);
}

/** The same for what comes later, on the socket. With TLS 1.3 a server refuses a client's certificate only then. */
export function connectionError(error: unknown, context: FailureContext): TransferError {
  const code = errorCode(error) ?? "";
  if (CERTIFICATE_WANTED.test(code) || CERTIFICATE_REFUSED.test(code)) return handshakeError(error, context);
  const reason = opensslReason(error);
  return new TransferError("ERR_TLS_HANDSHAKE", `TLS with ${context.target} failed: ${reason}`, {
    cause: error,
    details: { target: context.target, reason },
  });
}

/** The other side went away in the middle of the handshake. */
export function brokenOff(target: string, cause?: unknown): TransferError {
  const text = `${target} closed the connection before the TLS handshake was done; perhaps it does not speak TLS`;
  return new TransferError("ERR_TLS_HANDSHAKE", text, { cause, details: { target, reason: "closed" } });
}

/** The other side shows no certificate where one is needed. */
export function missingCertificate(target: string, cause?: unknown): TransferError {
  const text = `${target} presented no certificate, and one is required`;
  return new TransferError("ERR_TLS_CERTIFICATE_REQUIRED", text, { cause, details: { target } });
}
