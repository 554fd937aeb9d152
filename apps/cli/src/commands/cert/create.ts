import { createSelfSignedCertificate, KEY_USAGES, type KeyUsage } from "@waybill/cert-store";
import { type Command, InvalidArgumentError } from "commander";
import { collect, integer } from "../../option-parsers.js";
import { reportOutput, writeOutput } from "../../output-file.js";
import { factLines, widthOf } from "../../text-table.js";
import { certificateFacts } from "./entry-facts.js";
import { addNameOptions, alternativeNames, type NameOptions } from "./name-options.js";
import { addKeyOptions, type KeyOptions, withKey } from "./new-key.js";

interface CreateOptions extends KeyOptions, NameOptions {
  readonly subject: string;
  readonly days: number;
  readonly keyUsage?: readonly KeyUsage[];
  readonly purpose?: readonly string[];
  readonly ca?: boolean;
  readonly pathLength?: number;
}

export function addCreateCommand(cert: Command): void {
  const command = cert
    .command("create")
    .description("Make a self-signed certificate, for a new key or for one that is there.")
    .requiredOption("--subject <name>", "as in CN=host.example.com,O=Example (RFC 4514)")
    .requiredOption("-o, --out <file>", "where to write the certificate, as PEM")
    .option("--days <number>", "how long it is valid", integer(1, 36_500), 730);
  addKeyOptions(addNameOptions(command))
    .option("--key-usage <usage>", `one of ${KEY_USAGES.join(", ")} (may be repeated)`, collectUsage)
    .option(
      "--purpose <purpose>",
      "an extended key usage: serverAuth, clientAuth … or an OID (may be repeated)",
      collect,
    )
    .option("--ca", "make it an authority's")
    .option("--path-length <number>", "how many authorities may be below this one", integer(0, 16))
    .addHelpText(
      "after",
      `
Examples:
  waybill cert create --subject CN=host.example.com --dns host.example.com --key-out host.key --out host.pem
  waybill cert create --subject "CN=Our Root,O=Example,C=DE" --ca --days 3650 --key root.p12 --out root.pem`,
    )
    .action(async (options: CreateOptions) => create(options));
}

async function create(options: CreateOptions): Promise<void> {
  const { subject, days, ca = false, pathLength, keyUsage, purpose, out, force = false } = options;
  const certificate = await withKey(options, (key) =>
    createSelfSignedCertificate({
      key,
      subject,
      validityDays: days,
      subjectAltNames: alternativeNames(options),
      keyUsage,
      extendedKeyUsage: purpose,
      ...((ca || pathLength !== undefined) && { ca: { pathLength } }),
    }),
  );
  await writeOutput(out, Buffer.from(certificate.pem), { force, isSecret: false });
  reportOutput(out, factLines(certificateFacts(certificate, new Date()), widthOf(process.stdout)));
}

function collectUsage(value: string, previous: readonly KeyUsage[] | undefined): KeyUsage[] {
  const usage = KEY_USAGES.find((known) => known === value);
  if (usage === undefined) throw new InvalidArgumentError(`it must be one of ${KEY_USAGES.join(", ")}`);
  return [...(previous ?? []), usage];
}
