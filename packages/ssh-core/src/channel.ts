import type { Duplex, Readable, Writable } from "node:stream";
import type { SshSession } from "./session.js";

/**
 * The server's end of a session channel (RFC 4254 section 6), a byte stream under flow control: what is not read is
 * not acknowledged, and a write's callback waits while the other side, or the socket, does not take more.
 *
 * The stream ends when the client has sent EOF. The event `eof` tells of it at once, while what came before it may still
 * be waiting to be read: a client that wants nothing more may not take anything more either. The stream is destroyed,
 * with `ERR_SSH_CONNECTION_LOST`, when the connection drops; nothing written later arrives and no callback is lost.
 */
export interface SshChannel extends Duplex {
  readonly session: SshSession;
  /** Standard error of an exec channel (extended data type 1). */
  readonly stderr: Writable;
  /**
   * Sends the exit status (RFC 4254 section 6.10), then ends the channel once everything written has left.
   * Only the first call counts.
   */
  exit(code: number): void;
}

/** How a remote command ended: a code, or the name of the signal that killed it, or neither. */
export interface SshExit {
  readonly code?: number;
  /** Without `SIG`, as on the wire: `TERM`, `KILL`. */
  readonly signal?: string;
}

/** The client's end of a session channel. Flow control and ends as with {@link SshChannel}. */
export interface SshClientChannel extends Duplex {
  readonly session: SshSession;
  readonly stderr: Readable;
  /** Resolves when the channel is closed. Rejects with `ERR_SSH_CONNECTION_LOST` when the connection drops first. */
  readonly exited: Promise<SshExit>;
}

/** What the layers above need of a client: a command run on the other side. `SshClient` is one. */
export interface SshExecutor {
  /**
   * Runs `command` in the user's shell on the server.
   * Errors: `ERR_SSH_CHANNEL_REFUSED`, `ERR_SSH_CONNECTION_LOST`, `ERR_ABORTED`.
   */
  exec(command: string, options?: { readonly signal?: AbortSignal }): Promise<SshClientChannel>;
}
