import { silentLogger } from "@waybill/net-core";
import type { SshChannel, SshSession } from "@waybill/ssh-core";
import type { FileSystem } from "./file-system.js";
import { type SftpSessionOptions, withDefaults } from "./session/session-options.js";
import { SftpSession } from "./session/sftp-session.js";

/** Options of {@link sftpSubsystem}: those of a session, with a file system for all sessions or one for each. */
export interface SftpSubsystemOptions extends Omit<SftpSessionOptions, "fileSystem"> {
  readonly fileSystem: FileSystem | ((session: SshSession) => FileSystem | Promise<FileSystem>);
}

/**
 * The handler of the `sftp` subsystem for the SSH server of ssh-core. Its promise never rejects: it resolves when the
 * session is over and every handle is closed. The client gets exit status 0, or 1 when it broke the protocol or when there
 * was no file system for it.
 */
export function sftpSubsystem(options: SftpSubsystemOptions): (channel: SshChannel) => Promise<void> {
  const logger = options.logger ?? silentLogger;
  return async (channel) => {
    const { session } = channel;
    const sessionLogger = logger.child({ session: session.id, user: session.user });
    // The channel may fail before the session listens to it.
    channel.on("error", () => {});
    try {
      const { fileSystem: source } = options;
      const fileSystem = typeof source === "function" ? await source(session) : source;
      sessionLogger.info("sftp session started");
      await new SftpSession(
        channel,
        withDefaults({ closing: session.closing, ...options, fileSystem, logger: sessionLogger }),
      ).run();
      sessionLogger.info("sftp session ended");
      channel.exit(0);
    } catch (error) {
      sessionLogger.warn({ error }, "sftp session failed");
      channel.exit(1);
    }
  };
}
