import { type StoreContent, WRITTEN_FORMATS, type WrittenFormat, writeStore } from "@waybill/cert-store";
import { type Command, Option } from "commander";
import { reportOutput, STANDARD_OUTPUT, writeOutput } from "../../output-file.js";
import { NEW_PASSWORD_VARIABLE, newSecret } from "../../secrets.js";
import { UsageError } from "../../usage-error.js";

/** How the passphrase of what is written is given. */
export interface NewPasswordOptions {
  readonly newPasswordFile?: string;
  /** False with `--no-passphrase`. */
  readonly passphrase: boolean;
}

/** What is written, and where. */
export interface WrittenOptions extends NewPasswordOptions {
  readonly to: WrittenFormat;
  readonly out: string;
  readonly force?: boolean;
}

export function addWrittenOptions(command: Command, defaultFormat?: WrittenFormat): Command {
  const format = new Option("--to <format>", "the format to write").choices(WRITTEN_FORMATS);
  if (defaultFormat === undefined) format.makeOptionMandatory();
  else format.default(defaultFormat);
  return addNewPasswordOptions(
    command
      .addOption(format)
      .requiredOption("-o, --out <file>", "where to write it; - is the standard output")
      .option("--force", "replace a file that is there already"),
  );
}

export function addNewPasswordOptions(command: Command): Command {
  return command
    .option(
      "--new-password-file <file>",
      `take the passphrase for the new file from the first line of a file (or from ${NEW_PASSWORD_VARIABLE})`,
    )
    .option("--no-passphrase", "write private keys in the clear");
}

/** Writes entries as the options say; says on the standard error what was written. */
export async function writeEntries(entries: readonly StoreContent[], options: WrittenOptions): Promise<void> {
  const { to: format, out, force = false } = options;
  const keys = holdsKeys(entries, format);
  const passphrase = await passphraseFor(keys, options);
  const data = await writeStore({ format, entries, passphrase });
  await writeOutput(out, data, { force, isSecret: keys > 0 });
  if (out !== STANDARD_OUTPUT) reportOutput(out, [`${out}: ${contentsText(entries, format, keys)}`]);
}

function contentsText(entries: readonly StoreContent[], format: WrittenFormat, keys: number): string {
  const certificates = new Set(
    entries.flatMap(({ certificate, chain = [] }) =>
      [certificate, ...chain].flatMap((one) => (one === undefined ? [] : [one.thumbprint()])),
    ),
  );
  const holdsCertificates = format !== "openssh" && format !== "ppk";
  const parts = [
    ...(holdsCertificates && certificates.size > 0
      ? [count(format === "der" ? 1 : certificates.size, "certificate")]
      : []),
    ...(keys > 0 ? [count(keys, "private key")] : []),
  ];
  return `${format}, ${parts.length === 0 ? "a public key" : parts.join(", ")}`;
}

/** How many private keys will be in the file. */
function holdsKeys(entries: readonly StoreContent[], format: WrittenFormat): number {
  if (format === "pkcs7" || format === "pkcs7-der") return 0;
  if (format === "der" && entries.some((entry) => entry.certificate !== undefined)) return 0;
  return entries.filter((entry) => entry.privateKey !== undefined).length;
}

async function passphraseFor(keys: number, options: WrittenOptions): Promise<string | undefined> {
  const { to: format, out, newPasswordFile } = options;
  const what = `a passphrase for ${out === STANDARD_OUTPUT ? "the new file" : out}`;
  if (format === "pkcs12") {
    if (!options.passphrase) throw new UsageError("a PKCS#12 file always has a passphrase");
    return newSecret(what, newPasswordFile);
  }
  if (keys === 0 || !options.passphrase) return undefined;
  if (format === "jwk") {
    throw new UsageError(
      "JWK has no encryption: add --no-passphrase to write the private key in the clear, or --no-key to leave it out",
    );
  }
  return newSecret(what, newPasswordFile, "--no-passphrase");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
