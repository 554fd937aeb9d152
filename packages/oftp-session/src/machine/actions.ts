/**
 * What the protocol machine wants done, in this order: the output events of RFC 5024 section 9.5 under its names, and the
 * inactivity timer.
 */
import type { Command, Eerp, Nerp, Sfid, Ssid } from "@waybill/oftp-codec";
import type { SessionEventType } from "./events.js";
import type { NegotiatedSession } from "./negotiation.js";
import type { SessionStateName } from "./state.js";

/** Where an abort came from (AO): this side or the partner (RFC 5024 section 3.4). */
export type AbortOrigin = "local" | "distant";

export type Action =
  /** Peer output event: put the command on the wire. */
  | { readonly type: "send"; readonly command: Command }
  | { readonly type: "N_CON_RQ" }
  | { readonly type: "N_CON_RS" }
  /** Close the connection once everything before it was sent. */
  | { readonly type: "N_DISC_RQ" }
  /** The initiator's SSID, and what the constants make of it; answer F_CONNECT_RS, or F_RELEASE_RQ with 3 or 4. */
  | { readonly type: "F_CONNECT_IND"; readonly ssid: Ssid; readonly session: NegotiatedSession }
  /** The responder's SSID and what is agreed: this side is the speaker now. */
  | { readonly type: "F_CONNECT_CF"; readonly ssid: Ssid; readonly session: NegotiatedSession }
  | { readonly type: "F_START_FILE_IND"; readonly sfid: Sfid }
  | { readonly type: "F_START_FILE_CF"; readonly positive: true; readonly restartPosition: number }
  | {
      readonly type: "F_START_FILE_CF";
      readonly positive: false;
      readonly reason: number;
      readonly retry: boolean;
      readonly text: string;
    }
  | { readonly type: "F_DATA_IND"; readonly payload: Uint8Array }
  /** The next F_DATA_RQ may come. */
  | { readonly type: "F_DATA_CF" }
  | { readonly type: "F_CLOSE_FILE_IND"; readonly recordCount: number; readonly unitCount: number }
  /** `speaker`: whether this station is still the speaker. */
  | { readonly type: "F_CLOSE_FILE_CF"; readonly positive: true; readonly speaker: boolean }
  | {
      readonly type: "F_CLOSE_FILE_CF";
      readonly positive: false;
      readonly reason: number;
      readonly text: string;
    }
  | { readonly type: "F_EERP_IND"; readonly eerp: Eerp }
  | { readonly type: "F_NERP_IND"; readonly nerp: Nerp }
  /** The EERP or NERP was taken. */
  | { readonly type: "F_RTR_CF" }
  /**
   * This station is the speaker. `solicited`: it asked for that with F_CLOSE_FILE_RS, and may answer with F_CD_RQ; if not,
   * it may answer with F_RELEASE_RQ instead (section 3.3.4.2, rule 4).
   */
  | { readonly type: "F_CD_IND"; readonly solicited: boolean }
  /** The partner ended the session normally. */
  | { readonly type: "F_RELEASE_IND" }
  /** The session is over: `reason` is an ESIDREAS (99 when the connection was lost), `text` may be empty. */
  | {
      readonly type: "F_ABORT_IND";
      readonly reason: number;
      readonly text: string;
      readonly origin: AbortOrigin;
    }
  | { readonly type: "START_TIMER" }
  | { readonly type: "STOP_TIMER" }
  /** Make a challenge for the partner, then pass AUCH_READY. */
  | { readonly type: "AUCH_NEEDED" }
  /** Open the partner's challenge, then pass AURP_READY. */
  | { readonly type: "AURP_NEEDED"; readonly challenge: Uint8Array }
  /** The caller's mistake (U, W, X and UE in the tables): nothing has changed. */
  | {
      readonly type: "USER_ERROR";
      readonly event: SessionEventType;
      readonly state: SessionStateName;
      readonly text: string;
    };

export type ActionType = Action["type"];
