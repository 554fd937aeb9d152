import type { CopyDataRequest } from "../codec/requests.js";
import { FileSystemError } from "../file-system-error.js";
import { returnBuffer, takeBuffer } from "./buffer-pool.js";
import type { OpenFile } from "./open-file.js";
import type { SessionContext } from "./session-context.js";

const CHUNK_BYTES = 256 * 1024;

/**
 * Copies from one open file to another (`copy-data`, OpenSSH, PROTOCOL, section 4.10). A length of zero means up to the
 * end. Resolves to false when the source ended before the length that was given. Stops when the client is gone.
 *
 * Errors: `ERR_INVALID_ARGUMENT` when both handles are on one file; `ERR_PERMISSION_DENIED` when one is not open for its
 * part; those of the file system.
 */
export async function copyData(context: SessionContext, request: CopyDataRequest): Promise<boolean> {
  const source = context.handles.file(request.source);
  const target = context.handles.file(request.target);
  const { identity } = source.handle;
  if (source === target || (identity !== undefined && identity === target.handle.identity)) {
    throw new FileSystemError("ERR_INVALID_ARGUMENT", "A file cannot be copied onto itself");
  }
  if (!source.flags.read || !target.flags.write) {
    throw new FileSystemError("ERR_PERMISSION_DENIED", "The handles are not open for reading and writing");
  }
  const buffer = takeBuffer(CHUNK_BYTES);
  try {
    return await copyChunks(context, request, source, target, buffer);
  } finally {
    target.version.bump();
    returnBuffer(buffer);
  }
}

async function copyChunks(
  context: SessionContext,
  request: CopyDataRequest,
  source: OpenFile,
  target: OpenFile,
  buffer: Buffer,
): Promise<boolean> {
  const total = request.length === 0 ? Number.POSITIVE_INFINITY : request.length;
  let copied = 0;
  while (copied < total && !context.isOver()) {
    const part = buffer.subarray(0, Math.min(CHUNK_BYTES, total - copied));
    const count = await source.handle.read([part], request.sourceOffset + copied);
    if (count === 0) return request.length === 0;
    source.bytesRead += count;
    await target.handle.write([part.subarray(0, count)], request.targetOffset + copied);
    target.bytesWritten += count;
    target.version.bump();
    copied += count;
  }
  return true;
}
