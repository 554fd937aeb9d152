/** What two stations agree on when they exchange SSIDs: RFC 5024 sections 3.2.1 and 5.3.2, and P2 of 9.8. */
import {
  type Capability,
  endSessionReasons,
  MAX_BUFFER_SIZE,
  MIN_BUFFER_SIZE,
  type ProtocolLevel,
  type Ssid,
} from "@waybill/oftp-codec";

/** SSIDCRED has three digits. */
export const MAX_CREDIT = 999;
/** The first level that has NERP. */
export const levelWithNerp: ProtocolLevel = 4;
/** The lowest level whose SFID tells of file security. */
export const levelWithSecurity: ProtocolLevel = 5;
/** The first level that has SECD, AUCH and AURP. */
export const levelWithAuthentication: ProtocolLevel = 5;

export function lowerLevel(one: ProtocolLevel, other: ProtocolLevel): ProtocolLevel {
  return Math.min(one, other) as ProtocolLevel;
}

/** What one side brings to the negotiation. */
export interface SessionOffer {
  readonly level: ProtocolLevel;
  readonly minimumLevel: ProtocolLevel;
  /** Octets, the command octet included. */
  readonly bufferSize: number;
  /** Data exchange buffers before a CDT. */
  readonly credit: number;
  /** In own terms: "S" means that this side only sends. */
  readonly mode: Capability;
  readonly compression: boolean;
  readonly restart: boolean;
  readonly authentication: boolean;
}

/** What holds for the session. */
export type NegotiatedSession = Omit<SessionOffer, "minimumLevel">;

export type Negotiation =
  | { readonly ok: true; readonly session: NegotiatedSession }
  | { readonly ok: false; readonly reason: number; readonly text: string };

/**
 * The partner's capability beside one's own, in own terms: "S" when this side only sends. Undefined when both only send
 * or both only receive.
 */
export function negotiateMode(own: Capability, partner: Capability): Capability | undefined {
  const mirrored: Capability = partner === "S" ? "R" : partner === "R" ? "S" : "B";
  return intersectModes(own, mirrored);
}

/** What both of two limits on one side allow, both in own terms. */
export function intersectModes(one: Capability, other: Capability): Capability | undefined {
  if (one === "B") return other;
  return other === "B" || other === one ? one : undefined;
}

/**
 * Compares the partner's SSID with one's own offer.
 *
 * As the initiator (`answer` true) the SSID is the responder's answer: its credit must not be greater than the one that
 * was offered, otherwise it is a protocol error (section 5.3.2). A greater buffer size or level is not forbidden there:
 * the smaller counts.
 *
 * The reasons are ESIDREAS values: 6 for a buffer size or credit outside the RFC's range, 2 for the greater credit, 10 for
 * a level or capability that does not fit, 12 for authentication that only one side demands. Special logic is never
 * agreed on, whatever the partner says.
 */
export function negotiate(own: SessionOffer, ssid: Ssid, answer: boolean): Negotiation {
  if (
    !Number.isInteger(ssid.bufferSize) ||
    ssid.bufferSize < MIN_BUFFER_SIZE ||
    ssid.bufferSize > MAX_BUFFER_SIZE
  ) {
    return refuse(
      endSessionReasons.invalidData.code,
      `SSIDSDEB ${ssid.bufferSize} is not a buffer size of 128 to 99999 octets`,
    );
  }
  if (!Number.isInteger(ssid.credit) || ssid.credit < 1 || ssid.credit > MAX_CREDIT) {
    return refuse(endSessionReasons.invalidData.code, `SSIDCRED ${ssid.credit} is not a credit of 1 to 999`);
  }
  if (answer && ssid.credit > own.credit) {
    return refuse(
      endSessionReasons.protocolViolation.code,
      `SSIDCRED ${ssid.credit} of the answer is greater than ${own.credit}`,
    );
  }
  const level = lowerLevel(ssid.level, own.level);
  if (level < own.minimumLevel) {
    return refuse(endSessionReasons.modeIncompatible.code, `SSIDLEV ${level} is below ${own.minimumLevel}`);
  }
  const mode = negotiateMode(own.mode, ssid.capability);
  if (mode === undefined) {
    return refuse(endSessionReasons.modeIncompatible.code, `SSIDSR is ${ssid.capability} on both sides`);
  }
  // Below level 5 nobody can authenticate, so whoever demands it demands what the other cannot give.
  const partnerAuthenticates = level >= levelWithAuthentication && ssid.authentication;
  if (partnerAuthenticates !== own.authentication) {
    return refuse(
      endSessionReasons.authenticationIncompatible.code,
      own.authentication
        ? "secure authentication is required here"
        : "secure authentication is not available here",
    );
  }
  return {
    ok: true,
    session: {
      level,
      bufferSize: Math.min(own.bufferSize, ssid.bufferSize),
      credit: Math.min(own.credit, ssid.credit),
      mode,
      compression: own.compression && ssid.compression,
      restart: own.restart && ssid.restart,
      authentication: own.authentication,
    },
  };
}

function refuse(reason: number, text: string): Negotiation {
  return { ok: false, reason, text };
}
