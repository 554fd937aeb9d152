import { readFile } from "node:fs/promises";
import {
  type Certificate,
  type CertificateStore,
  openSystemStore,
  openTrustList,
  type RevocationMode,
  type RevocationOptions,
  revocationSource,
  type TrustFailure,
  type TrustList,
  trustListCertificates,
  trustListStep,
  type VerifyCertificateOptions,
  verifyCertificate,
} from "@waybill/cert-store";
import { errorMessage, TransferError } from "@waybill/net-core";
import { type Command, InvalidArgumentError, Option } from "commander";
import { stderrLogger } from "../../log-lines.js";
import { collect, integer } from "../../option-parsers.js";
import { UsageError } from "../../usage-error.js";
import { chooseEntry, withStore } from "./named-store.js";
import {
  addSelectionOptions,
  addStoreOptions,
  type SelectionOptions,
  type StoreOptions,
  selectorOf,
} from "./store-options.js";
import {
  addDownloadOptions,
  addTrustListOptions,
  type DownloadOptions,
  noDownloads,
  ODETTE,
  revocationFolder,
  type TrustListOptions,
  trustListPlace,
} from "./trust-list-place.js";
import { resultJson, resultText } from "./trust-result.js";

interface VerifyOptions
  extends StoreOptions,
    SelectionOptions,
    TrustListOptions,
    DownloadOptions,
    Pick<RevocationOptions, "combine" | "scope"> {
  readonly trust?: readonly string[];
  readonly trustSystem?: boolean;
  readonly trustList?: string;
  readonly untrusted: "error" | "warn";
  readonly intermediates?: readonly string[];
  readonly trustPasswordFile?: string;
  readonly pin?: readonly string[];
  readonly purpose?: string;
  readonly hostName?: string;
  readonly at?: Date;
  readonly crl: RevocationMode;
  readonly ocsp: RevocationMode;
  readonly crlFile?: readonly string[];
  readonly ocspFile?: readonly string[];
  readonly cache?: string;
  readonly maxAge?: number;
  readonly offline?: boolean;
  readonly downloadIssuers?: boolean;
  readonly allowSha1?: boolean;
  readonly json?: boolean;
}

const MODES: readonly RevocationMode[] = ["off", "soft", "hard"];
const HOUR_MS = 60 * 60 * 1000;

export function addVerifyCommand(cert: Command, done: (exitCode: number) => void): void {
  const command = cert
    .command("verify [file]")
    .description("Say whether a certificate is to be trusted, and if not, why. Exit code 0: trusted, 1: not.")
    .option(
      "--trust <file>",
      "certificates that are trusted: a store in any format (may be repeated)",
      collect,
    )
    .option("--trust-password-file <file>", "the password of those files, and of --intermediates")
    .option("--trust-system", "trust what this machine trusts")
    .option("--trust-list <source>", `trust the authorities of a trust list: ${ODETTE}, an address or a file`)
    .addOption(
      new Option("--untrusted <choice>", "what it means that the trust list does not have the issuer")
        .choices(["error", "warn"])
        .default("error"),
    )
    .option(
      "--intermediates <file>",
      "certificates that may lie between, not trusted (may be repeated)",
      collect,
    )
    .option(
      "--pin <thumbprint>",
      "one of these must be in the chain, SHA-256 or SHA-1 (may be repeated)",
      collect,
    )
    .option(
      "--purpose <purpose>",
      "what it is to be used for: serverAuth, clientAuth, emailProtection … or an OID",
    )
    .option("--host-name <name>", "the name or address that it must have")
    .option("--at <time>", "the time of the check, as in 2026-01-31T12:00Z (default: now)", time)
    .addOption(mode("--crl <mode>", "ask for lists of revoked certificates"))
    .addOption(mode("--ocsp <mode>", "ask the authority online"))
    .addOption(
      new Option("--combine <rule>", "with both: each must answer, or either will do")
        .choices(["each", "either"])
        .default("each"),
    )
    .addOption(
      new Option("--scope <scope>", "whose revocation is asked about")
        .choices(["chain", "leaf"])
        .default("chain"),
    )
    .option("--crl-file <file>", "a list at hand (may be repeated)", collect)
    .option("--ocsp-file <file>", "an OCSP response at hand (may be repeated)", collect)
    .option("--cache <dir>", "where lists and responses are kept (default: in ~/.local/state/waybill)")
    .option("--max-age <hours>", "the oldest list or response that is taken", integer(1, 100_000))
    .option("--offline", "download nothing: use what is kept")
    .option("--download-issuers", "download missing issuers from the addresses in the certificates")
    .option("--allow-sha1", "take signatures with SHA-1")
    .option("--json", "the result as JSON, for machines");
  addDownloadOptions(addTrustListOptions(addSelectionOptions(addStoreOptions(command))))
    .addHelpText(
      "after",
      `
Modes of --crl and --ocsp: off; soft (a status that cannot be had is a warning); hard (it is a failure).

Examples:
  waybill cert verify partner.p12 --trust root.pem
  waybill cert verify partner.pem --trust root.pem --crl hard --ocsp soft --purpose serverAuth
  waybill cert verify partner.p7b --trust-list odette --crl soft
  waybill cert verify server.pem --trust-system --host-name files.example.com`,
    )
    .action(async (file: string | undefined, options: VerifyOptions) => done(await verify(file, options)));
}

