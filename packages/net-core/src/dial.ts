import { connect, isIP, type LookupFunction, type Socket } from "node:net";
import { abortError, throwIfAborted } from "./abort.js";
import { formatAddress } from "./address.js";
import { checkInteger, checkPort, checkTimeMs, optionError } from "./option-checks.js";
import {
  applySocketSettings,
  checkSocketSettings,
  type SocketSettings,
  surviveErrors,
} from "./socket-settings.js";
import { errorCode, errorMessage, TransferError } from "./transfer-error.js";

/** Options of {@link dial}. */
export interface DialOptions extends SocketSettings {
  /** A name or an IP address (IPv6 without brackets). */
  readonly host: string;
  readonly port: number;
  /** 4 or 6: only addresses of that family. 0, the default: any, the first one that answers. */
  readonly family?: 0 | 4 | 6 | undefined;
  /** The address of this machine to connect from. Default: the system chooses. */
  readonly localAddress?: string | undefined;
  /** The port to connect from. Default: the system chooses. */
  readonly localPort?: number | undefined;
  /** How long looking up the name and connecting may take together. Default 30 s. */
  readonly connectTimeoutMs?: number | undefined;
  /** How names become addresses. Default: the system's resolver (`dns.lookup`). */
  readonly lookup?: LookupFunction | undefined;
  /** Gives up the attempt. Once connected the socket is the caller's, and the signal has no effect on it. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_CONNECT_TIMEOUT_MS = 30_000;

/**
 * How long one of several addresses may take before Node gives it up for the next one. Its own default of 250 ms
 * makes partners unreachable whose answer takes longer; this leaves time for one lost SYN (RFC 6298 section 2).
 */
const ADDRESS_TIMEOUT_MS = 3_000;

/**
 * Opens a TCP connection, TCP_NODELAY on. An error of the socket that nobody listens to does not end the process.
 *
 * Errors, each naming host and port: `ERR_DIAL_REFUSED`, `ERR_DIAL_TIMEOUT`, `ERR_DIAL_HOST_NOT_FOUND`,
 * `ERR_DIAL_UNREACHABLE`, `ERR_DIAL_FAILED` (anything else; the system's error is the cause), `ERR_ABORTED`;
 * `ERR_OPTION_INVALID`. Later, on the socket: `ERR_IDLE_TIMEOUT`.
 */
export async function dial(options: DialOptions): Promise<Socket> {
  const { host, port, localAddress, lookup, signal } = options;
  const family = checkFamily(options);
  if (typeof host !== "string" || host === "") throw optionError("host", "must be a name or an IP address");
  checkInteger("port", port, 1, 65_535);
  const localPort = checkPort("localPort", options.localPort ?? 0);
  const timeoutMs = checkTimeMs(
    "connectTimeoutMs",
    options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    1,
  );
  const settings = checkSocketSettings(options);
  throwIfAborted(signal);

  const socket = connect({
    host,
    port,
    family,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(localPort === 0 ? {} : { localPort }),
    ...(lookup === undefined ? {} : { lookup }),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
  });
  surviveErrors(socket);
  try {
    await connected(socket, options, timeoutMs);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  applySocketSettings(socket, settings);
  return socket;
}

/** Resolves when `socket` is connected; rejects with the first of: its error, the time limit, the signal. */
function connected(socket: Socket, options: DialOptions, timeoutMs: number): Promise<void> {
  const { signal } = options;
  const target = formatAddress(options.host, options.port);
  return new Promise<void>((resolve, reject) => {
    const finish = (error?: TransferError) => {
      clearTimeout(timer);
      socket.off("connect", onConnect);
      socket.off("error", onError);
      signal?.removeEventListener("abort", onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onConnect = () => finish();
    const onError = (error: Error) => finish(dialError(error, target, options));
    const onAbort = () => finish(abortError(signal));
    const onTimeout = () => {
      const message = `connecting to ${target} took longer than ${timeoutMs} ms`;
      finish(new TransferError("ERR_DIAL_TIMEOUT", message));
    };
    const timer = setTimeout(onTimeout, timeoutMs);
    socket.on("connect", onConnect);
    socket.on("error", onError);
    signal?.addEventListener("abort", onAbort);
    // The lookup was called already, and may have taken the signal with it.
    if (signal?.aborted) onAbort();
  });
}

/** The family to ask for: the one given, or the local address's. */
function checkFamily({ family = 0, host, localAddress }: DialOptions): 0 | 4 | 6 {
  if (family !== 0 && family !== 4 && family !== 6) throw optionError("family", "must be 0, 4 or 6");
  const local = localAddress === undefined ? 0 : isIP(localAddress);
  if (localAddress !== undefined && local === 0) throw optionError("localAddress", "must be an IP address");
  const wanted = [family, local, isIP(host)].filter((version) => version !== 0);
  if (new Set(wanted).size > 1) {
    throw optionError(
      local === 0 ? "family" : "localAddress",
      "does not fit the other addresses' IP version",
    );
  }
  return local === 4 || local === 6 ? local : family;
}

// In the order of what says most, for a name with several addresses that fail in several ways.
const FAILURES: readonly { code: string; text: string; causes: RegExp }[] = [
  { code: "ERR_DIAL_REFUSED", text: "refused the connection", causes: /^ECONNREFUSED$/ },
  { code: "ERR_DIAL_TIMEOUT", text: "did not answer", causes: /^ETIMEDOUT$/ },
  {
    code: "ERR_DIAL_HOST_NOT_FOUND",
    text: "cannot be found: its name has no address",
    causes: /^(ENOTFOUND|EAI_\w+)$/,
  },
  {
    code: "ERR_DIAL_UNREACHABLE",
    text: "cannot be reached from here",
    causes: /^(ENET|EHOST)(UNREACH|DOWN)$/,
  },
];

// Without a local address these say that this machine has none of the family needed.
const NO_SUCH_FAMILY = /^(EADDRNOTAVAIL|EAFNOSUPPORT)$/;

function dialError(error: Error, target: string, options: DialOptions): TransferError {
  const attempts: readonly unknown[] =
    "errors" in error && Array.isArray(error.errors) ? error.errors : [error];
  const codes = attempts.map((attempt) => errorCode(attempt) ?? "");
  const failure =
    FAILURES.find(({ causes }) => codes.some((code) => causes.test(code))) ??
    (options.localAddress === undefined && codes.some((code) => NO_SUCH_FAMILY.test(code))
      ? FAILURES.find(({ code }) => code === "ERR_DIAL_UNREACHABLE")
      : undefined);
  if (failure !== undefined) {
    return new TransferError(failure.code, `${target} ${failure.text}`, { cause: error });
  }
  return new TransferError("ERR_DIAL_FAILED", `cannot connect to ${target}: ${errorMessage(error)}`, {
    cause: error,
  });
}
