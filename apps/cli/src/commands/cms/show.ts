import { describeMessage } from "@waybill/cms-security";
import type { Command } from "commander";
import { collect, integer } from "../../option-parsers.js";
import { jsonText } from "../../printable.js";
import { widthOf } from "../../text-table.js";
import { addKeyOptions, type KeyOptions } from "./key-options.js";
import { describedJson, describedLines } from "./message-text.js";
import { withIdentities } from "./named-identities.js";
import { inputName, requireReadable, withInput } from "./named-input.js";
import { openFailure } from "./open-failure.js";
import { withoutPem } from "./pem-content.js";
import { untilInterrupted } from "./until-interrupted.js";

interface ShowOptions extends KeyOptions {
  readonly key?: readonly string[];
  readonly maxSize?: number;
  readonly json?: boolean;
}

export function addShowCommand(cms: Command): void {
  const command = cms
    .command("show")
    .description("Show what a CMS file is made of, without its content. Nothing is verified.")
    .argument("<file>", "any CMS file; - is the standard input")
    .option(
      "--key <store>",
      "look into what is encrypted with the private keys in this store (may be repeated)",
      collect,
    )
    .option("--max-size <bytes>", "the most that may come out of it", integer(0, Number.MAX_SAFE_INTEGER))
    .option("--json", "everything as JSON, for machines");
  addKeyOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  waybill cms show order.p7m
  waybill cms show --key own.p12 order.p7m
  waybill cms show --json order.p7m`,
    )
    .action(async (file: string, options: ShowOptions) => show(file, options));
}

async function show(file: string, options: ShowOptions): Promise<void> {
  const { key = [], maxSize, json = false } = options;
  await requireReadable(file);
  await withIdentities(key, options, "all", async (keys) => {
    const limits = maxSize === undefined ? {} : { contentBytes: maxSize };
    const message = await untilInterrupted((signal) =>
      withInput(file, { quiet: false, signal }, async (pieces) => {
        try {
          return await describeMessage(withoutPem(pieces), { keys, limits });
        } catch (error) {
          throw openFailure(error, file, { hasKeys: keys.length > 0, signers: "none" });
        }
      }),
    );
    const text = json
      ? jsonText(describedJson(message))
      : `${describedLines(inputName(file), message, widthOf(process.stdout)).join("\n")}\n`;
    process.stdout.write(text);
  });
}
