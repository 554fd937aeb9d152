import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { formatAddress, normalizeAddress } from "./address.js";
import { Admission, type AdmissionOptions, type ConnectionInfo, type RefusalReason } from "./admission.js";
import { type Logger, silentLogger } from "./logger.js";
import { checkInteger, checkPort, checkTimeMs, optionError } from "./option-checks.js";
import {
  applySocketSettings,
  type CheckedSocketSettings,
  checkSocketSettings,
  type SocketSettings,
  surviveErrors,
} from "./socket-settings.js";
import { errorCode, errorMessage, TransferError } from "./transfer-error.js";

/** Options of {@link listen}. */
export interface ListenOptions extends AdmissionOptions, SocketSettings {
  /** The address to listen on: `0.0.0.0` for all of IPv4, `::` for IPv6 and IPv4. Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** 0: a free one, see {@link Listener.port}. */
  readonly port: number;
  /** How many connections the system may hold before they are accepted. Default 511. */
  readonly backlog?: number | undefined;
  /** Called for every connection that is refused. */
  readonly onRefused?: ((info: ConnectionInfo, reason: RefusalReason) => void) | undefined;
  readonly logger?: Logger | undefined;
}

/** Options of {@link Listener.close}. */
export interface CloseOptions {
  /** How long connections may go on; then they are destroyed. Default 0: at once. */
  readonly graceMs?: number | undefined;
}

/** A port that accepts connections. */
export interface Listener {
  /** The address it is bound to. */
  readonly host: string;
  readonly port: number;
  /** How many connections are open, those that wait for admission included. */
  readonly connections: number;
  /** The connections that were handed over and are open. */
  readonly sockets: ReadonlySet<Socket>;
  /**
   * Accepts no more, drops connections that wait for admission, gives the others `graceMs` to end, and resolves when
   * all are gone. A later call can only shorten the time. Errors: `ERR_OPTION_INVALID`.
   */
  close(options?: CloseOptions): Promise<void>;
}

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_BACKLOG = 511;

/**
 * Listens for TCP connections and hands those that are admitted to `onConnection`, TCP_NODELAY on. An error of a
 * socket that nobody listens to does not end the process; a connection for which `onConnection` throws or rejects is
 * destroyed.
 *
 * Errors, each naming host and port: `ERR_LISTEN_PORT_TAKEN`, `ERR_LISTEN_PERMISSION`,
 * `ERR_LISTEN_ADDRESS_NOT_AVAILABLE`, `ERR_LISTEN_FAILED` (anything else; the system's error is the cause);
 * `ERR_OPTION_INVALID`, `ERR_ADDRESS_RANGE_INVALID`. Later, on a socket: `ERR_IDLE_TIMEOUT`.
 */
export async function listen(
  options: ListenOptions,
  onConnection: (socket: Socket) => void,
): Promise<Listener> {
  const host = options.host ?? DEFAULT_HOST;
  if (typeof host !== "string" || host === "") throw optionError("host", "must be an address");
  const port = checkPort("port", options.port);
  const backlog = checkInteger("backlog", options.backlog ?? DEFAULT_BACKLOG, 1, 65_535);
  const listener = new TcpListener(options, onConnection);
  try {
    await listener.open(host, port, backlog);
  } catch (error) {
    throw listenError(error, formatAddress(host, port));
  }
  return listener;
}

class TcpListener implements Listener {
  readonly #server: Server = createServer();
  readonly #admission: Admission;
  readonly #settings: CheckedSocketSettings;
  readonly #onConnection: (socket: Socket) => void;
  readonly #onRefused: ListenOptions["onRefused"];
  readonly #logger: Logger;
  readonly #waiting = new Set<Socket>();
  readonly #admitted = new Set<Socket>();
  #bound: AddressInfo = { address: "", family: "", port: 0 };
  #closed: Promise<void> | undefined;

  constructor(options: ListenOptions, onConnection: (socket: Socket) => void) {
    this.#admission = new Admission(options);
    this.#settings = checkSocketSettings(options);
    this.#onConnection = onConnection;
    this.#onRefused = options.onRefused;
    this.#logger = options.logger ?? silentLogger;
  }

  get host(): string {
    return this.#bound.address;
  }

  get port(): number {
    return this.#bound.port;
  }

  get connections(): number {
    return this.#admission.connections;
  }

