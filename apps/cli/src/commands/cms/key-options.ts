import type { Command } from "commander";
import {
  addPasswordOptions,
  addSelectionOptions,
  type SelectionOptions,
  type StoreOptions,
} from "../cert/store-options.js";

/** How private keys and partners' certificates are found. */
export interface KeyOptions extends Omit<StoreOptions, "format">, SelectionOptions {
  readonly certificatePasswordFile?: string;
}

export function addKeyOptions(command: Command): Command {
  return addSelectionOptions(
    addPasswordOptions(command)
      .option("--pkcs11 <module>", "a private key in a token: the PKCS#11 library of its maker")
      .option("--token <label>", "which token, when the module has several"),
  );
}

/** For commands that open partners' certificates, too. */
export function addCertificatePasswordOption(command: Command): Command {
  return command.option(
    "--certificate-password-file <file>",
    "the password of files with partners' certificates, when it is another",
  );
}
