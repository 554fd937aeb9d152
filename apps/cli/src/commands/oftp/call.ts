import { mkdir } from "node:fs/promises";
import { errorMessage, isTransferError, TransferError } from "@waybill/net-core";
import { connectOftp, type OftpClient, type OftpClientOptions } from "@waybill/oftp-client";
import { partnerDirectory } from "@waybill/oftp-session";
import { tuneHeapForTransfers } from "../../heap-tuning.js";
import { oneLine } from "../../log-lines.js";
import { findPartner, type OftpConfig, readOftpConfig } from "./config.js";
import { type CallCommandOptions, quietLogger, warn } from "./session-options.js";
import { TrailWriter } from "./trail-file.js";
import { TransferView } from "./transfer-view.js";

/** A session that a command holds. */
export interface Call {
  readonly client: OftpClient;
  readonly config: OftpConfig;
  readonly view: TransferView;
  /** Whether the user has ended the command. */
  readonly interrupted: boolean;
  /** Says that something failed: the exit code will be 1. The same `error` is not told again. */
  fail(text: string, error?: unknown): void;
}

/**
 * Calls the partner, does `work`, lets the partner send all that it has, and resolves to the exit code. Errors: those of
 * the configuration and of `connectOftp`.
 */
export async function withCall(
  options: CallCommandOptions,
  work: (call: Call) => Promise<void>,
): Promise<number> {
  const config = await readOftpConfig(options.config);
  for (const text of config.warnings) warn(text);
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
    process.stderr.write(`waybill: ${oneLine(text)}\n`);
  };
  const interrupt = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => interrupt.abort(new Error(signal));
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  let client: OftpClient | undefined;
  try {
    const settings = await clientOptions(config, options, interrupt.signal);
    client = await connectOftp(settings, (made) => {
      view.watch(made);
      trail?.watch(made);
      made.on("receiveRefused", ({ sfid, reason, text }) =>
        fail(`${sfid.datasetName} was not taken: reason ${String(reason).padStart(2, "0")}, ${text}`),
      );
    });
    try {
      const { signal } = interrupt;
      await work({
        client,
        config,
        view,
        fail,
        get interrupted() {
          return signal.aborted;
        },
      });
      await client.logoff();
    } catch (error) {
      if (!isTransferError(error)) throw error;
      if (!told.has(error)) fail(interrupt.signal.aborted ? "interrupted" : error.message);
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
  return {
    ...station,
    partner: { ...partner, address: await address() },
    partners: partnerDirectory(config.partners.map((each) => each.partner)),
    logger: quietLogger(logLevel),
    signal,
  };
}
