import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import ssh2 from "ssh2";

// The one place that knows what the engine (ssh2 1.17) keeps to itself and we need. Its exact version range is
// pinned in package.json for this file's sake.

/** The parts of the engine's channel that we use. */
export interface EngineChannel extends NodeJS.EventEmitter {
  readonly stderr: Readable | Writable;
  pause(): unknown;
  resume(): unknown;
  write(chunk: Uint8Array, callback: (error?: Error | null) => void): boolean;
  end(callback?: () => void): unknown;
  destroy(): unknown;
  close(): void;
}

export interface EngineServerChannel extends EngineChannel {
  readonly stderr: Writable;
  exit(status: number): void;
}

export interface EngineClientChannel extends EngineChannel {
  readonly stderr: Readable;
}

interface ChannelInternals {
  readonly incoming: { readonly state: "open" | "eof" | "closed"; readonly window: number };
}

function internalsOf(channel: EngineChannel): ChannelInternals {
  return channel as unknown as ChannelInternals;
}

/** Whether the other side has sent EOF or closed the channel (RFC 4254 section 5.3). */
export function incomingEnded(channel: EngineChannel): boolean {
  return internalsOf(channel).incoming.state !== "open";
}

/** Whether the other side has sent more than the window allowed (RFC 4254 section 5.2). */
export function windowOverrun(channel: EngineChannel): boolean {
  return internalsOf(channel).incoming.window < 0;
}

interface ConnectionInternals {
  readonly _protocol: { rekey(): void };
  readonly _sock: Socket;
}

/** The socket that a server's connection was given. */
export function socketOf(connection: ssh2.Connection): Socket {
  return (connection as unknown as ConnectionInternals)._sock;
}

/** What a server called itself, without `SSH-2.0-`. */
export function remoteSoftwareOf(client: ssh2.Client): string {
  return (client as unknown as { readonly _remoteVer?: string })._remoteVer ?? "";
}

/** Starts a key re-exchange (RFC 4253 section 9); does nothing while one is under way. */
export function rekey(connection: NodeJS.EventEmitter): void {
  (connection as unknown as ConnectionInternals)._protocol.rekey();
}

/** Verifies a client's public key signature (RFC 4252 section 7) in the form in which the engine hands it over. */
export function verifyEngineSignature(
  blob: Buffer,
  data: Buffer,
  signature: Buffer,
  hash: string | undefined,
): boolean {
  const key = ssh2.utils.parseKey(blob);
  if (key instanceof Error || Array.isArray(key)) return false;
  return key.verify(data, signature, hash) === true;
}
