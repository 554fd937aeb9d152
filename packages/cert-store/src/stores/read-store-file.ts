import { type FileHandle, open } from "node:fs/promises";
import { errorCode, errorMessage, isTransferError } from "@waybill/net-core";
import type { ErrorSource } from "../error-source.js";
import { MAX_STORE_BYTES } from "./store-limits.js";

const CHUNK_BYTES = 64 * 1024;

/** The bytes of a file, or undefined for a folder. A file above the limit is refused before it is read. */
export async function readStoreFile(path: string, source: ErrorSource): Promise<Buffer | undefined> {
  try {
    const file = await open(path, "r");
    try {
      const stats = await file.stat();
      if (stats.isDirectory()) return undefined;
      if (stats.size > MAX_STORE_BYTES) throw tooLarge(stats.size, source);
      return await readToLimit(file, source);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isTransferError(error)) throw error;
    throw fileError(error, source);
  }
}

/** The error for what the file system says. */
export function fileError(error: unknown, source: ErrorSource): Error {
  const code = errorCode(error);
  if (code === "ENOENT" || code === "ENOTDIR") {
    return source.error("ERR_STORE_NOT_FOUND", "there is no such file or folder", error);
  }
  const reason = code ?? errorMessage(error);
  return source.error(
    "ERR_STORE_UNREADABLE",
    `it cannot be read (${reason}): look at its permissions`,
    error,
  );
}

/** The error for a store above the limit. */
export function tooLarge(size: number, source: ErrorSource): Error {
  return source.unsupported(`${size} bytes are more than a store may have (${MAX_STORE_BYTES})`);
}

/** Devices and pipes do not know their size. */
async function readToLimit(file: FileHandle, source: ErrorSource): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES);
    total += bytesRead;
    if (total > MAX_STORE_BYTES) throw tooLarge(total, source);
    if (bytesRead === 0) return Buffer.concat(chunks);
    chunks.push(buffer.subarray(0, bytesRead));
  }
}
