import type { Certificate } from "@waybill/cert-store";
import {
  CIPHER_SUITES,
  type CipherSuite,
  cipherSuite,
  DEFAULT_CIPHER_SUITE,
  type Identity,
  type SealOptions,
  seal,
} from "@waybill/cms-security";
import { type Command, InvalidArgumentError, Option } from "commander";
import { collect } from "../../option-parsers.js";
import { reportOutput, STANDARD_OUTPUT } from "../../output-file.js";
import { type Fact, factLines, textLines, widthOf } from "../../text-table.js";
import { UsageError } from "../../usage-error.js";
import { counted } from "./counted.js";
import { addCertificatePasswordOption, addKeyOptions, type KeyOptions } from "./key-options.js";
import { recipientsIn, withIdentities } from "./named-identities.js";
import { inputName, requireReadable, withInput } from "./named-input.js";
import { untilInterrupted } from "./until-interrupted.js";
import { warn, warnOfValidity } from "./warnings.js";
import { requireOutput, writeToStandardOutput, writeWhole } from "./whole-output.js";

interface SealCommandOptions extends KeyOptions {
  readonly sign?: readonly string[];
  readonly compress?: boolean;
  readonly encrypt?: readonly string[];
  readonly suite: CipherSuite;
  readonly includeCertificates?: boolean;
  readonly allowWeak?: boolean;
  readonly out: string;
  readonly force?: boolean;
  readonly quiet?: boolean;
}

const DEFAULT_SUITE = cipherSuite(DEFAULT_CIPHER_SUITE);

export function addSealCommand(cms: Command): void {
  const command = cms
    .command("seal")
    .description("Sign, compress and encrypt a file, each when it is asked for, in this order.")
    .usage("[options] --out <file> <input>")
    .argument("[input]", "the file to seal; - is the standard input")
    .option(
      "--sign <store>",
      "sign with the private key in this store (may be repeated: several signers)",
      collect,
    )
    .option("--compress", "compress (zlib)")
    .option(
      "--encrypt <cert...>",
      "encrypt for whoever has the key of this certificate (several: for each of them)",
    )
    .addOption(
      new Option(
        "--suite <number>",
        `the cipher suite, 01 to ${CIPHER_SUITES.length}; 01 and 02 need --allow-weak`,
      )
        .argParser(suite)
        .default(DEFAULT_SUITE, suiteNumber(DEFAULT_SUITE)),
    )
    .option("--include-certificates", "put the signers' certificates into the file")
    .option("--allow-weak", "let the suites with SHA-1 be used")
    .requiredOption("-o, --out <file>", "where to write it; - is the standard output")
    .option("--force", "replace a file that is there already")
    .option("-q, --quiet", "say nothing but errors");
  addCertificatePasswordOption(addKeyOptions(command))
    .addHelpText(
      "after",
      `
Stores and certificates are files in any format that \`waybill cert show\` reads. --subject, --alias and the like say which
private key of a store signs, when it has several.

Suites:
${CIPHER_SUITES.map((each) => `  ${suiteNumber(each)}  ${each.name}${each.weak ? " (weak)" : ""}`).join("\n")}

Examples:
  waybill cms seal --sign own.p12 --encrypt partner.cer --out order.p7m order.xml
  waybill cms seal --sign own.p12 --compress --encrypt partner.cer --suite 06 --out order.p7m order.xml
  waybill cms seal --encrypt old.cer --encrypt new.cer --out order.p7m order.xml
  tar c drawings | waybill cms seal --sign own.p12 --include-certificates --out drawings.p7m -`,
    )
    .action(async (input: string | undefined, options: SealCommandOptions) => {
      const { path, recipients } = inputAndRecipients(input, options.encrypt ?? []);
      await sealFile(path, { ...options, encrypt: recipients });
    });
}

/** In `--encrypt a.cer INPUT` the option takes the input, too: it is the last that it took. */
function inputAndRecipients(input: string | undefined, encrypt: readonly string[]) {
  if (input !== undefined) return { path: input, recipients: encrypt };
  const last = encrypt.at(-1);
  if (last === undefined || encrypt.length < 2) throw new UsageError("the file to seal is missing");
  return { path: last, recipients: encrypt.slice(0, -1) };
}

