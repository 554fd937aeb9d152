import { readFile } from "node:fs/promises";
import { TransferError } from "@waybill/net-core";
import { ask, canAsk } from "./prompt.js";
import { UsageError } from "./usage-error.js";

/** The environment variable that holds a password or passphrase. */
export const PASSWORD_VARIABLE = "WAYBILL_PASSWORD";

/** A password given without asking: the first line of `--password-file`, or the variable. */
export async function givenPassword(passwordFile: string | undefined): Promise<string | undefined> {
  if (passwordFile === undefined) return process.env[PASSWORD_VARIABLE];
  let text: string;
  try {
    text = await readFile(passwordFile, "utf8");
  } catch (error) {
    throw new TransferError("ERR_PASSWORD_FILE", `cannot read the password file ${passwordFile}`, {
      cause: error,
    });
  }
  return text.split(/\r?\n/, 1)[0] ?? "";
}

/** Asks for a secret, or says what is missing when there is no terminal. `what` as in "the password of ann@host". */
export async function askSecret(what: string, signal?: AbortSignal): Promise<string> {
  if (!canAsk()) {
    throw new UsageError(
      `${what} is needed and there is no terminal to ask: use --password-file or ${PASSWORD_VARIABLE}`,
    );
  }
  return ask(`Enter ${what}: `, { hidden: true, signal });
}
