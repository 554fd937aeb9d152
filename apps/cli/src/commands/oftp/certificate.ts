import type { Certificate } from "@waybill/cert-store";
import { TransferError } from "@waybill/net-core";
import type { CertificateExchange } from "@waybill/oftp-session";
import type { Command } from "commander";
import { UsageError } from "../../usage-error.js";
import { chooseEntry, withStore } from "../cert/named-store.js";
import { type Call, withCall } from "./call.js";
import { OutgoingFiles } from "./outgoing-files.js";
import { waitForReceipts } from "./receipts.js";
import { certificateText } from "./security-text.js";
import { addCallOptions, type CallCommandOptions, warn } from "./session-options.js";

interface CertificateOptions extends CallCommandOptions {
  readonly request?: boolean;
  readonly deliver?: boolean;
  readonly replace?: boolean;
  readonly file?: string;
  readonly waitReceipt?: boolean;
}

export function addCertificateCommand(oftp: Command, done: (exitCode: number) => void): void {
  addCallOptions(
    oftp
      .command("certificate")
      .description(
        "Call a partner and send it a certificate of this station. Exit code 0 means that it has taken the file.",
      ),
  )
    .option("--deliver", "to be used beside those before it (default)")
    .option("--replace", "to be used in place of those before it")
    .option("--request", "as --deliver, and ask for the partner's in return")
    .option("--file <certificate>", "which one (default: the newest of this station for encryption)")
    .option("--wait-receipt", "exit code 0 only when the partner has accepted it (EERP)")
    .action(async (options: CertificateOptions) => done(await sendCertificate(options)));
}

async function sendCertificate(options: CertificateOptions): Promise<number> {
  const exchange = exchangeOf(options);
  const certificate = options.file === undefined ? undefined : await certificateIn(options.file);
  const outgoing = new OutgoingFiles([
    {
      name: options.file ?? "the certificate",
      queue: async (call) => {
        if (certificate !== undefined) warnOfStrange(certificate, call, options.partner);
        return call.client.queueCertificate(exchange, certificate);
      },
    },
  ]);
  return withCall(options, {
    prepare: (call) => outgoing.queue(call),
    notCalled: (call) => outgoing.leave(call),
    work: async (call) => {
      const sent = await outgoing.send(call);
      if (options.waitReceipt === true) await waitForReceipts(sent, call, options);
    },
  });
}

function exchangeOf({ request, deliver, replace }: CertificateOptions): CertificateExchange {
  const chosen = [
    ...(request ? (["request"] as const) : []),
    ...(deliver ? (["deliver"] as const) : []),
    ...(replace ? (["replace"] as const) : []),
  ];
  if (chosen.length > 1) throw new UsageError("use one of --deliver, --replace and --request");
  return chosen[0] ?? "deliver";
}

async function certificateIn(file: string): Promise<Certificate> {
  return withStore(file, {}, async (store) => {
    const { certificate } = chooseEntry(store, undefined);
    if (certificate !== undefined) return certificate;
    throw new TransferError("ERR_NO_CERTIFICATE", `${file} has no certificate`);
  });
}

/** What a partner encrypts for it could not be opened. */
function warnOfStrange(certificate: Certificate, { config }: Call, name: string): void {
  const entry = config.partners.find(({ partner }) => partner.name === name)?.partner;
  const own = entry?.ownIdentities ?? config.station.identities ?? [];
  if (own.some((identity) => identity.certificate.equals(certificate))) return;
  warn(
    `${certificateText(certificate)} is not among the certificates of this station in ${config.path}: what is encrypted for it cannot be opened yet`,
  );
}
