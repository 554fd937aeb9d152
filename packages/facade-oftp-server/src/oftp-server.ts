import { join } from "node:path";
import {
  type Listener,
  type ListenOptions,
  type Logger,
  listen,
  listenTls,
  silentLogger,
  type TlsServerSettings,
} from "@waybill/net-core";
import {
  type CallOptions,
  fileStateStore,
  OFTP_PORT,
  OFTPS_PORT,
  OftpStation,
  type Partner,
  type PartnerDirectory,
  partnerDirectory,
  type StateStore,
  type StationOptions,
  type StationSession,
} from "@waybill/oftp-session";

/** An address to listen on. */
export interface ListenAddress
  extends Pick<ListenOptions, "host" | "backlog" | "maxConnections" | "admit" | "allow" | "block"> {
  /** Default 3305, with TLS 6619. 0: a free one, see {@link OftpServer.addresses}. */
  readonly port?: number | undefined;
  /** Default: plain TCP, in which passwords and files can be read on the way. */
  readonly tls?: TlsServerSettings | undefined;
}

/** Options of {@link listenOftp}. */
export interface OftpServerOptions extends Omit<StationOptions, "partners" | "store" | "work"> {
  readonly partners: PartnerDirectory | readonly Partner[];
  /** The folder of what must survive a crash, and of parts of files. On the file system of the inbox. */
  readonly state: string;
  /** Default: files in `state`. */
  readonly store?: StateStore | undefined;
  readonly listen: readonly ListenAddress[];
}

/** Where a server listens. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** A station that can be called. Made by {@link listenOftp}. */
export class OftpServer {
  /** Files, end responses, sessions and events. */
  readonly station: OftpStation;
  readonly #listeners: readonly { readonly listener: Listener; readonly tls: boolean }[];

  /** @internal */
  constructor(station: OftpStation, listeners: readonly { listener: Listener; tls: boolean }[]) {
    this.station = station;
    this.#listeners = listeners;
  }

  get addresses(): readonly ServerAddress[] {
    return this.#listeners.map(({ listener: { host, port }, tls }) => ({ host, port, tls }));
  }

  /** Calls a partner itself: sends what waits for it, receives what it has. Resolves when the session is under way. */
  call(partner: string, options?: CallOptions): Promise<StationSession> {
    return this.station.call(partner, options);
  }

  /**
   * Stops listening, gives the sessions under way `graceMs` for what they are at, then ends them. Default 0: at once.
   */
  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    const sessions = this.station.close(options);
    // Connections that are no session yet go at once.
    const graceMs = options.graceMs ?? 0;
    await Promise.all(this.#listeners.map(({ listener }) => listener.close({ graceMs })));
    await sessions;
  }
}

/**
 * Opens a station and listens for its partners.
 *
 * Errors: those of `OftpStation.open`, `listen` and `listenTls`; nothing listens then.
 */
export async function listenOftp(options: OftpServerOptions): Promise<OftpServer> {
  const { partners, state, store, listen: addresses, logger = silentLogger, ...rest } = options;
  const station = await OftpStation.open({
    ...rest,
    logger,
    partners: "byName" in partners ? partners : partnerDirectory(partners),
    store: store ?? (await fileStateStore(join(state, "records"))),
    work: state,
  });
  const listeners: { listener: Listener; tls: boolean }[] = [];
  try {
    for (const address of addresses) {
      listeners.push({ listener: await open(address, station, logger), tls: address.tls !== undefined });
    }
  } catch (error) {
    await Promise.all(listeners.map(({ listener }) => listener.close()));
    throw error;
  }
  return new OftpServer(station, listeners);
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
