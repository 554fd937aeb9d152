import { type Logger, RateLimiter, silentLogger } from "@waybill/net-core";
import type { SshExecutor } from "@waybill/ssh-core";
import {
  type ResolvedOptions,
  resolveOptions,
  type ScpDownloadOptions,
  type ScpUploadOptions,
} from "./options.js";
import { ProgressMeter, type ProgressSubject } from "./progress.js";
import { ResultCollector } from "./result.js";

/** What every part of one transfer needs. */
export interface TransferContext {
  readonly executor: SshExecutor;
  readonly options: ResolvedOptions;
  readonly results: ResultCollector;
  readonly logger: Logger;
  readonly limiter: RateLimiter | undefined;
  readonly signal: AbortSignal | undefined;
  /** Starts to measure a file. */
  meter(subject: Omit<ProgressSubject, "direction">): ProgressMeter;
}

/** Errors: `ERR_OPTION_INVALID`. */
export function createContext(
  direction: "upload" | "download",
  executor: SshExecutor,
  options: ScpUploadOptions | ScpDownloadOptions,
): TransferContext {
  const resolved = resolveOptions(direction, options);
  const { bytesPerSecond, rateLimiter, onProgress } = options;
  return {
    executor,
    options: resolved,
    results: new ResultCollector(options.onFile),
    logger: options.logger ?? silentLogger,
    limiter: rateLimiter ?? (bytesPerSecond === undefined ? undefined : new RateLimiter(bytesPerSecond)),
    signal: options.signal,
    meter: (subject) => new ProgressMeter({ direction, ...subject }, resolved.progressIntervalMs, onProgress),
  };
}
