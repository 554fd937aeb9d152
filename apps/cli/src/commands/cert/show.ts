import { open } from "node:fs/promises";
import {
  type CertificateRequest,
  type CertificateStore,
  describeCertificate,
  describeCertificateRequest,
  MAX_CERTIFICATE_BYTES,
  readCertificateRequest,
  type StoreEntry,
  selectEntries,
  selectEntry,
} from "@waybill/cert-store";
import { isTransferError } from "@waybill/net-core";
import type { Command } from "commander";
import { jsonText, printable } from "../../printable.js";
import { factLines, tableLines, textLines, widthOf } from "../../text-table.js";
import { entryFacts, keyText, privateKeyText, requestFacts, stateText } from "./entry-facts.js";
import { withStore } from "./named-store.js";
import {
  addSelectionOptions,
  addStoreOptions,
  type SelectionOptions,
  type StoreOptions,
  selectorOf,
} from "./store-options.js";

interface ShowOptions extends StoreOptions, SelectionOptions {
  readonly list?: boolean;
  readonly details?: boolean;
  readonly pem?: boolean;
  readonly json?: boolean;
}

/** More entries than these are listed, one a line. */
const MAX_DETAILED = 5;

const FORMAT_NAMES: Readonly<Record<CertificateStore["format"], string>> = {
  pkcs12: "PKCS#12",
  jks: "JKS",
  jceks: "JCEKS",
  bcfks: "BCFKS",
  pem: "PEM",
  der: "DER",
  pkcs7: "PKCS#7",
  ppk: "PPK",
  openssh: "OpenSSH",
  rfc4716: "RFC 4716",
  jwk: "JWK",
  xml: "XML",
  system: "the system's trust store",
  folder: "a folder",
  pkcs11: "PKCS#11 token",
};

export function addShowCommand(cert: Command): void {
  const command = cert
    .command("show [file]")
    .description("Show the certificates and keys in a store, or a certificate request.");
  addSelectionOptions(addStoreOptions(command))
    .option("--list", "one line for each entry (default: for more than five)")
    .option("--details", "everything about each entry")
    .option("--pem", "the certificates themselves, in PEM")
    .option("--json", "everything as JSON, for machines")
    .addHelpText(
      "after",
      `
Examples:
  waybill cert show partner.p12
  waybill cert show partner.jks --password-file jks.password --alias oftp2
  waybill cert show --format system --list
  waybill cert show --pkcs11 /usr/lib/softhsm/libsofthsm2.so --token keys`,
    )
    .action(async (file: string | undefined, options: ShowOptions) => show(file, options));
}

async function show(file: string | undefined, options: ShowOptions): Promise<void> {
  try {
    await withStore(file, options, async (store) => showStore(store, options));
  } catch (error) {
    const isOther =
      isTransferError(error, "ERR_STORE_UNSUPPORTED") || isTransferError(error, "ERR_STORE_DAMAGED");
    const request = isOther && file !== undefined ? await requestIn(file) : undefined;
    if (request === undefined) throw error;
    showRequest(file ?? "", request, options);
  }
}

function showStore(store: CertificateStore, options: ShowOptions): void {
  const selector = selectorOf(options);
  const entries = selector === undefined ? store.entries : selectEntries(store, selector);
  // Says what there is instead.
  if (selector !== undefined && entries.length === 0) selectEntry(store, selector);
  for (const problem of store.problems) process.stderr.write(`waybill: ${printable(problem.message)}\n`);
  process.stdout.write(storeText(store, entries, options));
}

function storeText(store: CertificateStore, entries: readonly StoreEntry[], options: ShowOptions): string {
  if (options.json) return jsonText(describeStore(store, entries));
  if (options.pem) return entries.map(({ certificate }) => certificate?.pem ?? "").join("");
  const now = new Date();
  const width = widthOf(process.stdout);
  const isList = options.list || (entries.length > MAX_DETAILED && !options.details);
  if (isList && width === undefined) return lines(listLines(entries, now, undefined));
  const count = `${entries.length} ${entries.length === 1 ? "entry" : "entries"}`;
  const place = "tokenLabel" in store ? `${store.tokenLabel}` : store.fileName;
  const name = place === undefined ? "" : `${place}: `;
  const isKeyHidden = store.problems.some((problem) => isTransferError(problem, "ERR_PKCS11_PIN_REQUIRED"));
  const head = textLines(`${name}${FORMAT_NAMES[store.format]}, ${count}`, width);
  if (isList) return lines([...head, ...listLines(entries, now, width)]);
  return lines([
    ...head,
    ...entries.flatMap((entry, index) => {
      const number = entries.length === 1 ? [] : [`${index + 1}`];
      const alias = entry.alias === undefined ? [] : [`"${entry.alias}"`];
      const title = [...number, ...alias].join(" ");
      return [
        "",
        ...(title === "" ? [] : textLines(title, width)),
        ...factLines(entryFacts(entry, now, isKeyHidden), width, "  "),
      ];
    }),
  ]);
}

