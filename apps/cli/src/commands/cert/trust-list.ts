import { readFile, stat } from "node:fs/promises";
import {
  authoritiesOf,
  describeCertificate,
  openTrustList,
  readTrustListState,
  type TrustList,
  trustListCertificates,
  type VerifiedTrustList,
  verifyTrustListSignature,
} from "@waybill/cert-store";
import { TransferError } from "@waybill/net-core";
import type { Command } from "commander";
import { stderrLogger } from "../../log-lines.js";
import { jsonText, printable } from "../../printable.js";
import { type Fact, factLines, tableLines, widthOf } from "../../text-table.js";
import { timeText } from "./entry-facts.js";
import {
  addDownloadOptions,
  addTrustListOptions,
  type DownloadOptions,
  ODETTE,
  type TrustListOptions,
  trustListPlace,
} from "./trust-list-place.js";

interface UpdateOptions extends TrustListOptions, DownloadOptions {
  readonly json?: boolean;
}

interface ShowOptions extends TrustListOptions {
  readonly json?: boolean;
}

const SOURCE = `the list: ${ODETTE} for Odette's, or an address or a file`;

export function addTrustListCommand(cert: Command): void {
  const group = cert
    .command("trust-list")
    .description("The list of the authorities whose certificates count.");
  const update = group
    .command("update [source]")
    .summary("get the newest list")
    .description(`Get the newest list, verify it, and keep it. SOURCE is ${SOURCE} (default: ${ODETTE}).`);
  addDownloadOptions(addTrustListOptions(update))
    .option("--json", "the list as JSON, for machines")
    .addHelpText(
      "after",
      `
The signer of the first list that is seen is remembered, and is the only one accepted from then on: compare its
thumbprint with what the operator of the list has published, or give it with --signer.

Examples:
  waybill cert trust-list update
  waybill cert trust-list update https://lists.example.com/list.xml --signer 3F2A…`,
    )
    .action(async (source: string | undefined, options: UpdateOptions) =>
      updateList(source ?? ODETTE, options),
    );
  const show = group
    .command("show [source]")
    .summary("show the list that is kept")
    .description(`Show the copy that is kept, or a file. SOURCE is ${SOURCE} (default: ${ODETTE}).`);
  addTrustListOptions(show)
    .option("--json", "the list as JSON, for machines")
    .addHelpText(
      "after",
      `
Examples:
  waybill cert trust-list show
  waybill cert trust-list show list.xml`,
    )
    .action(async (source: string | undefined, options: ShowOptions) => showList(source ?? ODETTE, options));
}

async function updateList(name: string, options: UpdateOptions): Promise<void> {
  const place = trustListPlace(name, options);
  const started = new Date();
  const opened = await openTrustList({
    ...place,
    timeoutMs: options.timeout * 1000,
    redirects: options.redirects,
    onExpired: "warn",
    logger: stderrLogger("error"),
  });
  // Without a copy, or with one that is past its next update, opening has fetched it.
  const isNew = opened.fetchedAt >= started;
  const problem = isNew ? undefined : (await opened.update({ force: true })).problem;
  print({ list: opened.list, signer: opened.signer }, opened.fetchedAt, options.json ?? false);
  // The copy that is kept is shown, but it is not what was asked for.
  if (problem !== undefined) throw problem;
}

async function showList(name: string, options: ShowOptions): Promise<void> {
  const { stateFolder, pinned, source } = trustListPlace(name, options);
  if (options.state === undefined && (await isFile(source))) {
    const list = verifyTrustListSignature(await readFile(source), {
      fileName: source,
      signers: pinned,
    });
    print(list, undefined, options.json ?? false);
    return;
  }
  const kept = await readTrustListState(stateFolder);
  if (kept?.list === undefined) {
    throw new TransferError(
      "ERR_NO_TRUST_LIST",
      `there is no copy of the list in ${stateFolder}: get it with waybill cert trust-list update`,
    );
  }
  const signers = pinned ?? [kept.state.signerThumbprint];
  const list = verifyTrustListSignature(kept.list, { fileName: stateFolder, signers });
  print(list, kept.state.fetchedAt, options.json ?? false);
}

function print({ list, signer }: VerifiedTrustList, fetchedAt: Date | undefined, isJson: boolean): void {
  for (const problem of list.problems) process.stderr.write(`waybill: ${printable(problem.message)}\n`);
  if (isJson) {
    const { problems: _, ...rest } = list;
    const providers = rest.providers.map((provider) => ({
      ...provider,
      services: provider.services.map((service) => ({
        ...service,
        certificates: service.certificates.map(describeCertificate),
        authorities: authoritiesOf(service).map((authority) => authority.thumbprint("sha256")),
      })),
    }));
    process.stdout.write(jsonText({ ...rest, providers, signer: describeCertificate(signer), fetchedAt }));
    return;
  }
  const width = widthOf(process.stdout);
  const now = new Date();
  const { authorities } = trustListCertificates(list);
  const facts: Fact[] = [
    ["list", list.schemeName],
    ["operator", list.operatorName],
    ["issue", `${list.sequenceNumber} of ${timeText(list.issueTime)}`],
    ["next update", nextUpdateText(list, now)],
    ...(fetchedAt === undefined ? [] : [["fetched", timeText(fetchedAt)] as const]),
    ["signed by", [signer.subject.text, `SHA-256 ${signer.thumbprint("sha256")}`]],
    ["authorities", `${authorities.length} active`],
  ];
  const rows = list.providers.flatMap((provider) =>
    provider.services.flatMap((service) =>
      authoritiesOf(service).map((authority) => [
        provider.name,
        authority.subject.text,
        lastWord(service.status),
        authority.notAfter.toISOString().slice(0, 10),
      ]),
    ),
  );
  const table = tableLines(["provider", "authority", "status", "valid until"], rows, width);
  process.stdout.write(`${[...factLines(facts, width), "", ...table].join("\n")}\n`);
}

function nextUpdateText({ nextUpdate }: TrustList, now: Date): string {
  if (nextUpdate === null) return "none: the list is closed";
  return `${timeText(nextUpdate)}${nextUpdate <= now ? " (PASSED)" : ""}`;
}

function lastWord(uri: string): string {
  return uri.slice(uri.lastIndexOf("/") + 1);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}