async function verify(file: string | undefined, options: VerifyOptions): Promise<number> {
  const { trust = [], trustSystem = false, trustList } = options;
  if (trust.length === 0 && !trustSystem && trustList === undefined) {
    throw new UsageError("say what is trusted: --trust FILE, --trust-system or --trust-list SOURCE");
  }
  const { certificate, others } = await withStore(file, options, async (store) => {
    const entry = chooseEntry(store, selectorOf(options));
    if (entry.certificate === undefined) {
      throw new TransferError(
        "ERR_NO_CERTIFICATE",
        `${file ?? "the token"} has no certificate to verify, only a key`,
      );
    }
    return { certificate: entry.certificate, others: certificatesOf(store) };
  });
  const settings = await verifySettings(options, others);
  const result = await verifyCertificate(certificate, settings.options);
  const warnings = [...result.warnings, ...settings.warnings];
  process.stdout.write(
    options.json
      ? resultJson(result, warnings)
      : resultText(result, warnings, settings.options.at ?? new Date()),
  );
  return result.trusted ? 0 : 1;
}

async function verifySettings(
  options: VerifyOptions,
  others: readonly Certificate[],
): Promise<{ readonly options: VerifyCertificateOptions; readonly warnings: readonly TrustFailure[] }> {
  const anchors = await certificatesIn(options.trust ?? [], options);
  if (options.trustSystem) anchors.push(...certificatesOf(await openSystemStore()));
  const intermediates = [...others, ...(await certificatesIn(options.intermediates ?? [], options))];
  const list = options.trustList === undefined ? undefined : await openList(options.trustList, options);
  const listed = list === undefined ? undefined : trustListCertificates(list);
  const warnings: TrustFailure[] = [];
  const { at, hostName, purpose, pin: pinned, allowSha1 = false, offline = false } = options;
  const download = { timeoutMs: options.timeout * 1000, redirects: options.redirects };
  return {
    warnings,
    options: {
      anchors: [...anchors, ...(listed?.authorities ?? [])],
      intermediates: [...intermediates, ...(listed?.above ?? [])],
      at,
      hostName,
      purpose,
      pinned,
      allowSha1Signatures: allowSha1,
      revocation: await revocationOptions(options),
      ...(options.downloadIssuers && !offline && { downloadIssuers: download }),
      ...(list !== undefined && {
        extraStep: trustListStep(list, {
          at,
          onUntrusted: options.untrusted,
          onWarning: (warning) => warnings.push(warning),
        }),
      }),
    },
  };
}

async function openList(name: string, options: VerifyOptions): Promise<TrustList> {
  const opened = await openTrustList({
    ...trustListPlace(name, options),
    timeoutMs: options.timeout * 1000,
    redirects: options.redirects,
    logger: stderrLogger("warn"),
    ...(options.offline && { fetch: noDownloads }),
  });
  return opened.list;
}

async function revocationOptions(options: VerifyOptions): Promise<RevocationOptions | undefined> {
  const { crl, ocsp, combine, scope, maxAge, offline = false } = options;
  if (crl === "off" && ocsp === "off") {
    if (options.crlFile !== undefined || options.ocspFile !== undefined) {
      throw new UsageError("--crl-file and --ocsp-file go with --crl and --ocsp: soft or hard");
    }
    return undefined;
  }
  return {
    crl,
    ocsp,
    combine,
    scope,
    maxAgeMs: maxAge === undefined ? undefined : maxAge * HOUR_MS,
    sources: revocationSource({
      cacheFolder: options.cache ?? revocationFolder(),
      offline,
      timeoutMs: options.timeout * 1000,
      redirects: options.redirects,
    }),
    extraCrls: await filesIn(options.crlFile ?? []),
    extraOcspResponses: await filesIn(options.ocspFile ?? []),
  };
}

async function certificatesIn(
  files: readonly string[],
  { trustPasswordFile: passwordFile }: VerifyOptions,
): Promise<Certificate[]> {
  const opening = passwordFile === undefined ? {} : { passwordFile };
  const certificates: Certificate[] = [];
  for (const file of files) {
    const found = await withStore(file, opening, async (store) => certificatesOf(store));
    if (found.length === 0) throw new TransferError("ERR_NO_CERTIFICATE", `${file} has no certificate`);
    certificates.push(...found);
  }
  return certificates;
}

function certificatesOf(store: CertificateStore): Certificate[] {
  const all = store.entries.flatMap(({ certificate, chain }) =>
    certificate === undefined ? [] : [certificate, ...chain.slice(1)],
  );
  return [...new Map(all.map((certificate) => [certificate.thumbprint(), certificate])).values()];
}

async function filesIn(paths: readonly string[]): Promise<Buffer[]> {
  const files: Buffer[] = [];
  for (const path of paths) {
    try {
      files.push(await readFile(path));
    } catch (error) {
      throw new TransferError("ERR_FILE_UNREADABLE", `cannot read ${path}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }
  return files;
}

function mode(flags: string, description: string): Option {
  return new Option(flags, description).choices(MODES).default("off");
}

function time(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()))
    throw new InvalidArgumentError("it must be a time, as in 2026-01-31T12:00Z");
  return date;
}
