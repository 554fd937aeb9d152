import { stat } from "node:fs/promises";
import { CIPHER_SUITES } from "@waybill/cms-security";
import { errorCode, errorMessage, TransferError } from "@waybill/net-core";
import { FileRefusedByPartner } from "@waybill/oftp-client";
import { type FileFormat, MAX_TEXT_OCTETS } from "@waybill/oftp-codec";
import type { FileToSend, QueuedFile } from "@waybill/oftp-session";
import { type Command, Option } from "commander";
import { integer } from "../../option-parsers.js";
import { UsageError } from "../../usage-error.js";
import { type Call, withCall } from "./call.js";
import { OutgoingFiles, wantedFile } from "./outgoing-files.js";
import { waitForReceipts } from "./receipts.js";
import { addCallOptions, type CallCommandOptions } from "./session-options.js";

interface SendOptions extends CallCommandOptions {
  readonly virtualName?: string;
  readonly format: FileFormat;
  readonly recordLength?: number;
  readonly description?: string;
  readonly waiting?: boolean;
  readonly waitReceipt?: boolean;
  readonly sign?: boolean;
  readonly encrypt?: boolean;
  readonly compress?: boolean;
  readonly signedReceipt?: boolean;
  readonly suite?: number;
}

const MAX_RECORD_LENGTH = 99_999;

export function addSendCommand(oftp: Command, done: (exitCode: number) => void): void {
  addCallOptions(
    oftp
      .command("send")
      .description(
        "Call a partner and send files, and take what it sends. Exit code 0 means that it accepted every file.",
      )
      .argument("[file...]", "the files to send"),
  )
    .option("--virtual-name <name>", "the name that the partner sees (default: the file's name)")
    .addOption(
      new Option("--format <format>", "U unstructured, T text, F fixed records, V lines as variable records")
        .choices(["U", "T", "F", "V"])
        .default("U"),
    )
    .option("--record-length <octets>", "of F, and the most for V", integer(1, MAX_RECORD_LENGTH))
    .option("--description <text>", "told to the partner where both speak ODETTE-FTP 2.0")
    .option("--waiting", "send no files but all that waits: in the outbox, and left over by earlier commands")
    .option("--wait-receipt", "exit code 0 only when the receipt (EERP) for every file came, and holds")
    .option("--sign", "sign the files, whatever the partner's entry says")
    .option("--no-sign", "do not, where the entry lets you")
    .option("--encrypt", "encrypt the files for the partner")
    .option("--no-encrypt", "do not")
    .option("--compress", "compress the files (CMS)")
    .option("--no-compress", "do not")
    .option("--signed-receipt", "ask for a signed receipt")
    .option("--no-signed-receipt", "do not")
    .option(
      "--suite <number>",
      `the cipher suite, 01 to ${CIPHER_SUITES.length}; see \`waybill cms seal --help\``,
      integer(1, CIPHER_SUITES.length),
    )
    .action(async (files: string[], options: SendOptions) => done(await send(files, options)));
}

async function send(files: readonly string[], options: SendOptions): Promise<number> {
  checkOptions(files, options);
  for (const file of files) await requireFile(file);
  const outgoing = new OutgoingFiles(files.map((path) => wantedFile({ path, ...wishesOf(options) })));
  const finish = async (sent: readonly QueuedFile[], call: Call) => {
    if (options.waitReceipt === true) await waitForReceipts(sent, call, options);
  };
  if (options.waiting === true) {
    return withCall(options, {
      prepare: async ({ client }) => client.prepareWaiting(),
      work: async (call) => finish(await sendWaiting(call), call),
    });
  }
  return withCall(options, {
    prepare: (call) => outgoing.queue(call),
    notCalled: (call) => outgoing.leave(call),
    work: async (call) => finish(await outgoing.send(call), call),
  });
}

function wishesOf(options: SendOptions): Omit<FileToSend, "path"> {
  const { virtualName, format, recordLength, description } = options;
  const { sign, encrypt, compress, signedReceipt, suite } = options;
  return {
    format,
    datasetName: virtualName,
    maxRecordSize: recordLength,
    description,
    security: { sign, encrypt, compress, signedReceipt, cipherSuite: suite },
  };
}

/** What is in the outbox, and what earlier commands have not brought to the partner. */
async function sendWaiting({ client, view, fail }: Call): Promise<readonly QueuedFile[]> {
  const sent: QueuedFile[] = [];
  let seen = 0;
  client.on("sendStarted", () => {
    seen += 1;
  });
  client.on("fileSent", ({ file }) => {
    sent.push(file);
  });
  client.on("fileRefused", ({ file, refusal }) => {
    const error = new FileRefusedByPartner(file.datasetName, refusal);
    fail(`${file.path} was not sent: ${error.message}${refusal.retry ? "; it stays queued" : ""}`);
  });
  client.on("fileInterrupted", ({ file, error, dropped }) => {
    seen += 1;
    fail(`${file.path} was not sent: ${errorMessage(error)}${dropped ? "" : "; it stays queued"}`, error);
  });
  await client.sendWaiting();
  if (seen === 0) view.line("nothing waits to be sent");
  return sent;
}

function checkOptions(files: readonly string[], options: SendOptions): void {
  const { virtualName, format, recordLength, description } = options;
  if (options.waiting === true && files.length > 0)
    throw new UsageError("use either files or --waiting, not both");
  if (options.waiting !== true && files.length === 0)
    throw new UsageError("a file to send is needed, or --waiting");
  if (options.waiting === true && (virtualName ?? recordLength ?? description) !== undefined) {
    throw new UsageError("--virtual-name, --record-length and --description go with files");
  }
  const { sign, encrypt, compress, signedReceipt, suite } = options;
  if (options.waiting === true && (sign ?? encrypt ?? compress ?? signedReceipt ?? suite) !== undefined) {
    throw new UsageError("--sign, --encrypt, --compress, --signed-receipt and --suite go with files");
  }
  if (virtualName !== undefined && !/^[\x21-\x7e][\x20-\x7e]{0,25}$/.test(virtualName)) {
    throw new UsageError("--virtual-name must have 1 to 26 letters, digits or signs of ASCII");
  }
  if (Buffer.byteLength(description ?? "") > MAX_TEXT_OCTETS) {
    throw new UsageError(`--description must have at most ${MAX_TEXT_OCTETS} octets`);
  }
  if (virtualName !== undefined && files.length > 1) {
    throw new UsageError("--virtual-name goes with one file only");
  }
  const hasRecords = format === "F" || format === "V";
  if (hasRecords && recordLength === undefined)
    throw new UsageError(`--format ${format} needs --record-length`);
  if (!hasRecords && recordLength !== undefined) {
    throw new UsageError("--record-length goes with --format F or V");
  }
}

/** Before anybody is called. */
async function requireFile(path: string): Promise<void> {
  let problem: string | undefined;
  try {
    if (!(await stat(path)).isFile()) problem = "it is no file";
  } catch (error) {
    problem = errorCode(error) === "ENOENT" ? "it is not there" : errorMessage(error);
  }
  if (problem !== undefined) {
    throw new TransferError("ERR_FILE_UNREADABLE", `${path} cannot be sent: ${problem}; nothing was sent`);
  }
}
