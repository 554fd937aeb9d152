import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { formatKnownHostsLine } from "@waybill/cert-store";
import { errorCode, errorMessage, type LogLevel, TransferError } from "@waybill/net-core";
import type { Command } from "commander";
import { stderrLogger } from "../log-lines.js";
import { logLevelOption, port } from "../option-parsers.js";
import { hashPassword } from "../password-hash.js";
import { keptHostKey, runSftpServer } from "../server-process.js";

interface StartOptions {
  readonly data: string;
  readonly host: string;
  readonly port: number;
  readonly newPassword?: boolean;
  readonly logLevel: LogLevel;
}

const USER = "waybill";

interface KeptUser {
  readonly name: string;
  readonly passwordHash: string;
}

export function addStartCommand(program: Command, done: (exitCode: number) => void): void {
  program
    .command("start")
    .description(
      "Start an SFTP server that needs no settings: folder, host key and user are made at the first start.",
    )
    .option("--data <dir>", "where everything is kept; users see its folder `files`", "waybill-data")
    .option("--host <address>", "the address to listen on", "127.0.0.1")
    .option("--port <port>", "the port to listen on; 0 takes a free one", port, 2222)
    .option("--new-password", "replace the user's password and print the new one")
    .addOption(logLevelOption())
    .action(async (options: StartOptions) => done(await start(options)));
}

async function start(options: StartOptions): Promise<number> {
  const logger = stderrLogger(options.logLevel);
  const data = resolve(options.data);
  const root = join(data, "files");
  try {
    await mkdir(data, { recursive: true, mode: 0o700 });
    await mkdir(root, { recursive: true });
  } catch (error) {
    throw new TransferError("ERR_STATE_FOLDER", `cannot make the folder ${root}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  const hostKey = await keptHostKey(data, logger);
  const { user, password } = await keptUser(join(data, "user.json"), options.newPassword ?? false);
  const settings = {
    root,
    host: options.host,
    port: options.port,
    hostKeys: [hostKey],
    accounts: [{ ...user, authorizedKeysFiles: [] }],
    readOnly: false,
    logger,
  };
  return runSftpServer(settings, async (server) => {
    const knownHosts = join(data, "known_hosts");
    await writeWhole(knownHosts, `${formatKnownHostsLine(server.host, server.port, hostKey.publicKey)}\n`);
    const file = shellWord(relative(process.cwd(), knownHosts));
    return [
      `files:    ${root}`,
      `user:     ${user.name}`,
      `password: ${password ?? "as printed at the first start (--new-password makes another)"}`,
      `try:      sftp -P ${server.port} -o UserKnownHostsFile=${file} ${user.name}@${server.host}`,
    ];
  });
}

/** The user of this folder; the password only when it was made just now. */
async function keptUser(path: string, renew: boolean): Promise<{ user: KeptUser; password?: string }> {
  if (!renew) {
    try {
      return { user: parseUser(await readFile(path, "utf8"), path) };
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }
  const password = randomBytes(12).toString("base64url");
  const user: KeptUser = { name: USER, passwordHash: await hashPassword(password) };
  await writeWhole(path, `${JSON.stringify(user, null, 2)}\n`);
  return { user, password };
}

function parseUser(text: string, path: string): KeptUser {
  try {
    const user: unknown = JSON.parse(text);
    if (typeof user === "object" && user !== null && "name" in user && "passwordHash" in user) {
      const { name, passwordHash } = user;
      if (typeof name === "string" && typeof passwordHash === "string") return { name, passwordHash };
    }
  } catch {}
  throw new TransferError(
    "ERR_STATE_DAMAGED",
    `${path} is damaged: start with --new-password to make it again`,
  );
}

/** Never leaves half a file. Only the owner may read it. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}

/** For the shell, quoted only where it must be. */
function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
