import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { abortError } from "./abort.js";
import {
  brokenOff,
  connectionError,
  type FailureContext,
  handshakeError,
  isOpensslError,
} from "./tls-errors.js";
import { TransferError } from "./transfer-error.js";

/** What {@link shakeHands} waits for, how long, and what then has to be decided. */
export interface Handshake extends FailureContext {
  /** The connection underneath. */
  readonly carrier: Socket;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called when the handshake is done; the socket is the application's when it resolves. */
  decide(): Promise<void>;
}

/**
 * Waits for the handshake of `socket` and the decision about the peer. Rejects with the first of: an error, the end of
 * the connection, the time limit, the signal; the socket is destroyed then.
 */
export function shakeHands(socket: TLSSocket, handshake: Handshake): Promise<void> {
  const { target, isServer, timeoutMs, signal } = handshake;
  const done = isServer ? "secure" : "secureConnect";
  let deciding = false;
  return new Promise<void>((resolve, reject) => {
    const finish = (error?: unknown) => {
      clearTimeout(timer);
      socket.off(done, onDone).off("error", onError).off("close", onClose);
      signal?.removeEventListener("abort", onAbort);
      if (error === undefined) {
        explainErrors(socket, handshake);
        resolve();
        return;
      }
      socket.destroy();
      reject(error);
    };
    const onDone = () => {
      deciding = true;
      handshake.decide().then(() => finish(socket.destroyed ? brokenOff(target) : undefined), finish);
    };
    const onError = (error: Error) => finish(handshakeError(error, handshake));
    const onClose = () => finish(brokenOff(target));
    const onAbort = () => finish(abortError(signal));
    const onTimeout = () => finish(timeoutError(handshake, deciding));
    const timer = setTimeout(onTimeout, timeoutMs);
    // "secure" is not in Node's documentation, but the only way to learn of a server's handshake without a tls.Server.
    socket.on(done, onDone).on("error", onError).on("close", onClose);
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
  });
}

function timeoutError({ target, timeoutMs, carrier }: Handshake, deciding: boolean): TransferError {
  const what = deciding
    ? `the verify hook did not decide about ${target}`
    : carrier.bytesRead === 0
      ? `${target} sent nothing (perhaps it does not speak TLS)`
      : `${target} did not finish the TLS handshake`;
  return new TransferError("ERR_TLS_TIMEOUT", `${what} within ${timeoutMs} ms`, { details: { target } });
}

/**
 * From now on OpenSSL's errors reach the application as ours, and end the socket. Node emits them as they are, without
 * destroying it, or (on a server's socket that no tls.Server made) as `_tlsError` only.
 */
function explainErrors(socket: TLSSocket, context: FailureContext): void {
  const emit: (event: string | symbol, ...values: unknown[]) => boolean = socket.emit.bind(socket);
  let explained = false;
  socket.emit = (event: string | symbol, ...values: unknown[]): boolean => {
    if ((event !== "error" && event !== "_tlsError") || !isOpensslError(values[0]))
      return emit(event, ...values);
    if (explained) return true;
    explained = true;
    const error = connectionError(values[0], context);
    if (socket.destroyed) return emit("error", error);
    socket.destroy(error);
    return true;
  };
}
