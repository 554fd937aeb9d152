import { TransferError } from "@waybill/net-core";
import { endSessionReasons } from "@waybill/oftp-codec";
import type { AbortOrigin } from "../machine/index.js";

const REASON_TEXTS = new Map<number, string>(
  Object.values(endSessionReasons).map(({ code, text }) => [code, text]),
);

/**
 * Why a session ended that did not end normally. Codes: `ERR_OFTP_SESSION_REFUSED` (the partner, or this station, did not
 * want it: reasons 03, 04, 08, 10 to 12), `ERR_OFTP_TIMEOUT` (09), `ERR_OFTP_PROTOCOL` (01, 02, 06, 07),
 * `ERR_OFTP_CONNECTION_LOST` (no ESID at all), `ERR_OFTP_SESSION_ENDED` (any other reason).
 */
export class SessionEndError extends TransferError {
  /** ESIDREAS; 99 when the connection was lost. */
  readonly reason: number;
  /** Who ended it: `local` this station, `distant` the partner or the network. */
  readonly origin: AbortOrigin;

  constructor(code: string, reason: number, origin: AbortOrigin, message: string, cause?: unknown) {
    super(code, message, { cause, details: { reason, origin } });
    this.reason = reason;
    this.origin = origin;
  }
}

/** The error for an ESID that was sent or received. */
export function endedByEsid(
  reason: number,
  text: string,
  origin: AbortOrigin,
  cause?: unknown,
): SessionEndError {
  const who = origin === "local" ? "this station" : "the partner";
  const digits = String(reason).padStart(2, "0");
  const says = REASON_TEXTS.get(reason) ?? "unknown reason";
  const message = `${who} ended the session: reason ${digits}, ${says}${text === "" ? "" : ` (${text})`}`;
  return new SessionEndError(codeOf(reason), reason, origin, message, cause);
}

/** The error for a connection that is gone. */
export function connectionLost(text: string, cause?: unknown): SessionEndError {
  const { code } = endSessionReasons.unspecified;
  return new SessionEndError(
    "ERR_OFTP_CONNECTION_LOST",
    code,
    "distant",
    `the connection was lost: ${text}`,
    cause,
  );
}

function codeOf(reason: number): string {
  switch (reason) {
    case endSessionReasons.timeOut.code:
      return "ERR_OFTP_TIMEOUT";
    case endSessionReasons.commandNotRecognised.code:
    case endSessionReasons.protocolViolation.code:
    case endSessionReasons.invalidData.code:
    case endSessionReasons.bufferSizeError.code:
      return "ERR_OFTP_PROTOCOL";
    case endSessionReasons.userCodeNotKnown.code:
    case endSessionReasons.invalidPassword.code:
    case endSessionReasons.resourcesNotAvailable.code:
    case endSessionReasons.modeIncompatible.code:
    case endSessionReasons.invalidChallengeResponse.code:
    case endSessionReasons.authenticationIncompatible.code:
      return "ERR_OFTP_SESSION_REFUSED";
    default:
      return "ERR_OFTP_SESSION_ENDED";
  }
}
