import { stat } from "node:fs/promises";
import { join } from "node:path";
import { generateHostKey, readPrivateKey, type SoftwarePrivateKey } from "@waybill/cert-store";
import { formatAddress, isTransferError, type Logger } from "@waybill/net-core";
import { localFileSystem, sftpSubsystem } from "@waybill/sftp-server";
import { listenSsh, type SshServer } from "@waybill/ssh-core";
import { type Account, accountHooks } from "./accounts.js";
import { tuneHeapForTransfers } from "./heap-tuning.js";
import { untilSignal } from "./until-signal.js";

export interface ServerSettings {
  readonly root: string;
  readonly host: string;
  readonly port: number;
  readonly hostKeys: readonly SoftwarePrivateKey[];
  readonly accounts: readonly Account[];
  readonly readOnly: boolean;
  readonly logger: Logger;
}

/**
 * Runs the SFTP server until a signal ends it, and resolves to the exit code. Once it accepts connections it prints the
 * line that says so, then the lines of `announce`. Errors: those of what it is made of.
 */
export async function runSftpServer(
  settings: ServerSettings,
  announce: (server: SshServer) => readonly string[] | Promise<readonly string[]> = () => [],
): Promise<number> {
  const server = await listenWith(settings);
  if (process.getuid?.() === 0 && !settings.readOnly) {
    settings.logger.warn(
      "running as root: clients can change owners and set set-user-id; use a user of its own",
    );
  }
  // Before anything is printed: whoever reads that we listen may send a signal at once.
  const ended = untilSignal(server, settings.logger);
  try {
    const fingerprints = server.hostKeys.map((key) => key.fingerprint()).join(" ");
    const lines = [
      `listening on ${formatAddress(server.host, server.port)} (host key ${fingerprints})`,
      ...(await announce(server)),
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  } catch (error) {
    await server.close();
    throw error;
  }
  return ended;
}

async function listenWith(settings: ServerSettings): Promise<SshServer> {
  tuneHeapForTransfers();
  const { logger, readOnly } = settings;
  const fileSystem = await localFileSystem(settings.root, { readOnly });
  const server = await listenSsh({
    host: settings.host,
    port: settings.port,
    hostKeys: settings.hostKeys,
    authentication: await accountHooks(settings.accounts, logger),
    subsystems: { sftp: sftpSubsystem({ fileSystem, readOnly, logger }) },
    logger,
  });
  server.on("login", ({ session, methods }) =>
    logger.info(
      {
        session: session.id,
        user: session.user,
        address: session.remote.address,
        methods: methods.join("+"),
      },
      "login",
    ),
  );
  server.on("logout", ({ session, error }) =>
    logger.info(
      {
        session: session.id,
        user: session.user,
        received: session.bytesReceived,
        sent: session.bytesSent,
        error,
      },
      "logout",
    ),
  );
  return server;
}

/** The host key that the server keeps in its state folder; made at the first start. */
export async function keptHostKey(stateFolder: string, logger: Logger): Promise<SoftwarePrivateKey> {
  const path = join(stateFolder, "ssh_host_ed25519_key");
  if (!(await exists(path))) {
    try {
      const key = await generateHostKey(path);
      logger.info({ file: path, fingerprint: key.publicKey.fingerprint() }, "made a host key");
      return key;
    } catch (error) {
      // Another process was faster: its key is as good.
      if (!isTransferError(error, "ERR_KEY_EXISTS")) throw error;
    }
  }
  return readPrivateKey(path);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
