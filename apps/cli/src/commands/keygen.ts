import { hostname, userInfo } from "node:os";
import { GENERATED_KEY_KINDS, type GeneratedKeyKind, generateHostKey } from "@waybill/cert-store";
import { type Command, Option } from "commander";
import { integer } from "../option-parsers.js";
import { ask, canAsk } from "../prompt.js";
import { givenPassword, PASSWORD_VARIABLE } from "../secrets.js";
import { UsageError } from "../usage-error.js";
import { describeKey } from "./key.js";

interface KeygenOptions {
  readonly type: GeneratedKeyKind;
  readonly bits?: number;
  readonly file: string;
  readonly comment?: string;
  readonly passphrase: boolean;
  readonly passwordFile?: string;
}

export function addKeygenCommand(program: Command): void {
  program
    .command("keygen")
    .description("Make a key pair in OpenSSH's format: FILE (only you can read it) and FILE.pub.")
    .requiredOption(
      "-f, --file <file>",
      "where to write the private key; an existing file is never overwritten",
    )
    .addOption(
      new Option("-t, --type <type>", "the kind of key").choices(GENERATED_KEY_KINDS).default("ed25519"),
    )
    .option("-b, --bits <bits>", "the length of an RSA key (default: 3072)", integer(2048, 8192))
    .option("-C, --comment <text>", "the comment in the key (default: user@host)")
    .option("--no-passphrase", "do not encrypt the private key")
    .option(
      "--password-file <file>",
      `take the passphrase from the first line of a file (or from ${PASSWORD_VARIABLE})`,
    )
    .action(async (options: KeygenOptions) => {
      if (options.bits !== undefined && options.type !== "rsa")
        throw new UsageError("--bits is for RSA keys");
      const passphrase = await newPassphrase(options);
      const key = await generateHostKey(options.file, {
        kind: options.type,
        comment: options.comment ?? `${userInfo().username}@${hostname()}`,
        ...(options.bits !== undefined && { bits: options.bits }),
        ...(passphrase !== undefined && { passphrase }),
      });
      process.stdout.write(`${options.file}\n${options.file}.pub\n${describeKey(key.publicKey)}\n`);
    });
}

async function newPassphrase(options: KeygenOptions): Promise<string | undefined> {
  if (!options.passphrase) return undefined;
  const given = await givenPassword(options.passwordFile);
  if (given !== undefined) return given === "" ? undefined : given;
  if (!canAsk()) {
    throw new UsageError(
      `a passphrase is needed and there is no terminal to ask: use --password-file, ${PASSWORD_VARIABLE} or --no-passphrase`,
    );
  }
  const first = await ask("Enter a passphrase (empty for none): ", { hidden: true });
  const second = await ask("Enter it again: ", { hidden: true });
  if (first !== second) throw new UsageError("the passphrases differ");
  return first === "" ? undefined : first;
}
