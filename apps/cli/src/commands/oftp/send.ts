import { stat } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { errorCode, errorMessage, isTransferError, TransferError } from "@waybill/net-core";
import { type ClientFile, FileRefusedByPartner } from "@waybill/oftp-client";
import { type FileFormat, MAX_TEXT_OCTETS } from "@waybill/oftp-codec";
import { type QueuedFile, type SentState, SessionEndError } from "@waybill/oftp-session";
import { type Command, Option } from "commander";
import { integer } from "../../option-parsers.js";
import { UsageError } from "../../usage-error.js";
import { type Call, withCall } from "./call.js";
import { addCallOptions, type CallCommandOptions } from "./session-options.js";
import { describeResponse } from "./transfer-view.js";

interface SendOptions extends CallCommandOptions {
  readonly virtualName?: string;
  readonly format: FileFormat;
  readonly recordLength?: number;
  readonly description?: string;
  readonly waiting?: boolean;
  readonly waitReceipt?: boolean;
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
    .option("--wait-receipt", "exit code 0 only when the receipt (EERP) for every file came")
    .action(async (files: string[], options: SendOptions) => done(await send(files, options)));
}

async function send(files: readonly string[], options: SendOptions): Promise<number> {
  checkOptions(files, options);
  for (const file of files) await requireFile(file);
  return withCall(options, async (call) => {
    const sent = options.waiting === true ? await sendWaiting(call) : await sendFiles(files, options, call);
    if (options.waitReceipt !== true) return;
    const { client } = call;
    // The partner answers when it has the turn.
    while (client.connected && sent.some((file) => !client.receipt(file))) await client.receive();
    await requireReceipts(sent, call, options);
  });
}

async function sendFiles(
  files: readonly string[],
  options: SendOptions,
  call: Call,
): Promise<readonly QueuedFile[]> {
  const { client, view, fail } = call;
  const { virtualName, format, recordLength, description } = options;
  const sent: QueuedFile[] = [];
  for (const path of files) {
    const wishes: ClientFile = {
      path,
      format,
      datasetName: virtualName,
      maxRecordSize: recordLength,
      description,
    };
    try {
      const { file, octets } = await client.send(wishes, { resume: true });
      if (octets === undefined) view.line(`sent ${path} as ${file.datasetName}, in another session`);
      sent.push(file);
    } catch (error) {
      if (!isTransferError(error)) throw error;
      const ended = error instanceof SessionEndError || !client.connected;
      const waits = error instanceof FileRefusedByPartner ? error.refusal.retry : ended;
      const advice = waits ? "; it stays queued: the same command goes on with it" : "";
      const why = ended && call.interrupted ? "interrupted" : error.message;
      fail(`${path} was not sent: ${why}${advice}`, error);
      if (ended) break;
    }
  }
  return sent;
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

/** A partner can give receipts in another session that is under way, of `oftp-server` too: it needs a moment. */
const OTHER_SESSIONS_MS = [0, 200, 1000];

async function requireReceipts(
  files: readonly QueuedFile[],
  call: Call,
  options: SendOptions,
): Promise<void> {
  const { client, fail } = call;
  let missing = files.filter((file) => client.receipt(file) === undefined);
  for (const waitMs of OTHER_SESSIONS_MS) {
    if (missing.length === 0) break;
    await setTimeout(waitMs);
    const states = await client.sentStates(missing);
    const known = (state: SentState) => missing.filter((_file, index) => states[index] === state);
    for (const { datasetName } of known("refused")) {
      fail(`${datasetName} has not reached its destination: a NERP came in another session`);
    }
    for (const { datasetName } of known("acknowledged")) {
      call.view.line(`receipt for ${datasetName}: EERP, in another session`);
    }
    missing = known("waiting");
  }
  for (const file of files) {
    const response = client.receipt(file);
    if (response?.kind === "NERP") {
      fail(`${file.datasetName} has not reached its destination: ${describeResponse(response)}`);
    }
  }
  const command = `waybill oftp receive --config ${options.config} --partner ${options.partner}`;
  for (const { datasetName } of missing) {
    fail(`${datasetName} was sent, but its receipt has not come: collect it later with \`${command}\``);
  }
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
