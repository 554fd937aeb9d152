import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, formatAddress, type Logger, type LogLevel, TransferError } from "@waybill/net-core";
import { listenOftp, type OftpServer } from "@waybill/oftp-server";
import type { OftpStation, Partner } from "@waybill/oftp-session";
import type { Command } from "commander";
import { tuneHeapForTransfers } from "../../heap-tuning.js";
import { stderrLogger } from "../../log-lines.js";
import { logLevelOption } from "../../option-parsers.js";
import { untilSignal } from "../../until-signal.js";
import { type OftpConfig, readOftpConfig } from "./config.js";
import { certificateHooks, untrustedCertificates } from "./partner-trust.js";
import { receivedSecurityText, sentSecurityText } from "./security-text.js";
import { addConfigOptions, type ConfigOptions, warn } from "./session-options.js";
import { TrailWriter } from "./trail-file.js";

interface ServerOptions extends ConfigOptions {
  readonly logLevel: LogLevel;
}

export function addOftpServerCommand(program: Command, done: (exitCode: number) => void): void {
  addConfigOptions(
    program
      .command("oftp-server")
      .description(
        "Answer partners that call over ODETTE-FTP: take files, send what is in the outbox, give receipts.",
      ),
  )
    .addOption(logLevelOption())
    .action(async (options: ServerOptions) => done(await serve(options)));
}

async function serve(options: ServerOptions): Promise<number> {
  const logger = stderrLogger(options.logLevel);
  const config = await readOftpConfig(options.config);
  for (const text of [config.warnings, ...config.partners.map(({ warnings }) => warnings)].flat()) warn(text);
  for (const text of await untrustedCertificates(config.partners)) warn(text);
  const listen = await config.listen();
  if (listen.length === 0) {
    throw new TransferError("ERR_CONFIG", `${config.path}: there is no address under listen: add one`);
  }
  await makeFolders(config);
  tuneHeapForTransfers();
  const trail =
    options.trail === undefined
      ? undefined
      : new TrailWriter(options.trail, (error) => logger.error(errorMessage(error)));
  try {
    const { station } = config;
    const partners = config.partners.map(({ partner }) => partner);
    const hooks = certificateHooks(config.partners, (text) => logger.warn(text));
    const server = await listenOftp({ ...station, partners, listen, hooks, logger }, (made) => {
      logEvents(made.station, logger);
      trail?.watch(made.station);
    });
    keepClean(server.station, logger);
    // Before anything is printed: whoever reads that we listen may send a signal at once.
    const ended = untilSignal(stoppable(server), logger);
    const lines = server.addresses.map(({ host, port }) => `listening on ${formatAddress(host, port)}\n`);
    process.stdout.write(lines.join(""));
    return await ended;
  } finally {
    trail?.close();
  }
}

const DAY_MS = 24 * 3600 * 1000;

/** Records of what was settled long ago would be kept for ever. */
function keepClean(station: OftpStation, logger: Logger): void {
  const clean = () => {
    station.clean().catch((error: unknown) => logger.error({ error }, "old records cannot be removed"));
  };
  clean();
  setInterval(clean, DAY_MS).unref();
}

function stoppable(server: OftpServer) {
  return { sessions: server.station.sessions, close: server.close.bind(server) };
}

/** So that nobody has to guess where files go. */
async function makeFolders({ station, partners, path }: OftpConfig): Promise<void> {
  try {
    await mkdir(station.state, { recursive: true, mode: 0o700 });
    for (const { partner } of partners) {
      for (const folder of [station.inbox, station.outbox]) {
        await mkdir(join(folder, partner.name), { recursive: true });
      }
    }
  } catch (error) {
    throw new TransferError(
      "ERR_STATE_FOLDER",
      `cannot make the folders of ${path}: ${errorMessage(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** What went well; the station itself logs what did not. */
function logEvents(station: OftpStation, logger: Logger): void {
  const named = ({ partner }: { readonly partner: Partner | undefined }) => partner?.name;
  station.on("sessionOpened", ({ session, negotiated }) => {
    const { role, remoteAddress, tls } = session;
    const { level, bufferSize, credit } = negotiated;
    const facts = { session: session.id, partner: named(session), role, address: remoteAddress };
    logger.info({ ...facts, level, bufferSize, credit, tls: tls?.protocol ?? "none" }, "session opened");
  });
  station.on("sessionEnded", ({ session, error }) => {
    const facts = { session: session.id, partner: named(session), address: session.remoteAddress };
    if (error === undefined) logger.info(facts, "session ended");
    else logger.warn({ ...facts, code: error.code, reason: error.message }, "session ended abnormally");
  });
  const secured = (text: string) => (text === "" ? {} : { security: text });
  station.on("fileReceived", ({ session, file }) => {
    const { sfid, path, octets } = file;
    const facts = { partner: named(session), file: sfid.datasetName, path, octets };
    logger.info({ ...facts, ...secured(receivedSecurityText(file)) }, "file received");
  });
  station.on("fileSent", ({ file, octets }) => {
    const facts = { partner: file.partner, file: file.datasetName, path: file.path, octets };
    logger.info({ ...facts, ...secured(sentSecurityText(file)) }, "file sent");
  });
  station.on("endResponseReceived", ({ session, response }) =>
    logger.info(
      { partner: named(session), file: response.datasetName, kind: response.kind },
      "end response received",
    ),
  );
  station.on("endResponseSent", ({ session, response }) =>
    logger.info(
      { partner: named(session), file: response.datasetName, kind: response.kind },
      "end response sent",
    ),
  );
}
