import { type EntrySelector, STORE_FORMATS } from "@waybill/cert-store";
import { type Command, Option } from "commander";
import { PASSWORD_VARIABLE } from "../../secrets.js";

/** How a store is opened. */
export interface StoreOptions {
  readonly format?: (typeof STORE_FORMATS)[number] | "auto";
  readonly passwordFile?: string;
  readonly keyPasswordFile?: string;
  readonly pkcs11?: string;
  readonly token?: string;
}

/** Which of its entries is meant. */
export interface SelectionOptions {
  readonly subject?: string;
  readonly issuer?: string;
  readonly serial?: string;
  readonly thumbprint?: string;
  readonly alias?: string;
}

const FILE_FORMATS = ["auto", ...STORE_FORMATS.filter((format) => format !== "pkcs11")];

export function addStoreOptions(command: Command): Command {
  return addPasswordOptions(command)
    .addOption(
      new Option(
        "--format <format>",
        "what the file is; `system` (without a file) is the trust store of this machine",
      )
        .choices(FILE_FORMATS)
        .default("auto", "auto: told from its content"),
    )
    .option("--pkcs11 <module>", "a token instead of a file: the PKCS#11 library of its maker")
    .option("--token <label>", "which token, when the module has several");
}

/** For commands that open files with several passwords of the same kind. */
export function addPasswordOptions(command: Command): Command {
  return command
    .option(
      "--password-file <file>",
      `take the password (or the PIN of a token) from the first line of a file (or from ${PASSWORD_VARIABLE})`,
    )
    .option("--key-password-file <file>", "the same for private keys with a password of their own");
}

export function addSelectionOptions(command: Command): Command {
  return command
    .option(
      "--subject <text>",
      "the subject, a value in it or a part of it; * is the first with a private key",
    )
    .option("--issuer <text>", "the same of the issuer")
    .option("--serial <hex>", "the serial number")
    .option("--thumbprint <hex>", "the SHA-256, SHA-1 or MD5 thumbprint")
    .option("--alias <name>", "the name in the store");
}

/** The selector that the options say; undefined when they say nothing. */
export function selectorOf(options: SelectionOptions): EntrySelector | undefined {
  const { subject, issuer, serial: serialNumber, thumbprint, alias } = options;
  const selector = { subject, issuer, serialNumber, thumbprint, alias };
  return Object.values(selector).every((value) => value === undefined) ? undefined : selector;
}
