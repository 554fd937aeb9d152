import { fileURLToPath } from "node:url";
import { abortError, errorCode, errorMessage, isTransferError } from "@waybill/net-core";
import { errorSource } from "../error-source.js";
import { readAtMost } from "../read-at-most.js";
import { type DownloadLimits, download } from "../trust/http-download.js";
import { MAX_TRUST_LIST_BYTES } from "./trust-list-limits.js";

/** Where a list comes from: an address (http, https, file), a path, or its bytes. */
export type TrustListSource = string | URL | Uint8Array;

/** The address of Odette's list of the authorities whose certificates OFTP2 partners use. */
export const ODETTE_TRUST_LIST_URL = "https://www.odette.org/TSL/TSL_OFTP2.XML";

/** The address or path for messages. */
export function sourceName(source: TrustListSource): string | undefined {
  return source instanceof Uint8Array ? undefined : String(source);
}

/** Whether reading it costs a download. */
export function isRemote(source: TrustListSource): boolean {
  return !(source instanceof Uint8Array) && /^https?:/i.test(String(source));
}

/**
 * The bytes of a list. Errors: `ERR_TRUST_LIST_UNAVAILABLE` (with the error of the download or the file as its cause),
 * `ERR_TRUST_LIST_LIMIT`, `ERR_ABORTED`, `ERR_OPTION_INVALID`.
 */
export async function loadTrustList(
  source: TrustListSource,
  limits: DownloadLimits,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (signal?.aborted) throw abortError(signal);
  if (source instanceof Uint8Array) return source;
  if (!isRemote(source)) return readLimited(pathOf(source));
  const errors = errorSource(sourceName(source));
  try {
    return await download(
      { url: String(source), accept: "application/xml, text/xml, */*", signal },
      { maxBytes: MAX_TRUST_LIST_BYTES, ...limits },
    );
  } catch (error) {
    if (isTransferError(error, "ERR_ABORTED") || isTransferError(error, "ERR_OPTION_INVALID")) throw error;
    if (isTransferError(error, "ERR_DOWNLOAD_TOO_LARGE")) {
      throw errors.error("ERR_TRUST_LIST_LIMIT", "the list is larger than is downloaded", error);
    }
    throw errors.error(
      "ERR_TRUST_LIST_UNAVAILABLE",
      `the list cannot be downloaded: ${errorMessage(error)}`,
      error,
    );
  }
}

function pathOf(source: string | URL): string {
  return /^file:/i.test(String(source)) ? fileURLToPath(source) : String(source);
}

/** A file of at most 16 MiB, whatever kind of file it is. */
export async function readLimited(path: string, limit = MAX_TRUST_LIST_BYTES): Promise<Buffer> {
  const errors = errorSource(path);
  let bytes: Buffer | undefined;
  try {
    bytes = await readAtMost(path, limit);
  } catch (error) {
    const reason =
      errorCode(error) === "ENOENT" ? "there is no such file" : (errorCode(error) ?? errorMessage(error));
    throw errors.error("ERR_TRUST_LIST_UNAVAILABLE", `the file cannot be read: ${reason}`, error);
  }
  if (bytes === undefined) {
    throw errors.error("ERR_TRUST_LIST_LIMIT", `the file is larger than ${limit} bytes`);
  }
  return bytes;
}
