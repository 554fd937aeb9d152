import {
  type CertificateRequestOptions,
  createCertificateRequest,
  type PrivateKey,
} from "@waybill/cert-store";
import { type Command, Option } from "commander";
import { collect } from "../../option-parsers.js";
import { reportOutput, writeOutput } from "../../output-file.js";
import { factLines, widthOf } from "../../text-table.js";
import { UsageError } from "../../usage-error.js";
import { requestFacts } from "./entry-facts.js";
import { addNameOptions, alternativeNames, type NameOptions } from "./name-options.js";
import { addKeyOptions, type KeyOptions, withKey } from "./new-key.js";

interface RequestOptions extends KeyOptions, NameOptions {
  readonly profile: "oftp2" | "plain";
  readonly hostName?: string;
  readonly odetteId?: string;
  readonly organization?: string;
  readonly organizationalUnit?: string;
  readonly locality?: string;
  readonly state?: string;
  readonly country?: string;
  readonly emailAddress?: string;
  readonly subject?: string;
  readonly purpose?: readonly string[];
}

export function addRequestCommand(cert: Command): void {
  const command = cert
    .command("request")
    .description("Make a certificate signing request, for a new key or for one that is there.")
    .addOption(
      new Option(
        "--profile <profile>",
        "oftp2: what OFTP2 partners use; plain: --subject and what else is given",
      )
        .choices(["oftp2", "plain"])
        .default("oftp2"),
    )
    .requiredOption("-o, --out <file>", "where to write the request, as PEM")
    .option("--host-name <name>", "oftp2: the name that partners connect to")
    .option("--odette-id <id>", "oftp2: the Odette ID (SSID code), as in O0013000001EXAMPLE")
    .option("--organization <name>", "oftp2: the company")
    .option("--organizational-unit <name>", "oftp2: the department")
    .option("--locality <name>", "oftp2: the town")
    .option("--state <name>", "oftp2: the state or province")
    .option("--country <code>", "oftp2: two letters, as in DE")
    .option("--email-address <address>", "oftp2: the e-mail address in the subject")
    .option("--subject <name>", "plain: as in CN=host.example.com,O=Example (RFC 4514)")
    .option(
      "--purpose <purpose>",
      "plain: an extended key usage: serverAuth … or an OID (may be repeated)",
      collect,
    );
  addKeyOptions(addNameOptions(command))
    .addHelpText(
      "after",
      `
Examples:
  waybill cert request --host-name oftp.example.com --odette-id O0013000001EXAMPLE --organization Example \\
    --country DE --key-out oftp.key --out oftp.csr
  waybill cert request --profile plain --subject CN=host.example.com --dns host.example.com \\
    --key host.p12 --out host.csr

Send the request to the authority, keep the key, and bring both together with waybill cert join.`,
    )
    .action(async (options: RequestOptions) => request(options));
}

async function request(options: RequestOptions): Promise<void> {
  const contents = contentsOf(options);
  const { out, force = false } = options;
  const made = await withKey(options, (key) => createCertificateRequest(contents(key)));
  await writeOutput(out, Buffer.from(made.pem), { force, isSecret: false });
  reportOutput(out, factLines(requestFacts(made), widthOf(process.stdout)));
}

/** Complains before a key is made. */
function contentsOf(options: RequestOptions): (key: PrivateKey) => CertificateRequestOptions {
  const subjectAltNames = alternativeNames(options);
  const { profile, subject, purpose, hostName, odetteId } = options;
  if (profile === "plain") {
    if (subject === undefined) throw new UsageError("the plain profile needs --subject");
    if (hostName !== undefined || odetteId !== undefined) {
      throw new UsageError("--host-name and --odette-id are for the profile oftp2");
    }
    return (key) => ({ key, subject, subjectAltNames, extendedKeyUsage: purpose });
  }
  if (subject !== undefined || purpose !== undefined) {
    throw new UsageError("--subject and --purpose are for --profile plain");
  }
  if (hostName === undefined || odetteId === undefined) {
    throw new UsageError("the profile oftp2 needs --host-name and --odette-id; else use --profile plain");
  }
  const { organization, organizationalUnit, locality, state, country, emailAddress } = options;
  const company = { organization, organizationalUnit, locality, state, country, emailAddress };
  return (key) => ({ profile, key, hostName, odetteId, ...company, subjectAltNames });
}
