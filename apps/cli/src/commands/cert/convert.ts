import {
  type CertificateStore,
  type StoreContent,
  type StoreEntry,
  selectEntries,
  type WrittenFormat,
} from "@waybill/cert-store";
import type { Command } from "commander";
import { requireWritable } from "../../output-file.js";
import { printable } from "../../printable.js";
import { UsageError } from "../../usage-error.js";
import { chooseEntry, isLocked, keyPasswordNeeded, ownEntries, withStore } from "./named-store.js";
import {
  addSelectionOptions,
  addStoreOptions,
  type SelectionOptions,
  type StoreOptions,
  selectorOf,
} from "./store-options.js";
import { addWrittenOptions, type WrittenOptions, writeEntries } from "./written-options.js";

interface ConvertOptions extends StoreOptions, SelectionOptions, WrittenOptions {
  readonly name?: string;
  /** False with `--no-key`, and so on. */
  readonly key: boolean;
  readonly chain: boolean;
  readonly certificates: boolean;
}

/** Of one entry only. */
const SINGLE_FORMATS: ReadonlySet<WrittenFormat> = new Set(["openssh", "ppk", "der"]);
const KEY_FORMATS: ReadonlySet<WrittenFormat> = new Set(["openssh", "ppk"]);

export function addConvertCommand(cert: Command): void {
  const command = cert
    .command("convert [file]")
    .description("Write what is in a store in another format; without a selection everything that is in it.");
  addSelectionOptions(addStoreOptions(addWrittenOptions(command)))
    .option("--name <name>", "the name that the entry gets in the new store")
    .option("--no-key", "leave private keys out")
    .option("--no-chain", "leave the certificates of issuers out")
    .option("--no-certificates", "the private keys alone")
    .addHelpText(
      "after",
      `
Examples:
  waybill cert convert partner.jks --to pkcs12 --out partner.p12
  waybill cert convert host.p12 --to pem --no-passphrase --out host.pem
  waybill cert convert host.p12 --to pkcs7 --out chain.p7b
  waybill cert convert id_rsa.ppk --to openssh --out id_rsa
  waybill cert convert host.p12 --to der --subject host.example.com --out host.cer`,
    )
    .action(async (file: string | undefined, options: ConvertOptions) => convert(file, options));
}

async function convert(file: string | undefined, options: ConvertOptions): Promise<void> {
  if (!options.key && !options.certificates) {
    throw new UsageError("with --no-key and --no-certificates there is nothing to write");
  }
  await requireWritable([options.out], options.force ?? false);
  const needsKeys = options.key && options.to !== "pkcs7" && options.to !== "pkcs7-der";
  await withStore(
    file,
    options,
    async (store) => {
      for (const problem of store.problems) process.stderr.write(`waybill: ${printable(problem.message)}\n`);
      const entries = chosenEntries(store, options);
      // Never half of what was there, without a word.
      const locked = needsKeys ? entries.find(isLocked) : undefined;
      if (locked !== undefined) throw keyPasswordNeeded(store, locked.keyProblem);
      if (options.name !== undefined && entries.length > 1) {
        throw new UsageError("--name is for one entry: select one");
      }
      await writeEntries(
        entries.map((entry) => written(entry, options)),
        options,
      );
    },
    { needsKeys },
  );
}

function chosenEntries(store: CertificateStore, options: ConvertOptions): readonly StoreEntry[] {
  const selector = selectorOf(options);
  if (SINGLE_FORMATS.has(options.to)) {
    const wantsKey = KEY_FORMATS.has(options.to) && options.key;
    const hasKeys = store.entries.some((entry) => entry.privateKey !== undefined);
    // A public key is written as a line of OpenSSH's, too.
    return [chooseEntry(store, selector, wantsKey && (hasKeys || options.to === "ppk"))];
  }
  if (selector === undefined) return ownEntries(store);
  const entries = selectEntries(store, selector);
  return entries.length > 0 ? entries : [chooseEntry(store, selector)];
}

function written(entry: StoreEntry, options: ConvertOptions): StoreContent {
  const { certificate, chain, privateKey, publicKey } = entry;
  return {
    alias: options.name ?? entry.alias,
    certificate: options.certificates ? certificate : undefined,
    chain: options.chain && options.certificates ? chain : undefined,
    privateKey: options.key ? privateKey : undefined,
    publicKey,
  };
}
