import type { Duplex } from "node:stream";
import type { Ssid } from "@waybill/oftp-codec";
import type { NegotiatedSession } from "../machine/index.js";
import { DrivenSession } from "./driven-session.js";
import type { InitiatorOptions, ResponderOptions, SessionEnd } from "./session-options.js";

/** A session that is under way. */
export interface OftpSession {
  /**
   * Resolves once the session has ended, the connection is closed, and every call of the monitor, of its sinks and of its
   * files is settled. Never rejects.
   */
  readonly ended: Promise<SessionEnd>;
  /** The partner's SSID, its password removed, once it has come: before the monitor has admitted it. */
  readonly partner: Ssid | undefined;
  /** What was agreed on, once the session is open; also after its end. */
  readonly negotiated: NegotiatedSession | undefined;
  /** Sends nothing more: after what is under way, the partner gets the turn, and ends the session when it has nothing. */
  stop(): void;
  /** Ends the session at once, with ESID; default reason 05, emergency close down, which also stands for what is no reason. */
  abort(reason?: number, text?: string): void;
}

/**
 * Begins a session over a connection that this station has opened. How it ends is told by `ended`; thrown is only
 * `ERR_OFTP_CONSTANTS` for `constants` that are out of range.
 */
export function initiateSession(socket: Duplex, options: InitiatorOptions): OftpSession {
  const session = new DrivenSession(socket, options);
  session.initiate(options.identity);
  return session;
}

/** Begins a session over a connection that a partner has opened. Otherwise as {@link initiateSession}. */
export function respondSession(socket: Duplex, options: ResponderOptions): OftpSession {
  const session = new DrivenSession(socket, options);
  session.respond(options.refuse);
  return session;
}
