import { type Certificate, joinCertificate, type PrivateKey } from "@waybill/cert-store";
import type { Command } from "commander";
import { requireWritable } from "../../output-file.js";
import { chooseEntry, withStore } from "./named-store.js";
import { addPasswordOptions } from "./store-options.js";
import { addWrittenOptions, type WrittenOptions, writeEntries } from "./written-options.js";

interface JoinOptions extends WrittenOptions {
  readonly key: string;
  readonly keyAlias?: string;
  readonly name?: string;
  readonly passwordFile?: string;
  readonly keyPasswordFile?: string;
}

export function addJoinCommand(cert: Command): void {
  const command = cert
    .command("join <file...>")
    .description(
      "Bring an issued certificate, perhaps with its chain, together with the key that was waiting for it.",
    )
    .requiredOption("--key <file>", "the private key, in any format")
    .option("--key-alias <name>", "which key of that file");
  addPasswordOptions(addWrittenOptions(command, "pkcs12"))
    .option("--name <name>", "the name that the entry gets in the new store")
    .addHelpText(
      "after",
      `
Examples:
  waybill cert join issued.cer chain.p7b --key oftp.key --out oftp.p12
  waybill cert join issued.cer --key oftp.key --to pem --out oftp.pem`,
    )
    .action(async (files: string[], options: JoinOptions) => join(files, options));
}

async function join(files: readonly string[], options: JoinOptions): Promise<void> {
  await requireWritable([options.out], options.force ?? false);
  const certificates: Certificate[] = [];
  for (const file of files) {
    const found = await withStore(file, {}, async (store) =>
      store.entries.flatMap(({ certificate, chain }) =>
        certificate === undefined ? [] : [certificate, ...chain.slice(1)],
      ),
    );
    certificates.push(...found);
  }
  const { keyAlias, name: alias } = options;
  const selector = keyAlias === undefined ? undefined : { alias: keyAlias };
  const key = await withStore(
    options.key,
    options,
    async (store): Promise<PrivateKey | undefined> => chooseEntry(store, selector, true).privateKey,
    { needsKeys: true },
  );
  if (key === undefined) throw new Error("an entry without a private key was chosen");
  await writeEntries([joinCertificate({ certificates, key, alias, fileName: files.join(", ") })], options);
}
