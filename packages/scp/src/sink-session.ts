import { isTransferError, TransferError } from "@waybill/net-core";
import {
  type ControlLine,
  decodeControlLine,
  type EntryHeader,
  encodeWarning,
  MAX_CONTROL_LINE,
  OK_BYTE,
  REPLY_FATAL,
  REPLY_OK,
  REPLY_WARNING,
  type WireTimes,
} from "./control-line.js";
import { pieceBytes } from "./file-body.js";
import type { ProgressMeter } from "./progress.js";
import type { RemoteCommand } from "./remote-command.js";
import {
  asTransferError,
  endedError,
  printable,
  protocolError,
  remoteFatal,
  remoteWarning,
} from "./scp-errors.js";
import type { TransferContext } from "./transfer-context.js";

/** The most folders in folders. */
const MAX_DEPTH = 512;
/** A message repeats a path, which has at most 4096 bytes, and most of them may be line breaks. */
const MAX_WARNING_LENGTH = 16 * 1024;
const BODY_BYTES = 1024 * 1024;

/** The destination of one file's content. */
export interface BodySink {
  /** For messages. */
  readonly path: string;
  readonly meter: ProgressMeter;
  /** Whether nothing comes after this file, so that its failure may end the session. */
  readonly onlyFile: boolean;
  write(chunks: Buffer[]): Promise<void>;
  /** The content is whole. */
  commit(): Promise<void>;
  /** It is not, or cannot be kept. */
  fail(error: TransferError): Promise<void>;
}

/** What decides about the entries that a server sends. What is returned refuses the entry, what is thrown ends the session. */
export interface SinkHandler {
  file(header: EntryHeader, times: WireTimes | undefined): Promise<BodySink | TransferError>;
  directory(header: EntryHeader, times: WireTimes | undefined): Promise<TransferError | undefined>;
  /** The end of the folder that was entered last. */
  leave(): Promise<void>;
  warning(text: string): Promise<void>;
}

/**
 * The sink's side of the protocol, over a `scp -f` on the server, until the server has no more to send. Errors:
 * `ERR_SCP_PROTOCOL`, `ERR_SCP_REMOTE_FATAL`, `ERR_SCP_REMOTE_FAILED`, `ERR_SCP_NOT_AVAILABLE`, `ERR_SCP_ENDED`,
 * `ERR_SCP_TIMEOUT`, `ERR_ABORTED`, and what the handler throws.
 */
export async function receive(
  context: TransferContext,
  command: RemoteCommand,
  handler: SinkHandler,
): Promise<void> {
  const { io } = command;
  const lines = new ControlLineReader(command, (text) => handler.warning(text));
  let depth = 0;
  let times: WireTimes | undefined;
  io.send(OK_BYTE);
  try {
    for (;;) {
      const line = await lines.next();
      if (line === undefined) {
        if (depth === 0) return;
        throw await command.endReason();
      }
      if (line.kind === "times") {
        times = line;
        io.send(OK_BYTE);
      } else if (line.kind === "end") {
        if (depth-- === 0) throw protocolError("the server ended a folder that it had not begun");
        await handler.leave();
        io.send(OK_BYTE);
      } else if (line.kind === "directory") {
        if (depth === MAX_DEPTH) throw protocolError(`the server sent folders more than ${MAX_DEPTH} deep`);
        const refused = await handler.directory(line, times);
        times = undefined;
        if (refused === undefined) depth++;
        io.send(refused === undefined ? OK_BYTE : refusal(refused));
      } else {
        const body = await handler.file(line, times);
        times = undefined;
        if (body instanceof TransferError) io.send(refusal(body));
        else {
          io.send(OK_BYTE);
          io.send(await receiveBody(context, command, line.size, body));
        }
      }
    }
  } catch (error) {
    throw isTransferError(error, "ERR_SCP_ENDED") ? await command.endReason() : error;
  }
}

/** Reads control lines, puts messages that a line break tore apart together and hands them on. */
class ControlLineReader {
  readonly #command: RemoteCommand;
  readonly #warn: (text: string) => Promise<void>;
  #first = true;

  constructor(command: RemoteCommand, warn: (text: string) => Promise<void>) {
    this.#command = command;
    this.#warn = warn;
  }

  /** The next line that is no message, or undefined at the end. */
  async next(): Promise<Exclude<ControlLine, { kind: "warning" | "fatal" }> | undefined> {
    const warning: string[] = [];
    let length = 0;
    for (;;) {
      const bytes = await this.#command.io.readLine(MAX_CONTROL_LINE);
      const line = bytes === undefined ? undefined : this.#decode(bytes, warning.length > 0);
      if (typeof line === "string") {
        warning.push(line);
        length += line.length + 1;
        if (length > MAX_WARNING_LENGTH) throw protocolError("the server sent an endless message");
        continue;
      }
      if (warning.length > 0) await this.#warn(warning.splice(0).join("\n"));
      length = 0;
      this.#first = false;
      if (line === undefined) return undefined;
      if (line.kind === "fatal") throw remoteFatal(line.text);
      if (line.kind !== "warning") return line;
      warning.push(line.text.slice(0, MAX_WARNING_LENGTH));
    }
  }

  /** A string is the rest of the message before: OpenSSH does not encode the line breaks of names in its messages. */
  #decode(bytes: Buffer, afterWarning: boolean): ControlLine | string {
    try {
      return decodeControlLine(bytes);
    } catch (error) {
      const text = bytes.toString("utf8");
      if (afterWarning) return text;
      if (!this.#first) throw error;
      throw protocolError(
        `the server answered with text: "${printable(text)}" (a login script there may print it, or there is no scp)`,
      );
    }
  }
}

/** Receives the announced bytes and the status after them; returns the reply. */
async function receiveBody(
  { limiter, signal }: TransferContext,
  { io }: RemoteCommand,
  size: number,
  body: BodySink,
): Promise<Buffer> {
  let failure: TransferError | undefined;
  const attempt = async (step: () => Promise<void>): Promise<void> => {
    if (failure !== undefined) return;
    try {
      await step();
    } catch (error) {
      failure = asTransferError(error, "write", body.path);
      await body.fail(failure);
      if (body.onlyFile) throw failure;
    }
  };
  try {
    const most = limiter === undefined ? BODY_BYTES : pieceBytes(limiter);
    for (let left = size; left > 0; ) {
      const chunks = await io.readSome(Math.min(left, most));
      const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      left -= length;
      await limiter?.take(length, signal);
      // After a failure the rest is read all the same, to stay in step.
      await attempt(() => body.write(chunks));
      body.meter.advance(length);
    }
    const status = await io.readByte();
    if (status === undefined) throw endedError();
    if (status === REPLY_OK) {
      await attempt(() => body.commit());
      return failure === undefined ? OK_BYTE : refusal(failure);
    }
    if (status !== REPLY_WARNING && status !== REPLY_FATAL)
      throw protocolError("the server sent more than it announced, or no status after a file");
    const text = (await io.readLine(MAX_CONTROL_LINE))?.toString("utf8") ?? "";
    if (status === REPLY_FATAL) throw remoteFatal(text);
    if (failure === undefined) await body.fail(remoteWarning(text));
    return OK_BYTE;
  } catch (error) {
    if (failure === undefined) await body.fail(asTransferError(error, "receive", body.path));
    throw error;
  } finally {
    body.meter.end();
  }
}

function refusal(error: TransferError): Buffer {
  return encodeWarning(printable(error.message));
}
