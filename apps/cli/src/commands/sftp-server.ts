import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { errorMessage, type LogLevel, TransferError } from "@waybill/net-core";
import type { Command } from "commander";
import type { Account } from "../accounts.js";
import { stderrLogger } from "../log-lines.js";
import { collect, logLevelOption, port } from "../option-parsers.js";
import { hashPassword } from "../password-hash.js";
import { openPrivateKey } from "../private-key-file.js";
import { PASSWORD_VARIABLE } from "../secrets.js";
import { keptHostKey, runSftpServer } from "../server-process.js";
import { UsageError } from "../usage-error.js";

interface SftpServerOptions {
  readonly root: string;
  readonly host: string;
  readonly port: number;
  readonly hostKey?: string[];
  readonly user?: string[];
  readonly authorizedKeys?: string[];
  readonly readOnly?: boolean;
  readonly state: string;
  readonly logLevel: LogLevel;
}

export function addSftpServerCommand(program: Command, done: (exitCode: number) => void): void {
  program
    .command("sftp-server")
    .description("Serve a folder over SFTP.")
    .requiredOption("--root <dir>", "the folder that users see as /")
    .option("--host <address>", "the address to listen on", "127.0.0.1")
    .option("--port <port>", "the port to listen on; 0 takes a free one", port, 2222)
    .option(
      "--host-key <file>",
      `a private host key, one of each type; ${PASSWORD_VARIABLE} holds its passphrase (default: one made in --state)`,
      collect,
    )
    .option("--user <name:password>", "a user who logs in with a password (may be repeated)", collect)
    .option(
      "--authorized-keys <name=file>",
      "a user who logs in with the keys of a file in OpenSSH's format (may be repeated)",
      collect,
    )
    .option("--read-only", "refuse every change")
    .option("--state <dir>", "where the server keeps its own host key", defaultStateFolder())
    .addOption(logLevelOption())
    .action(async (options: SftpServerOptions) => done(await serve(options)));
}

async function serve(options: SftpServerOptions): Promise<number> {
  const logger = stderrLogger(options.logLevel);
  const accounts = await parseAccounts(options.user ?? [], options.authorizedKeys ?? []);
  const hostKeys =
    options.hostKey === undefined
      ? [await makeStateFolder(options.state).then((folder) => keptHostKey(folder, logger))]
      : await Promise.all(
          options.hostKey.map((path) => openPrivateKey(path, process.env[PASSWORD_VARIABLE])),
        );
  return runSftpServer({
    root: options.root,
    host: options.host,
    port: options.port,
    hostKeys,
    accounts,
    readOnly: options.readOnly ?? false,
    logger,
  });
}

async function parseAccounts(users: readonly string[], keys: readonly string[]): Promise<Account[]> {
  const accounts = new Map<string, { passwordHash?: string; authorizedKeysFiles: string[] }>();
  const account = (name: string) => {
    const entry = accounts.get(name) ?? { authorizedKeysFiles: [] };
    accounts.set(name, entry);
    return entry;
  };
  for (const text of users) {
    const [name, password] = splitOnce(text, ":", "--user NAME:PASSWORD");
    account(name).passwordHash = await hashPassword(password);
  }
  for (const text of keys) {
    const [name, file] = splitOnce(text, "=", "--authorized-keys NAME=FILE");
    account(name).authorizedKeysFiles.push(file);
  }
  if (accounts.size === 0) {
    throw new UsageError("nobody could log in: add --user NAME:PASSWORD or --authorized-keys NAME=FILE");
  }
  return [...accounts].map(([name, entry]) => ({ name, ...entry }));
}

/** Never shows `text`: it may hold a password. */
function splitOnce(text: string, separator: string, usage: string): [string, string] {
  const at = text.indexOf(separator);
  if (at < 1 || at === text.length - 1) throw new UsageError(`an option is not of the form ${usage}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function defaultStateFolder(): string {
  return join(process.env.XDG_STATE_HOME ?? join(homedir(), ".local", "state"), "waybill");
}

async function makeStateFolder(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  } catch (error) {
    throw new TransferError(
      "ERR_STATE_FOLDER",
      `cannot make the state folder ${path}: ${errorMessage(error)}`,
      {
        cause: error,
      },
    );
  }
}
