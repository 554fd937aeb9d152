import type { Logger } from "@waybill/net-core";
import type { Command, ProtocolLevel, Sfid, Ssid } from "@waybill/oftp-codec";
import type { SessionConstants } from "../machine/index.js";
import type { SessionIdentity, UserMonitor } from "../user-monitor.js";
import type { SessionEndError } from "./session-end.js";

/** Default of `inactivityTimeoutMs`. */
export const DEFAULT_INACTIVITY_TIMEOUT_MS = 90_000;
/** Default of `localTimeoutMs`. */
export const DEFAULT_LOCAL_TIMEOUT_MS = 600_000;

/** One exchange buffer that was sent or received: the protocol trail. */
export interface TrailEntry {
  readonly direction: "sent" | "received";
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The exchange buffer without its stream transmission header. Passwords are in it. Valid during the call only. */
  readonly octets: Uint8Array;
  /** Undefined when it could not be decoded. */
  readonly command: Command | undefined;
  readonly level: ProtocolLevel;
}

/** How far a file is. */
export interface TransferProgress {
  readonly direction: "sent" | "received";
  readonly sfid: Sfid;
  /** Octets of the file so far, those before a restart position included. */
  readonly octets: number;
}

/** Secure authentication (RFC 5024 sections 4.2.3 and 5.3.17): the CMS that it needs. */
export interface SessionAuthenticator {
  /** A challenge for the partner: 20 random octets, and the CMS envelope that holds them for the partner. */
  challenge(partner: Ssid): Promise<{ readonly challenge: Uint8Array; readonly envelope: Uint8Array }>;
  /** The 20 octets in the partner's envelope. A rejection ends the session with ESID 11. */
  answer(partner: Ssid, envelope: Uint8Array): Promise<Uint8Array>;
}

/** Options of a session in either role. */
export interface SessionOptions {
  readonly monitor: UserMonitor;
  /** What this station can do; see `defaultConstants`. */
  readonly constants?: Partial<SessionConstants> | undefined;
  /** Needed where `SessionIdentity.authentication` is true. */
  readonly authenticator?: SessionAuthenticator | undefined;
  /** How long the partner may be silent while the session waits for it. Default 90 s. Ends the session with ESID 09. */
  readonly inactivityTimeoutMs?: number | undefined;
  /** How long this station may take for what the partner waits for: a decision, storing a file. Default 10 minutes. */
  readonly localTimeoutMs?: number | undefined;
  /** How long the whole session may take. Default: no limit. Ends the session with ESID 09. */
  readonly maximumMs?: number | undefined;
  readonly logger?: Logger | undefined;
  /** Sees every exchange buffer in both directions. */
  readonly onTrail?: ((entry: TrailEntry) => void) | undefined;
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
  /** Ends the session at once, with ESID 05. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of the station that calls. */
export interface InitiatorOptions extends SessionOptions {
  readonly identity: SessionIdentity;
}

/** Options of the station that was called. */
export interface ResponderOptions extends SessionOptions {
  /** Refuses the session before it begins: an ESIDREAS, for example 8 when there are too many. */
  readonly refuse?: { readonly reason: number; readonly text?: string } | undefined;
}

/** How a session ended. */
export interface SessionEnd {
  /** Undefined after a normal end (ESID 00, from either side). */
  readonly error: SessionEndError | undefined;
}
