import { readFile } from "node:fs/promises";
import { TransferError } from "@waybill/net-core";
import { ask, canAsk } from "./prompt.js";
import { UsageError } from "./usage-error.js";

/** The environment variable that holds a password or passphrase. */
export const PASSWORD_VARIABLE = "WAYBILL_PASSWORD";
/** The one that holds the passphrase of what is written. */
export const NEW_PASSWORD_VARIABLE = "WAYBILL_NEW_PASSWORD";

/** A password given without asking: the first line of `--password-file`, or the variable. */
export async function givenPassword(
  passwordFile: string | undefined,
  variable: string = PASSWORD_VARIABLE,
): Promise<string | undefined> {
  if (passwordFile === undefined) return process.env[variable];
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

/**
 * The passphrase of something that is about to be written: from `--new-password-file`, the variable, or asked for twice.
 * Errors: {@link UsageError} when it is missing, empty, or the second differs from the first. `without` is what to say
 * instead of giving one.
 */
export async function newSecret(
  what: string,
  passwordFile: string | undefined,
  without?: string,
): Promise<string> {
  const given = await givenPassword(passwordFile, NEW_PASSWORD_VARIABLE);
  const instead = without === undefined ? "" : `, or ${without}`;
  if (given === "") throw new UsageError(`${what} must not be empty${instead}`);
  if (given !== undefined) return given;
  if (!canAsk()) {
    throw new UsageError(
      `${what} is needed and there is no terminal to ask: use --new-password-file or ${NEW_PASSWORD_VARIABLE}${instead}`,
    );
  }
  const first = await ask(`Enter ${what}: `, { hidden: true });
  if (first === "") throw new UsageError(`${what} must not be empty${instead}`);
  const second = await ask("Enter it again: ", { hidden: true });
  if (first !== second) throw new UsageError("the passphrases differ");
  return first;
}