function listLines(entries: readonly StoreEntry[], now: Date, width: number | undefined): string[] {
  const rows = entries.map((entry) => {
    const { alias = "", certificate, publicKey } = entry;
    const key = entry.privateKey !== undefined || entry.keyProblem !== undefined;
    if (certificate === undefined) {
      const text = publicKey === undefined ? privateKeyText(entry) : publicKey.fingerprint();
      return [alias, text, "", publicKey?.type ?? "", key ? "key" : "", ""];
    }
    const until = certificate.notAfter.toISOString();
    return [
      alias,
      certificate.subject.text,
      width === undefined
        ? until
        : `${until.slice(0, 10)}${stateText(certificate, now).startsWith("EXP") ? " EXPIRED" : ""}`,
      keyText(certificate),
      key ? "key" : "",
      certificate.thumbprint("sha1"),
    ];
  });
  const isNamed = rows.some(([alias]) => alias !== "");
  const hasKeys = rows.some((row) => row[4] !== "");
  // On a terminal there is no room for what can be asked for, nor for empty columns.
  const columns = ["name", "subject", "valid until", "key", "private", "SHA-1"].map((header, index) => ({
    header,
    isShown: width === undefined || (index === 0 ? isNamed : index === 4 ? hasKeys : index !== 5),
  }));
  const shown = <T>(row: readonly T[]) => row.filter((_, index) => columns[index]?.isShown === true);
  return tableLines(
    shown(columns.map((column) => column.header)),
    rows.map((row) => shown(row)),
    width,
  );
}

function describeStore(store: CertificateStore, entries: readonly StoreEntry[]) {
  return {
    format: store.format,
    ...(store.fileName !== undefined && { fileName: store.fileName }),
    entries: entries.map((entry) => {
      const { alias, fileName, certificate, chain, privateKey, keyProblem, publicKey } = entry;
      return {
        ...(alias !== undefined && { alias }),
        ...(fileName !== undefined && { fileName }),
        hasPrivateKey: privateKey !== undefined || keyProblem !== undefined,
        ...(keyProblem !== undefined && { keyProblem: keyProblem.message }),
        ...(certificate !== undefined && { certificate: describeCertificate(certificate) }),
        ...(chain.length > 1 && { chain: chain.slice(1).map((one) => describeCertificate(one)) }),
        ...(certificate === undefined &&
          publicKey !== undefined && {
            publicKey: {
              type: publicKey.type,
              bits: publicKey.bits,
              comment: publicKey.comment,
              fingerprints: {
                sha256: publicKey.fingerprint("sha256"),
                sha1: publicKey.fingerprint("sha1"),
                md5: publicKey.fingerprint("md5"),
              },
            },
          }),
      };
    }),
    problems: store.problems.map((problem) => problem.message),
  };
}

/** Requests are no stores, but people look at them in the same way. */
async function requestIn(file: string): Promise<CertificateRequest | undefined> {
  const bytes = await beginningOf(file);
  if (bytes === undefined) return undefined;
  try {
    return readCertificateRequest(bytes, { fileName: file });
  } catch (error) {
    if (isTransferError(error)) return undefined;
    throw error;
  }
}

/** A file that is small enough for a request; undefined for all others. */
async function beginningOf(file: string): Promise<Buffer | undefined> {
  try {
    const handle = await open(file, "r");
    try {
      const stats = await handle.stat();
      return stats.isFile() && stats.size <= MAX_CERTIFICATE_BYTES ? await handle.readFile() : undefined;
    } finally {
      await handle.close();
    }
  } catch {
    // The store says what is wrong with it.
    return undefined;
  }
}

function showRequest(file: string, request: CertificateRequest, options: ShowOptions): void {
  if (options.json)
    process.stdout.write(jsonText({ format: "request", ...describeCertificateRequest(request) }));
  else if (options.pem) process.stdout.write(request.pem);
  else {
    const width = widthOf(process.stdout);
    const facts = factLines(requestFacts(request), width, "  ");
    process.stdout.write(lines([...textLines(`${file}: certificate request`, width), "", ...facts]));
  }
}

function lines(texts: readonly string[]): string {
  return `${texts.join("\n")}\n`;
}
