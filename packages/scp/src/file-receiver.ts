import type { Stats } from "node:fs";
import { TransferError } from "@waybill/net-core";
import type { EntryHeader, WireTime, WireTimes } from "./control-line.js";
import { lookAtDestination } from "./local-target.js";
import { createPartFile, openSpecialFile } from "./part-file.js";
import type { ProgressMeter } from "./progress.js";
import type { ScpFileResult } from "./result.js";
import { asTransferError, existsError } from "./scp-errors.js";
import type { BodySink } from "./sink-session.js";
import type { TransferContext } from "./transfer-context.js";

const PERMISSION_BITS = 0o777;

/** A file that a server announced, and where it goes. */
export interface IncomingFile {
  readonly header: EntryHeader;
  readonly times: WireTimes | undefined;
  readonly localPath: string;
  readonly remotePath: string;
  /** `localPath` is a device or a pipe. */
  readonly special: boolean;
  readonly onlyFile: boolean;
}

/**
 * Prepares to receive a file, and notes how it fared when it ends. Returned errors refuse it; they are noted already.
 * Never setuid, setgid or sticky, whatever the server says.
 */
export async function receiveFile(
  context: TransferContext,
  file: IncomingFile,
): Promise<BodySink | TransferError> {
  try {
    const there = file.special ? undefined : await lookAtDestination(file.localPath);
    if (there !== undefined && isLeftAlone(context, file, there)) {
      const { localPath, remotePath } = file;
      context.results.add({ localPath, remotePath, bytes: 0, ok: true, skipped: true });
      return new TransferError("ERR_SCP_EXISTS", "skipped: it is there already");
    }
    return await openSink(context, file, there);
  } catch (error) {
    const failure = asTransferError(error, "write", file.localPath);
    note(context, file, failure, 0);
    return failure;
  }
}

function isLeftAlone(
  { options }: TransferContext,
  { times, localPath }: IncomingFile,
  there: Stats,
): boolean {
  switch (options.overwrite) {
    case "always":
      return false;
    case "never":
      throw existsError(localPath, "here");
    case "skip":
      return true;
    case "newer":
      // The protocol carries whole seconds, as OpenSSH speaks it.
      return times === undefined || times.modified.seconds <= Math.floor(there.mtimeMs / 1000);
  }
}

async function openSink(
  context: TransferContext,
  file: IncomingFile,
  there: Stats | undefined,
): Promise<BodySink> {
  const { header, times, localPath, remotePath } = file;
  const { preserve, fileMode } = context.options;
  const mode = header.mode & PERMISSION_BITS;
  const replacedMode = there?.isFile() ? there.mode & PERMISSION_BITS : undefined;
  const part = file.special ? await openSpecialFile(localPath) : await createPartFile(localPath, mode);
  let meter: ProgressMeter;
  try {
    meter = context.meter({ path: remotePath, localPath, remotePath, totalBytes: header.size });
  } catch (error) {
    await part.discard();
    throw error;
  }
  return {
    path: localPath,
    meter,
    onlyFile: file.onlyFile,
    write: (chunks) => part.write(chunks),
    async commit() {
      const finalMode = fileMode ?? (preserve ? mode : replacedMode);
      await part.commit({ mode: finalMode, times: preserve ? times : undefined });
      context.results.add(received(file));
    },
    async fail(error) {
      await part.discard();
      note(context, file, error, meter.bytes);
    },
  };
}

/** The result of a file that arrived. */
export function received(
  file: Pick<IncomingFile, "header" | "times" | "remotePath"> & { readonly localPath: string | undefined },
): ScpFileResult {
  const { header, times, localPath, remotePath } = file;
  const result = { localPath, remotePath, bytes: header.size, ok: true, mode: header.mode };
  if (times === undefined) return result;
  return { ...result, modifiedAt: toDate(times.modified), accessedAt: toDate(times.accessed) };
}

function note(
  { results, logger }: TransferContext,
  { localPath, remotePath }: IncomingFile,
  error: TransferError,
  bytes: number,
): void {
  logger.warn({ error, localPath, remotePath }, "not received");
  results.fail(error, remotePath, localPath, bytes);
}

function toDate({ seconds, microseconds }: WireTime): Date {
  return new Date(seconds * 1000 + Math.floor(microseconds / 1000));
}
