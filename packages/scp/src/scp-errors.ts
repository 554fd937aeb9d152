import { errorCode, errorMessage, TransferError } from "@waybill/net-core";

const MAX_TEXT = 1000;
// C0, DEL, C1, line and paragraph separators, and the marks that change the direction of text: a server's text
// goes to terminals and logs (CVE-2019-6109, CVE-2019-6110).
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to take out
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text of the other side, made safe to show: control characters become `?`, at most 1000 characters. */
export function printable(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
  return cut.replace(UNPRINTABLE, "?");
}

export function protocolError(message: string): TransferError {
  return new TransferError("ERR_SCP_PROTOCOL", message);
}

/** A line that began with 0x01: one file or folder failed on the server. */
export function remoteWarning(text: string): TransferError {
  return new TransferError("ERR_SCP_REMOTE_WARNING", `the server reports: ${serverText(text)}`, {
    details: { text: serverText(text) },
  });
}

/** A line that began with 0x02, or a message after which the server's scp ended. */
export function remoteFatal(text: string): TransferError {
  return new TransferError("ERR_SCP_REMOTE_FATAL", `the server gave up: ${serverText(text)}`, {
    details: { text: serverText(text) },
  });
}

export function endedError(details = ""): TransferError {
  const more = details === "" ? "" : `: ${printable(details)}`;
  return new TransferError("ERR_SCP_ENDED", `the server's scp ended before the transfer was complete${more}`);
}

/** An error of the local disk, or of the caller's stream, in the course of a transfer. */
export function localError(action: string, path: string, cause: unknown): TransferError {
  const missing = errorCode(cause) === "ENOENT";
  const reason = missing ? "there is no such file or folder" : errorMessage(cause);
  return new TransferError(
    missing ? "ERR_SCP_NO_SUCH_FILE" : "ERR_SCP_LOCAL_FILE",
    `cannot ${action} ${path}: ${reason}`,
    { cause, details: { path } },
  );
}

/** `error` itself when it is one of ours, otherwise {@link localError}. */
export function asTransferError(error: unknown, action: string, path: string): TransferError {
  return error instanceof TransferError ? error : localError(action, path, error);
}

/**
 * The failure of one entry of several, as {@link asTransferError}, with the entry in its message: what failed may have
 * been a session of its own, whose error knows of no entry.
 */
export function aboutEntry(error: unknown, action: string, path: string): TransferError {
  const failure = asTransferError(error, action, path);
  const { details } = failure;
  const named =
    "path" in details || (typeof details.text === "string" && details.text.includes(printable(path)));
  if (named) return failure;
  return new TransferError(failure.code, `cannot ${action} ${printable(path)}: ${failure.message}`, {
    cause: failure,
    details: { ...details, path },
  });
}

/** A name for which OpenSSH's encoding and the name itself cannot be told apart. */
export function nameUnclearError(name: string): TransferError {
  return new TransferError(
    "ERR_SCP_NAME_UNCLEAR",
    `cannot tell whether "${printable(name)}" has a line break in its name: the server does not list it (ask for the file by its path)`,
    { details: { name } },
  );
}

/** A file that is there already, and may not be replaced. */
export function existsError(path: string, where: "here" | "on the server"): TransferError {
  return new TransferError("ERR_SCP_EXISTS", `${path} exists ${where} already`, { details: { path } });
}

/** A mask, on the server, without a match. */
export function noMatchError(path: string): TransferError {
  return new TransferError("ERR_SCP_NO_MATCH", `nothing on the server matches ${path}`, {
    details: { path },
  });
}

/** Something that a server has no reason to send (CVE-2019-6111). */
export function unaskedError(what: string, name: string | undefined): TransferError {
  const text = name === undefined ? "" : ` named "${printable(name)}"`;
  return new TransferError("ERR_SCP_UNASKED", `the server sent ${what}${text} that was not asked for`, {
    details: { name },
  });
}

/** Whether nothing more can be transferred after `error`, whatever it was that failed. */
export function endsEverything(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ERR_ABORTED" || code === "ERR_SSH_CONNECTION_LOST";
}

function serverText(text: string): string {
  return printable(text.replace(/^(scp|rcp): /, "").trim());
}