async function sealFile(path: string, options: SealCommandOptions): Promise<void> {
  const { sign = [], compress = false, encrypt = [], pkcs11, out } = options;
  const signs = sign.length > 0 || pkcs11 !== undefined;
  requirePossible(options, signs);
  await requireReadable(path);
  await requireOutput(out, { force: options.force ?? false });
  if (options.suite.weak) {
    warn(
      `cipher suite ${suiteNumber(options.suite)} uses SHA-1, which is weak: for partners that can do no better`,
    );
  }
  const recipients = await recipientsIn(encrypt, options);
  await withIdentities(sign, options, "one", async (signers) => {
    warnOfValidity([...signers.map(({ certificate }) => certificate), ...recipients]);
    const facts = await write(path, options, {
      suite: options.suite,
      ...(signs && { sign: { signers, includeCertificates: options.includeCertificates } }),
      compress,
      ...(recipients.length > 0 && { encrypt: { recipients } }),
      allowWeak: options.allowWeak,
    });
    if (options.quiet) return;
    const width = widthOf(out === STANDARD_OUTPUT ? process.stderr : process.stdout);
    const name = out === STANDARD_OUTPUT ? "the standard output" : out;
    const title = `${name}: ${inputName(path)} sealed, ${facts.sealedBytes} bytes from ${facts.contentBytes}`;
    reportOutput(out, [
      ...textLines(title, width),
      ...factLines(sealedFacts(signers, recipients, options), width, "  "),
    ]);
  });
}

function requirePossible(options: SealCommandOptions, signs: boolean): void {
  const { compress, encrypt = [], suite: chosen, includeCertificates, allowWeak, out } = options;
  if (!signs && !compress && encrypt.length === 0) {
    throw new UsageError("say what is to be done: --sign, --compress, --encrypt, or several of them");
  }
  if (includeCertificates && !signs) throw new UsageError("--include-certificates goes with --sign");
  if (chosen.weak && !allowWeak) {
    throw new UsageError(
      `cipher suite ${suiteNumber(chosen)} uses SHA-1, which is weak: it needs --allow-weak`,
    );
  }
  if (out === STANDARD_OUTPUT && process.stdout.isTTY) {
    throw new UsageError("a sealed file is nothing for a terminal: write it to a file, or into a pipe");
  }
}

async function write(path: string, options: SealCommandOptions, how: SealOptions) {
  const { out, force = false, quiet = false } = options;
  // What a stream has taken it may still hold.
  const lent = out !== STANDARD_OUTPUT;
  return untilInterrupted((signal) =>
    withInput(path, { quiet, signal, lent }, async (pieces) => {
      const content = counted(pieces);
      const sealed = counted(seal(content.pieces, { ...how, reuseBuffers: lent }));
      if (out === STANDARD_OUTPUT) await writeToStandardOutput(sealed.pieces);
      else await writeWhole(out, sealed.pieces, { force, signal, lent }, async () => undefined);
      return { contentBytes: content.bytes(), sealedBytes: sealed.bytes() };
    }),
  );
}

function sealedFacts(
  signers: readonly Identity[],
  recipients: readonly Certificate[],
  { compress, suite: chosen }: SealCommandOptions,
): Fact[] {
  const fact = (name: string, certificates: readonly Certificate[]): Fact[] =>
    certificates.length === 0 ? [] : [[name, certificates.map(({ subject }) => subject.text)]];
  const usesSuite = signers.length > 0 || recipients.length > 0;
  return [
    ...fact(
      "signed by",
      signers.map(({ certificate }) => certificate),
    ),
    ...(compress ? [["compressed", "zlib"] as const] : []),
    ...fact("encrypted for", recipients),
    ...(usesSuite ? [["suite", `${suiteNumber(chosen)}, ${chosen.name}`] as const] : []),
  ];
}

function suite(text: string): CipherSuite {
  const found = /^\d{1,2}$/.test(text) && CIPHER_SUITES.find(({ number }) => number === Number(text));
  if (!found) throw new InvalidArgumentError(`there are 01 to ${CIPHER_SUITES.length}`);
  return found;
}

function suiteNumber({ number }: CipherSuite): string {
  return String(number).padStart(2, "0");
}
