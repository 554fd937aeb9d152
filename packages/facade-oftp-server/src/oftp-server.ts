import { join } from "node:path";
import { type Listener, type Logger, listen, listenTls, silentLogger } from "@waybill/net-core";
import {
  type CallOptions,
  fileStateStore,
  OFTP_PORT,
  OFTPS_PORT,
  OftpStation,
  partnerDirectory,
  type StationSession,
} from "@waybill/oftp-session";
import type { ListenAddress, OftpServerOptions, ServerAddress } from "./server-options.js";

/** A station that can be called. Made by {@link listenOftp}. */
export class OftpServer {
  /** Files, end responses, sessions and events. */
  readonly station: OftpStation;
  readonly #listeners: { readonly listener: Listener; readonly tls: boolean }[] = [];

  /** @internal */
  constructor(station: OftpStation) {
    this.station = station;
  }

  /** Where it listens, in the order of the option `listen`; empty until then. */
  get addresses(): readonly ServerAddress[] {
    return this.#listeners.map(({ listener: { host, port }, tls }) => ({ host, port, tls }));
  }

  /** @internal */
  async listen(addresses: readonly ListenAddress[], logger: Logger): Promise<void> {
    try {
      for (const address of addresses) {
        const listener = await open(address, this.station, logger);
        this.#listeners.push({ listener, tls: address.tls !== undefined });
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Calls a partner itself: sends what waits for it, receives what it has. Resolves when the session is under way. */
  call(partner: string, options?: CallOptions): Promise<StationSession> {
    return this.station.call(partner, options);
  }

  /**
   * Stops listening, gives the sessions under way `graceMs` for what they are at, then ends them. Default 0: at once.
   */
  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    const { graceMs = 0 } = options;
    const sessions = this.station.close({ graceMs });
    const listeners = this.#listeners.map(({ listener }) => listener.close({ graceMs: graceMs + ENDING_MS }));
    await sessions;
    // What is open now never became a session.
    await Promise.all(this.#listeners.map(({ listener }) => listener.close()));
    await Promise.all(listeners);
  }
}

/** How long partners may take to hang up once they were told that their time is over (ESID). */
const ENDING_MS = 2000;

/**
 * Opens a station and listens for its partners. `onServer` gets the server before anybody can call, for listeners that must
 * not miss anything; those of the trail of answered sessions can come at any time.
 *
 * Errors: those of `OftpStation.open`, `listen` and `listenTls`; nothing listens then.
 */
export async function listenOftp(
  options: OftpServerOptions,
  onServer?: (server: OftpServer) => void,
): Promise<OftpServer> {
  const { partners, state, store, listen: addresses, logger = silentLogger, ...rest } = options;
  const station = await OftpStation.open({
    ...rest,
    logger,
    partners: "byName" in partners ? partners : partnerDirectory(partners),
    store: store ?? (await fileStateStore(join(state, "records"))),
    work: state,
  });
  const server = new OftpServer(station);
  onServer?.(server);
  await server.listen(addresses, logger);
  return server;
}

function open(
  { tls, port, ...rest }: ListenAddress,
  station: OftpStation,
  logger: Logger,
): Promise<Listener> {
  const onConnection = (socket: Parameters<OftpStation["answer"]>[0]) => {
    station.answer(socket);
  };
  return tls === undefined
    ? listen({ ...rest, port: port ?? OFTP_PORT, logger }, onConnection)
    : listenTls({ ...rest, port: port ?? OFTPS_PORT, tls, logger }, onConnection);
}
