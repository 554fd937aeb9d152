import { mkdir } from "node:fs/promises";
import { errorMessage, isTransferError, TransferError } from "@waybill/net-core";
import { connectOftp, type OftpClient, type OftpClientOptions } from "@waybill/oftp-client";
import { partnerDirectory, type QueuedFile } from "@waybill/oftp-session";
import { tuneHeapForTransfers } from "../../heap-tuning.js";
import { oneLine } from "../../log-lines.js";
import { findPartner, type OftpConfig, readOftpConfig } from "./config.js";
import { certificateHooks } from "./partner-trust.js";
import { type CallCommandOptions, quietLogger, warn } from "./session-options.js";
import { TrailWriter } from "./trail-file.js";
import { TransferView } from "./transfer-view.js";

/** A session that a command holds, or is about to. */
export interface Call {
  readonly client: OftpClient;
  readonly config: OftpConfig;
  readonly view: TransferView;
  /** Whether the user has ended the command. */
  readonly interrupted: boolean;
  /** Whether a receipt for the file came that does not hold: that was told. */
  hasInvalidReceipt(file: QueuedFile): boolean;
  /** Says that something failed: the exit code will be 1. The same `error` is not told again. */
  fail(text: string, error?: unknown): void;
}

/** What a command does in a session. */
export interface CallWork {
  /** Before the partner is called, so that it need not wait. What it throws means that there is nothing to call for. */
  readonly prepare?: (call: Call) => Promise<void>;
  /** There was no session. */
  readonly notCalled?: (call: Call) => Promise<void>;
  readonly work: (call: Call) => Promise<void>;
}

/**
 * Calls the partner, does the work, lets the partner send all that it has, and resolves to the exit code. Errors: those of
 * the configuration; what else goes wrong is told.
 */
export async function withCall(
  options: CallCommandOptions,
  { prepare, notCalled, work }: CallWork,
): Promise<number> {
  const config = await readOftpConfig(options.config);
  for (const text of config.warnings) warn(text);
  for (const text of findPartner(config, options.partner).warnings) warn(text);
  const view = new TransferView(process.stdout, { quiet: options.quiet === true });
  const trail =
    options.trail === undefined
      ? undefined
      : new TrailWriter(options.trail, (error) => warn(errorMessage(error)));
  let failed = false;
  const told = new Set<unknown>();
  const fail = (text: string, error?: unknown) => {
    failed = true;
    told.add(error);
    view.clear();
    process.stderr.write(`waybill: ${oneLine(text)}\n`);
  };
  const invalid = new Set<string>();
  const interrupt = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => interrupt.abort(new Error(signal));
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  let call: Call | undefined;
  let client: OftpClient | undefined;
  try {
    const settings = await clientOptions(config, options, interrupt.signal);
    try {
      client = await connectOftp(settings, async (made) => {
        view.watch(made);
        trail?.watch(made);
        made.on("receiveRefused", ({ sfid, reason, text }) =>
          fail(`${sfid.datasetName} was not taken: reason ${String(reason).padStart(2, "0")}, ${text}`),
        );
        made.on("endResponseInvalid", ({ file, response, error }) => {
          invalid.add(file.key);
          fail(`the receipt for ${file.datasetName} (${response.kind}) does not hold: ${error.message}`);
        });
        call = {
          client: made,
          config,
          view,
          fail,
          hasInvalidReceipt: ({ key }) => invalid.has(key),
          get interrupted() {
            return interrupt.signal.aborted;
          },
        };
        await prepare?.(call);
      });
      if (call !== undefined) await work(call);
      await client.logoff();
    } catch (error) {
      if (!isTransferError(error)) throw error;
      const { aborted } = interrupt.signal;
      if (!told.has(error) && !(aborted && failed)) fail(aborted ? "interrupted" : error.message);
      if (client === undefined && call !== undefined) await notCalled?.(call);
    }
  } finally {
    await client?.close();
    trail?.close();
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
  return failed ? 1 : 0;
}

async function clientOptions(
  config: OftpConfig,
  { partner: name, logLevel }: CallCommandOptions,
  signal: AbortSignal,
): Promise<OftpClientOptions> {
  const { maxSessions: _maxSessions, ...station } = config.station;
  const { partner, address } = findPartner(config, name);
  if (address === undefined) {
    const text = `${config.path}: the partner ${name} has no host, so it cannot be called: add one, or wait until it calls`;
    throw new TransferError("ERR_CONFIG", text);
  }
  await mkdir(station.state, { recursive: true, mode: 0o700 });
  tuneHeapForTransfers();
  const warned = new Set<string>();
  return {
    ...station,
    partner: { ...partner, address: await address() },
    partners: partnerDirectory(config.partners.map((each) => each.partner)),
    hooks: certificateHooks(config.partners, (text) => {
      if (!warned.has(text)) warn(text);
      warned.add(text);
    }),
    logger: quietLogger(logLevel),
    signal,
  };
}
