import type { Writable } from "node:stream";
import { type TransferError, throwIfAborted } from "@waybill/net-core";
import type { SshExecutor } from "@waybill/ssh-core";
import type { EntryHeader, WireTimes } from "./control-line.js";
import { decodeName } from "./entry-name.js";
import { received } from "./file-receiver.js";
import type { ScpStreamOptions } from "./options.js";
import { RemoteCommand } from "./remote-command.js";
import { parseRemotePath, type RemoteRequest } from "./remote-path.js";
import type { ScpFileResult } from "./result.js";
import { sourceCommand } from "./scp-command.js";
import { asTransferError, endedError, remoteWarning, unaskedError } from "./scp-errors.js";
import { type BodySink, receive, type SinkHandler } from "./sink-session.js";
import { createContext, type TransferContext } from "./transfer-context.js";
import { WritableSink } from "./writable-sink.js";

/**
 * Receives one file into a stream, as fast as that takes it. The path is taken literally. The stream is ended after the
 * file, and destroyed when the transfer fails (see `endStream`).
 *
 * Errors: `ERR_SCP_REMOTE_WARNING` (no such file, no permission), `ERR_SCP_LOCAL_FILE` when the stream fails, and those of
 * `download` that do not concern the disk.
 */
export async function downloadToStream(
  executor: SshExecutor,
  remotePath: string,
  stream: Writable,
  options: ScpStreamOptions = {},
): Promise<ScpFileResult> {
  const context = createContext("download", executor, options);
  const sink = new WritableSink(stream);
  const endStream = options.endStream ?? true;
  try {
    throwIfAborted(context.signal);
    return await receiveInto(context, parseRemotePath(remotePath, false), sink, endStream);
  } catch (error) {
    const failure = asTransferError(error, "write to", "the stream");
    if (endStream) sink.destroy(failure);
    throw failure;
  } finally {
    if (!endStream) sink.release();
  }
}

async function receiveInto(
  context: TransferContext,
  request: RemoteRequest,
  sink: WritableSink,
  endStream: boolean,
): Promise<ScpFileResult> {
  const command = await RemoteCommand.start(
    context,
    sourceCommand(context.options, request, context.options.preserve),
  );
  const receiver = new StreamReceiver(context, request, command, sink);
  try {
    await receive(context, command, receiver);
    const failure = command.failure(await command.finish());
    const result = receiver.result;
    if (result === undefined) throw receiver.failure ?? failure ?? endedError("it sent nothing");
    if (endStream) await command.io.guard(sink.end(), "local");
    context.results.add(result);
    return result;
  } finally {
    command.close();
  }
}

class StreamReceiver implements SinkHandler {
  readonly #context: TransferContext;
  readonly #request: RemoteRequest;
  readonly #command: RemoteCommand;
  readonly #sink: WritableSink;
  #started = false;
  result: ScpFileResult | undefined;
  failure: TransferError | undefined;

  constructor(context: TransferContext, request: RemoteRequest, command: RemoteCommand, sink: WritableSink) {
    this.#context = context;
    this.#request = request;
    this.#command = command;
    this.#sink = sink;
  }

  async file(header: EntryHeader, times: WireTimes | undefined): Promise<BodySink> {
    const name = decodeName(header.name);
    if (this.#started || name === undefined || !this.#request.accepts(name))
      throw unaskedError("a file", name);
    this.#started = true;
    const remotePath = this.#request.path;
    const meter = this.#context.meter({
      path: remotePath,
      localPath: undefined,
      remotePath,
      totalBytes: header.size,
    });
    return {
      path: "the stream",
      meter,
      onlyFile: true,
      write: (chunks) => this.#command.io.guard(this.#sink.write(chunks), "local"),
      commit: async () => {
        this.result = received({ header, times, localPath: undefined, remotePath });
      },
      fail: async (error) => {
        this.failure ??= error;
      },
    };
  }

  async directory(header: EntryHeader): Promise<TransferError> {
    throw unaskedError("a folder", decodeName(header.name));
  }

  async leave(): Promise<void> {}

  async warning(text: string): Promise<void> {
    this.failure ??= remoteWarning(text);
  }
}
