/**
 * What the protocol machine is told: the input events of RFC 5024 section 9.4, under its names. Received commands are
 * named after the command; a command that could not be decoded is "Invalid Buffer".
 */
import type {
  Auch,
  Aurp,
  Capability,
  Cd,
  Cdt,
  Data,
  Eerp,
  Efid,
  Efna,
  Efpa,
  Esid,
  Nerp,
  ProtocolLevel,
  Rtr,
  Secd,
  Sfid,
  Sfna,
  Sfpa,
  Ssid,
  Ssrm,
} from "@waybill/oftp-codec";

/** What this station grants one partner, where that is less than its constants. Never widens them. */
export interface PartnerLimits {
  /** Highest level spoken with this partner. */
  readonly level?: ProtocolLevel;
  /** Lowest level accepted from this partner. */
  readonly minimumLevel?: ProtocolLevel;
  /** Octets of the largest exchange buffer. */
  readonly maxBufSize?: number;
  /** Largest credit. */
  readonly maxWindow?: number;
  /** False refuses buffer compression. */
  readonly compression?: boolean;
}

/** User monitor input events (section 3). */
export type UserEvent =
  | {
      readonly type: "F_CONNECT_RQ";
      /** SSIDCODE and SSIDPSWD of this station. */
      readonly id: string;
      readonly password: string;
      readonly mode: Capability;
      readonly restart: boolean;
      /** Secure authentication is demanded: needs level 5 on both sides and the events AUCH_READY and AURP_READY. */
      readonly authentication: boolean;
      /** SSIDUSER, empty by default. */
      readonly userData?: string;
      /** False says that there are no resources for a session (predicate P1 of 9.8). Default: true. */
      readonly resources?: boolean;
    }
  | {
      readonly type: "F_CONNECT_RS";
      readonly id: string;
      readonly password: string;
      /** In own terms: "S" means that this station only sends. */
      readonly mode: Capability;
      readonly restart: boolean;
      /** Must be the SSID's own value, or the session ends with ESID(R=12). */
      readonly authentication: boolean;
      readonly userData?: string;
      readonly limits?: PartnerLimits;
    }
  | { readonly type: "F_START_FILE_RQ"; readonly sfid: Sfid }
  | { readonly type: "F_START_FILE_RS"; readonly positive: true; readonly restartPosition: number }
  | {
      readonly type: "F_START_FILE_RS";
      readonly positive: false;
      /** SFNAREAS. */
      readonly reason: number;
      readonly retry: boolean;
      readonly text?: string;
    }
  /** One data exchange buffer without the command octet: at most the negotiated buffer size less one. */
  | { readonly type: "F_DATA_RQ"; readonly payload: Uint8Array }
  | { readonly type: "F_CLOSE_FILE_RQ"; readonly recordCount: number; readonly unitCount: number }
  /** `speaker`: this station asks to become the speaker (EFPACD). */
  | { readonly type: "F_CLOSE_FILE_RS"; readonly positive: true; readonly speaker: boolean }
  | {
      readonly type: "F_CLOSE_FILE_RS";
      readonly positive: false;
      /** EFNAREAS. */
      readonly reason: number;
      readonly text?: string;
    }
  /** Already signed where that is wanted (action 18 of 9.10 is the caller's). */
  | { readonly type: "F_EERP_RQ"; readonly eerp: Eerp }
  | { readonly type: "F_NERP_RQ"; readonly nerp: Nerp }
  | { readonly type: "F_RTR_RS" }
  | { readonly type: "F_CD_RQ" }
  /** Reason 0 is the normal end, valid only in IDLESPCD; any other is an error and valid at any time. */
  | { readonly type: "F_RELEASE_RQ"; readonly reason: number; readonly text?: string }
  /** Ends the connection at once, without ESID. */
  | { readonly type: "F_ABORT_RQ" };

/** Network input events (section 2.2); N_DATA_IND is the received command. */
export type NetworkEvent =
  | { readonly type: "N_CON_IND" }
  | { readonly type: "N_CON_CF" }
  /** `text`: what the network says about it, passed on in F_ABORT_IND. */
  | { readonly type: "N_DISC_IND"; readonly text?: string }
  | { readonly type: "N_RST_IND"; readonly text?: string };

/** Internal input events (sections 9.4 and 9.9). */
export type InternalEvent =
  /** The timer of the last START_TIMER ran out. */
  | { readonly type: "TIME-OUT" }
  /** A buffer that is no command. `reason`: 1 unknown command, 6 invalid field, 7 wrong length (ESIDREAS). */
  | { readonly type: "Invalid Buffer"; readonly reason: number; readonly text: string };

/**
 * The driver's answers to AUCH_NEEDED and AURP_NEEDED. When it has none (no certificate, a challenge that cannot be
 * opened) it ends the session with F_RELEASE_RQ, reason 11.
 */
export type AuthenticationEvent =
  /** The CMS envelope that holds the challenge (AUCHCHAL); the driver keeps the challenge itself. */
  | { readonly type: "AUCH_READY"; readonly challenge: Uint8Array }
  /** The 20 octets that the partner's envelope held (AURPRSP). */
  | { readonly type: "AURP_READY"; readonly response: Uint8Array };

/** Peer input events (section 4). */
export type PeerEvent =
  | { readonly type: "SSRM"; readonly command: Ssrm }
  | { readonly type: "SSID"; readonly command: Ssid }
  | { readonly type: "SFID"; readonly command: Sfid }
  | { readonly type: "SFPA"; readonly command: Sfpa }
  | { readonly type: "SFNA"; readonly command: Sfna }
  | { readonly type: "DATA"; readonly command: Data }
  | { readonly type: "CDT"; readonly command: Cdt }
  | { readonly type: "EFID"; readonly command: Efid }
  | { readonly type: "EFPA"; readonly command: Efpa }
  | { readonly type: "EFNA"; readonly command: Efna }
  | { readonly type: "ESID"; readonly command: Esid }
  | { readonly type: "CD"; readonly command: Cd }
  | { readonly type: "EERP"; readonly command: Eerp }
  | { readonly type: "NERP"; readonly command: Nerp }
  | { readonly type: "RTR"; readonly command: Rtr }
  | { readonly type: "SECD"; readonly command: Secd }
  | { readonly type: "AUCH"; readonly command: Auch }
  /** `valid`: the response is the challenge that was sent, compared in constant time (P6 and P7 of 9.8). */
  | { readonly type: "AURP"; readonly command: Aurp; readonly valid: boolean };

export type SessionEvent = UserEvent | NetworkEvent | InternalEvent | AuthenticationEvent | PeerEvent;

export type SessionEventType = SessionEvent["type"];

/** The event, or the union of its variants, of one type. */
export type EventOf<T extends SessionEventType> = Extract<SessionEvent, { readonly type: T }>;
