import type { Socket } from "node:net";
import { formatAddress } from "./address.js";
import type { AdmissionOptions, ConnectionInfo, RefusalReason } from "./admission.js";
import type { Logger } from "./logger.js";
import { checkInteger, checkPort, optionError } from "./option-checks.js";
import type { SocketSettings } from "./socket-settings.js";
import { TcpListener } from "./tcp-listener.js";
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
  const listener = new TcpListener<Socket>(options, onConnection, (socket) => socket);
  await openListener(listener, options);
  return listener;
}

/** Opens the port of `options`. Errors: those of {@link listen}. */
export async function openListener<S extends Socket>(
  listener: TcpListener<S>,
  options: ListenOptions,
): Promise<void> {
  const host = options.host ?? DEFAULT_HOST;
  if (typeof host !== "string" || host === "") throw optionError("host", "must be an address");
  const port = checkPort("port", options.port);
  const backlog = checkInteger("backlog", options.backlog ?? DEFAULT_BACKLOG, 1, 65_535);
  try {
    await listener.open(host, port, backlog);
  } catch (error) {
    throw listenError(error, formatAddress(host, port));
  }
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
