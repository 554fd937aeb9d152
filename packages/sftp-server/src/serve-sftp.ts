import type { Duplex } from "node:stream";
import { type SftpSessionOptions, withDefaults } from "./session/session-options.js";
import { SftpSession } from "./session/sftp-session.js";

/**
 * Serves one SFTP version 3 session on a byte stream (draft-ietf-secsh-filexfer-02 and OpenSSH's extensions).
 *
 * Resolves when the session is over and every handle is closed, whether the client ended it or vanished; then the
 * writing side of the channel is ended. Rejects when the client broke the protocol, and destroys the channel:
 * `ERR_SFTP_PACKET_TOO_LONG`, `ERR_SFTP_PACKET_TOO_SHORT`, `ERR_SFTP_NO_INIT`, `ERR_SFTP_SECOND_INIT`,
 * `ERR_SFTP_VERSION`, `ERR_SFTP_MALFORMED` (of INIT only: other malformed requests are answered and the session goes on),
 * or `ERR_SFTP_INTERNAL` for a fault of this package.
 */
export async function serveSftp(channel: Duplex, options: SftpSessionOptions): Promise<void> {
  try {
    await new SftpSession(channel, withDefaults(options)).run();
  } catch (error) {
    channel.destroy();
    throw error;
  }
  channel.end();
}
