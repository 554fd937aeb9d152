import { readFile } from "node:fs/promises";
import { type AuthorizedKey, checkAuthorizedKey, parseAuthorizedKeys } from "@waybill/cert-store";
import { errorMessage, type Logger, TransferError } from "@waybill/net-core";
import type { AuthenticationHooks } from "@waybill/ssh-core";
import { hashPassword, verifyPassword } from "./password-hash.js";

/** A user of the server. */
export interface Account {
  readonly name: string;
  /** As `hashPassword` makes it; a user without one cannot log in by password. */
  readonly passwordHash?: string;
  /** Files in OpenSSH's authorized_keys format, read at every login. */
  readonly authorizedKeysFiles: readonly string[];
}

/** Authentication by the accounts' passwords and keys. Errors: `ERR_AUTHORIZED_KEYS_UNREADABLE`. */
export async function accountHooks(
  accounts: readonly Account[],
  logger: Logger,
): Promise<AuthenticationHooks> {
  const byName = new Map(accounts.map((account) => [account.name, account]));
  // Read once now, so that a wrong path or a damaged line shows at the start and not at the first login.
  for (const account of accounts) await authorizedKeys(account, logger);
  // A wrong user must take as long as a wrong password.
  const nobody = await hashPassword("");
  return {
    ...(accounts.some((account) => account.passwordHash !== undefined) && {
      password: async ({ user, password }) => {
        const kept = byName.get(user)?.passwordHash;
        const matches = await verifyPassword(password, kept ?? nobody);
        return kept !== undefined && matches;
      },
    }),
    ...(accounts.some((account) => account.authorizedKeysFiles.length > 0) && {
      publicKey: async ({ user, key, remote }) => {
        const account = byName.get(user);
        if (account === undefined) return false;
        const keys = await authorizedKeys(account, logger);
        return keys.some(
          (entry) =>
            entry.key.equals(key) && checkAuthorizedKey(entry, { address: remote.address }) === "allowed",
        );
      },
    }),
  };
}

async function authorizedKeys(account: Account, logger: Logger): Promise<AuthorizedKey[]> {
  const all: AuthorizedKey[] = [];
  for (const path of account.authorizedKeysFiles) {
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      throw new TransferError(
        "ERR_AUTHORIZED_KEYS_UNREADABLE",
        `cannot read the authorized keys of ${account.name} in ${path}: ${errorMessage(error)}`,
        { cause: error },
      );
    }
    const { keys, problems } = parseAuthorizedKeys(text, { fileName: path });
    for (const problem of problems) logger.warn({ file: path, line: problem.line }, problem.message);
    for (const key of keys) {
      const { command } = key.options;
      // A key that may run one command only may not do all that SFTP can.
      if (command === undefined || command.trim() === "internal-sftp") all.push(key);
      else logger.warn({ file: path, line: key.line }, "key left out: its command is not internal-sftp");
    }
  }
  return all;
}
