import type { Socket } from "node:net";
import { formatAddress } from "./address.js";
import { checkTimeMs } from "./option-checks.js";
import { TransferError } from "./transfer-error.js";

/** What dialled and accepted sockets have in common. */
export interface SocketSettings {
  /**
   * After this long without a byte in either direction the socket is destroyed with `ERR_IDLE_TIMEOUT`.
   * 0, the default: never. It is the socket's own timeout: `socket.setTimeout` replaces it.
   */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * After this long without traffic TCP starts to ask whether the other side is still there (RFC 9293 section
   * 3.8.4); rounded up to seconds. Default 30 s; 0: never.
   */
  readonly keepAliveMs?: number | undefined;
}

const DEFAULT_KEEP_ALIVE_MS = 30_000;

/** {@link SocketSettings} with the defaults in. */
export type CheckedSocketSettings = { readonly [Key in keyof SocketSettings]-?: number };

/** Fills in the defaults. Errors: `ERR_OPTION_INVALID`. */
export function checkSocketSettings(settings: SocketSettings): CheckedSocketSettings {
  return {
    idleTimeoutMs: checkTimeMs("idleTimeoutMs", settings.idleTimeoutMs ?? 0, 0),
    keepAliveMs: checkTimeMs("keepAliveMs", settings.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS, 0),
  };
}

/** Applies the settings, and TCP_NODELAY, to a connected socket. */
export function applySocketSettings(socket: Socket, settings: CheckedSocketSettings): void {
  socket.setNoDelay(true);
  // Node drops the fraction of a second, and takes 0 seconds for "whatever the system does".
  if (settings.keepAliveMs > 0) socket.setKeepAlive(true, Math.ceil(settings.keepAliveMs / 1000) * 1000);
  if (settings.idleTimeoutMs === 0) return;
  const peer = formatAddress(socket.remoteAddress ?? "?", socket.remotePort ?? 0);
  socket.setTimeout(settings.idleTimeoutMs, () => {
    const message = `no traffic with ${peer} for ${settings.idleTimeoutMs} ms`;
    socket.destroy(new TransferError("ERR_IDLE_TIMEOUT", message));
  });
}

/**
 * Keeps an error of a socket that nobody listens to from ending the process. Whoever listens still gets it; the
 * others see the socket close.
 */
export function surviveErrors(socket: Socket): void {
  socket.on("error", () => {});
}