  get sockets(): ReadonlySet<Socket> {
    return this.#admitted;
  }

  async open(host: string, port: number, backlog: number): Promise<void> {
    this.#server.on("connection", (socket) => this.#accept(socket));
    this.#server.listen({ host, port, backlog });
    await once(this.#server, "listening");
    // A single accept that fails (the process is out of file descriptors) does not end the listener.
    this.#server.on("error", (err) => this.#logger.error({ err }, "accepting a connection failed"));
    this.#bound = this.#server.address() as AddressInfo;
  }

  async close(options: CloseOptions = {}): Promise<void> {
    const graceMs = checkTimeMs("graceMs", options.graceMs ?? 0, 0);
    this.#closed ??= this.#stop();
    for (const socket of this.#waiting) socket.destroy();
    const destroyAll = () => {
      for (const socket of this.#admitted) socket.destroy();
    };
    if (graceMs === 0) destroyAll();
    const timer = graceMs === 0 ? undefined : setTimeout(destroyAll, graceMs);
    try {
      await this.#closed;
    } finally {
      clearTimeout(timer);
    }
  }

  async #stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
    // The server says so a little before the last sockets do.
    const open = [...this.#waiting, ...this.#admitted];
    await Promise.all(open.map((socket) => new Promise((resolve) => socket.once("close", resolve))));
  }

  #accept(socket: Socket): void {
    surviveErrors(socket);
    const peer = peerOf(socket);
    if (peer === undefined) {
      socket.destroy();
      return;
    }
    const refusal = this.#admission.enter(peer.remoteAddress);
    const info = { ...peer, connections: this.#admission.connections };
    if (refusal !== undefined) {
      this.#refuse(socket, info, refusal);
      return;
    }
    this.#waiting.add(socket);
    socket.once("close", () => {
      this.#waiting.delete(socket);
      this.#admitted.delete(socket);
      this.#admission.leave(info.remoteAddress);
    });
    if (this.#admission.asks) void this.#ask(socket, info);
    else void this.#handOver(socket, info);
  }

  // The socket is not read meanwhile: Node buffers up to its high-water mark, then stops reading from the system.
  async #ask(socket: Socket, info: ConnectionInfo): Promise<void> {
    const refusal = await this.#admission.decide(info, (err) =>
      this.#logger.error({ ...info, err }, "the admit hook failed"),
    );
    if (socket.destroyed || socket.readableEnded) return;
    if (refusal === undefined) await this.#handOver(socket, info);
    else this.#refuse(socket, info, refusal);
  }

  async #handOver(socket: Socket, info: ConnectionInfo): Promise<void> {
    this.#waiting.delete(socket);
    this.#admitted.add(socket);
    applySocketSettings(socket, this.#settings);
    try {
      await this.#onConnection(socket);
    } catch (err) {
      this.#logger.error({ ...info, err }, "handling a connection failed");
      socket.destroy();
    }
  }

  #refuse(socket: Socket, info: ConnectionInfo, reason: RefusalReason): void {
    socket.destroy();
    this.#logger.info({ ...info, reason }, "connection refused");
    try {
      this.#onRefused?.(info, reason);
    } catch (err) {
      this.#logger.error({ ...info, err }, "the onRefused hook failed");
    }
  }
}

/** The ends of a connection, or undefined when it is gone already. */
function peerOf(socket: Socket): Omit<ConnectionInfo, "connections"> | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  if (localAddress === undefined || localPort === undefined) return undefined;
  return {
    remoteAddress: normalizeAddress(remoteAddress),
    remotePort,
    localAddress: normalizeAddress(localAddress),
    localPort,
  };
}

function listenError(error: unknown, address: string): TransferError {
  const cause = { cause: error };
  switch (errorCode(error)) {
    case "EADDRINUSE":
      return new TransferError("ERR_LISTEN_PORT_TAKEN", `${address} is in use by another program`, cause);
    case "EACCES":
    case "EPERM":
      return new TransferError("ERR_LISTEN_PERMISSION", `no permission to listen on ${address}`, cause);
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new TransferError(
        "ERR_LISTEN_ADDRESS_NOT_AVAILABLE",
        `cannot listen on ${address}: this machine has no such address`,
        cause,
      );
    default:
      return new TransferError(
        "ERR_LISTEN_FAILED",
        `cannot listen on ${address}: ${errorMessage(error)}`,
        cause,
      );
  }
}
