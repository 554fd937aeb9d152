import { open } from "node:fs/promises";
import { errorCode, errorMessage, isTransferError } from "@waybill/net-core";
import type { ErrorSource } from "../error-source.js";
import { readOpenAtMost } from "../read-at-most.js";
import { MAX_STORE_BYTES } from "./store-limits.js";

/** The bytes of a file, or undefined for a folder. A file above the limit is refused before it is read. */
export async function readStoreFile(path: string, source: ErrorSource): Promise<Buffer | undefined> {
  try {
    const file = await open(path, "r");
    try {
      const stats = await file.stat();
      if (stats.isDirectory()) return undefined;
      if (stats.size > MAX_STORE_BYTES) throw tooLarge(stats.size, source);
      // Devices and pipes do not know their size.
      const bytes = await readOpenAtMost(file, MAX_STORE_BYTES);
      if (bytes === undefined) throw tooLarge(MAX_STORE_BYTES + 1, source);
      return bytes;
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
