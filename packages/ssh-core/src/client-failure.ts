import { errorCode, errorMessage, isTransferError, TransferError } from "@waybill/net-core";

interface EngineError extends Error {
  readonly level?: string;
}

/** Says in our terms why a connection did not come about. `failure` is what ended it, if anything is known. */
export function clientFailure(
  failure: unknown,
  where: string,
  user: string,
  methodsLeft: readonly string[],
): TransferError {
  if (isTransferError(failure)) return failure;
  const message = failure === undefined ? "" : errorMessage(failure);
  const level = failure instanceof Error ? (failure as EngineError).level : undefined;
  if (level === "client-authentication") {
    const offered = methodsLeft.length > 0 ? `; it takes ${methodsLeft.join(", ")}` : "";
    return new TransferError(
      "ERR_SSH_AUTH_FAILED",
      `${where} does not let ${user} in with what was offered${offered}`,
      {
        cause: failure,
        details: { methods: methodsLeft },
      },
    );
  }
  if (/no matching/i.test(message)) {
    return new TransferError(
      "ERR_SSH_NO_COMMON_ALGORITHM",
      `${where} and this client share no algorithm (${message}); older ones can be allowed by name`,
      { cause: failure },
    );
  }
  if (level === "handshake" || level === "protocol") {
    return new TransferError(
      "ERR_SSH_HANDSHAKE_FAILED",
      `the SSH handshake with ${where} failed: ${message}`,
      {
        cause: failure,
      },
    );
  }
  const code = errorCode(failure);
  const why = message === "" ? "" : ` (${code === undefined ? message : `${code}: ${message}`})`;
  return new TransferError(
    "ERR_SSH_CONNECTION_LOST",
    `${where} closed the connection before the login${why}`,
    {
      cause: failure,
    },
  );
}
