import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import {
  type InitiatorOptions,
  initiateSession,
  type OftpSession,
  type ResponderOptions,
  respondSession,
  type SessionEnd,
} from "@waybill/oftp-session";

/** Two ends of a connection over loopback. */
export async function socketPair(): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const near = connect({ port: address.port, host: "127.0.0.1", noDelay: true });
  const [far] = await accepted;
  server.close();
  far.setNoDelay(true);
  return { near, far };
}

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
