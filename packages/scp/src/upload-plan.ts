import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { TransferError } from "@waybill/net-core";
import { notRegularError } from "./file-body.js";
import { expandLocalMask } from "./local-mask.js";
import type { ScpSource } from "./options.js";
import { localError } from "./scp-errors.js";
import { openStream, type StreamFile } from "./stream-body.js";
import type { TransferContext } from "./transfer-context.js";

/** One thing to send. */
export type UploadEntry = FileEntry | FolderEntry;
/** What has a body. */
export type FileEntry = LocalFileEntry | StreamEntry;

export interface LocalFileEntry {
  readonly kind: "file";
  readonly path: string;
  /** The name on the server. */
  readonly name: string;
}

export interface StreamEntry {
  readonly kind: "stream";
  readonly name: string;
  readonly stream: StreamFile;
}

export interface FolderEntry {
  readonly kind: "directory";
  readonly path: string;
  /** The name on the server. Undefined for a folder that was given as `.` or the like: what is in it is meant. */
  readonly name: string | undefined;
}

export interface UploadPlan {
  readonly entries: readonly UploadEntry[];
  /** Whether several were asked for, so that the target must be a folder. */
  readonly several: boolean;
}

/**
 * Looks at what was asked for. What is not there becomes a failed result when several were asked for, and an error when
 * it is the only one: `ERR_SCP_NO_SUCH_FILE`, `ERR_SCP_NO_MATCH`, `ERR_SCP_IS_FOLDER`, `ERR_SCP_NOT_REGULAR`,
 * `ERR_SCP_LOCAL_FILE`, `ERR_SCP_UNSAFE_NAME`, `ERR_OPTION_INVALID`.
 */
export async function planUpload(
  sources: readonly ScpSource[],
  context: TransferContext,
): Promise<UploadPlan> {
  const streams = new Map(
    sources.flatMap((source, index) =>
      typeof source === "string" ? [] : [[index, openStream(source)] as const],
    ),
  );
  const entries: UploadEntry[] = [];
  let several = sources.length > 1;
  for (const [index, source] of sources.entries()) {
    if (typeof source !== "string") {
      entries.push({ kind: "stream", name: source.name, stream: streams.get(index)! });
      continue;
    }
    const matches = context.options.masks ? await expandLocalMask(source) : undefined;
    if (matches !== undefined) several = true;
    const onlySource = sources.length === 1 && matches === undefined;
    if (matches?.length === 0) report(noMatchError(source), source, sources.length === 1, context);
    for (const path of matches ?? [source]) {
      const entry = await lookAt(path, context.options.recursive);
      if (entry instanceof TransferError) report(entry, path, onlySource, context);
      else entries.push(entry);
    }
  }
  return { entries, several };
}

function report(error: TransferError, path: string, only: boolean, { results }: TransferContext): void {
  if (only) throw error;
  results.fail(error, "", path);
}

function noMatchError(mask: string): TransferError {
  return new TransferError("ERR_SCP_NO_MATCH", `nothing matches ${mask}`, { details: { path: mask } });
}

async function lookAt(path: string, recursive: boolean): Promise<UploadEntry | TransferError> {
  try {
    const stats = await stat(path);
    const base = basename(path);
    const nameless = base === "" || base === "." || base === "..";
    if (stats.isFile()) return { kind: "file", path, name: base };
    if (!stats.isDirectory()) return notRegularError(path);
    if (recursive) return { kind: "directory", path, name: nameless ? undefined : base };
    return new TransferError("ERR_SCP_IS_FOLDER", `${path} is a folder: it is sent only with recursive`, {
      details: { path },
    });
  } catch (error) {
    return localError("read", path, error);
  }
}
