import { type Certificate, parseCertificate } from "@waybill/cert-store";
import { type OpenOptions, type OpenResult, open, type SignerResolver } from "@waybill/cms-security";
import { isTransferError } from "@waybill/net-core";
import type { Command } from "commander";
import { collect, integer } from "../../option-parsers.js";
import { reportOutput, STANDARD_OUTPUT } from "../../output-file.js";
import { factLines, textLines, widthOf } from "../../text-table.js";
import { UsageError } from "../../usage-error.js";
import { addCertificatePasswordOption, addKeyOptions, type KeyOptions } from "./key-options.js";
import { signersIn, withIdentities } from "./named-identities.js";
import { inputName, requireReadable, withInput } from "./named-input.js";
import { type OpenCircumstances, openFailure } from "./open-failure.js";
import { openedFacts, warnOfOpened } from "./opened-facts.js";
import { withoutPem } from "./pem-content.js";
import { untilInterrupted } from "./until-interrupted.js";
import { warningLogger } from "./warnings.js";
import { requireOutput, writeWhole } from "./whole-output.js";

interface OpenCommandOptions extends KeyOptions {
  readonly key?: readonly string[];
  readonly signer?: readonly string[];
  readonly anySigner?: boolean;
  readonly allowWeak?: boolean;
  readonly allowExpired?: boolean;
  readonly maxSize?: number;
  readonly out: string;
  readonly force?: boolean;
  readonly quiet?: boolean;
}

export function addOpenCommand(cms: Command): void {
  const command = cms
    .command("open")
    .description(
      "Decrypt, decompress and verify a file. The output appears only when everything was verified.",
    )
    .usage("[options] --out <file> <input>")
    .argument("<input>", "the sealed file; - is the standard input")
    .option("--key <store>", "decrypt with the private keys in this store (may be repeated)", collect)
    .option(
      "--signer <cert>",
      "it must be signed with this certificate, or one of those in this file (may be repeated: any of them)",
      collect,
    )
    .option(
      "--any-signer",
      "it must be signed, by whomever: with the certificate in the file, for which nobody vouches",
    )
    .option("--allow-weak", "accept signatures with SHA-1")
    .option("--allow-expired", "accept signers whose certificate is not valid now")
    .option("--max-size <bytes>", "the most that may come out of it", integer(0, Number.MAX_SAFE_INTEGER))
    .requiredOption("-o, --out <file>", "where to write what was in it")
    .option("--force", "replace a file that is there already")
    .option("-q, --quiet", "say nothing but errors and warnings");
  addCertificatePasswordOption(addKeyOptions(command))
    .addHelpText(
      "after",
      `
Without --signer and --any-signer a signed file is refused. Without --max-size what is compressed may become 200 times as large
as the sealed file.

Examples:
  waybill cms open --key own.p12 --signer partner.cer --out order.xml order.p7m
  waybill cms open --key own.p12 --signer old.cer --signer new.cer --out order.xml order.p7m
  waybill cms open --signer partner.cer --out order.xml order.p7m
  waybill cms open --any-signer --out order.xml order.p7m`,
    )
    .action(async (input: string, options: OpenCommandOptions) => openFile(input, options));
}

async function openFile(input: string, options: OpenCommandOptions): Promise<void> {
  const { key = [], signer = [], anySigner = false, out, force = false } = options;
  if (out === STANDARD_OUTPUT) {
    throw new UsageError(
      "--out - is not possible: nothing may leave before everything was verified, which is at the end of the file",
    );
  }
  if (anySigner && signer.length > 0) throw new UsageError("use either --signer or --any-signer, not both");
  await requireReadable(input);
  await requireOutput(out, { force });
  const certificates = await signersIn(signer, options);
  await withIdentities(key, options, "all", async (keys) => {
    const signers = anySigner ? "any" : signer.length > 0 ? "named" : "none";
    const circumstances: OpenCircumstances = { hasKeys: keys.length > 0, signers };
    const result = await write(input, options, circumstances, {
      keys,
      ...signerOptions(signers, certificates),
    });
    warnOfOpened(result, circumstances);
    if (options.quiet) return;
    const width = widthOf(process.stdout);
    reportOutput(out, [
      ...textLines(
        `${out}: ${inputName(input)} opened, ${result.contentBytes} bytes from ${result.sealedBytes}`,
        width,
      ),
      ...factLines(openedFacts(result, circumstances), width, "  "),
    ]);
  });
}

/** Without a name a signature is refused where it begins, not after the whole file. */
function signerOptions(
  signers: OpenCircumstances["signers"],
  certificates: readonly Certificate[],
): Pick<OpenOptions, "signers" | "expect"> {
  if (signers === "named") return { signers: certificates };
  return signers === "any" ? { signers: included } : { expect: { signed: false } };
}

const included: SignerResolver = ({ certificates }) =>
  certificates.flatMap((der) => {
    try {
      return [parseCertificate(der)];
    } catch (error) {
      // Anybody can put anything there.
      if (isTransferError(error)) return [];
      throw error;
    }
  });

function write(
  input: string,
  options: OpenCommandOptions,
  circumstances: OpenCircumstances,
  how: OpenOptions,
): Promise<OpenResult> {
  const { out, force = false, quiet = false, allowWeak, allowExpired: allowExpiredSigner, maxSize } = options;
  return untilInterrupted((signal) =>
    withInput(input, { quiet, signal }, async (pieces) => {
      const message = open(withoutPem(pieces), {
        ...how,
        allowWeak,
        allowExpiredSigner,
        limits: { ...(maxSize !== undefined && { contentBytes: maxSize }) },
        logger: warningLogger(),
      });
      try {
        return await writeWhole(out, message.content, { force, signal }, () => message.result);
      } catch (error) {
        throw openFailure(error, input, circumstances);
      }
    }),
  );
}
