import type { Socket } from "node:net";
import {
  type InitiatorOptions,
  initiateSession,
  type OftpSession,
  type ResponderOptions,
  respondSession,
  type SessionEnd,
} from "@waybill/oftp-session";
import { socketPair } from "./socket-pair.js";

export interface SessionPair {
  readonly initiator: OftpSession;
  readonly responder: OftpSession;
  readonly near: Socket;
  readonly far: Socket;
  /** How both ended. */
  readonly ended: Promise<readonly [initiator: SessionEnd, responder: SessionEnd]>;
}

/** Two stations in one session. */
export async function sessionPair(
  initiator: InitiatorOptions,
  responder: ResponderOptions,
): Promise<SessionPair> {
  const { near, far } = await socketPair();
  const answering = respondSession(far, responder);
  const calling = initiateSession(near, initiator);
  return {
    initiator: calling,
    responder: answering,
    near,
    far,
    ended: Promise.all([calling.ended, answering.ended]),
  };
}
