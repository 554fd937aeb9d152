import { abortError, checkInteger, checkTimeMs, type Logger, silentLogger } from "@waybill/net-core";
import { DOWNLOAD_DEFAULTS, type DownloadLimits, download } from "./http-download.js";
import { type CacheKey, RevocationCache } from "./revocation-cache.js";
import { MAX_CRL_BYTES, MAX_OCSP_BYTES } from "./revocation-limits.js";
import type { RevocationStatus } from "./revocation-status.js";

/** Options of {@link revocationSource}. */
export interface RevocationSourceOptions extends DownloadLimits {
  /** Where lists and responses are kept over restarts; made when it is not there. Default: memory only. */
  readonly cacheFolder?: string | undefined;
  /** Only what is in the cache is used. Default false. */
  readonly offline?: boolean | undefined;
  /** See `maxAgeMs` of the revocation options, whose default it is. */
  readonly maxAgeMs?: number | undefined;
  readonly logger?: Logger | undefined;
}

/** What is wanted of a source: a CRL, or with a body the answer to an OCSP request. */
export interface RevocationRequest extends CacheKey {
  readonly body?: Uint8Array | undefined;
  /** False for what nobody can use again. */
  readonly isCacheable: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Where lists and responses come from: the cache, else the network. Made once and used for many certificates. */
export interface RevocationSource {
  readonly maxAgeMs: number | undefined;
  /**
   * What `judge` says about the list or response: about the cached one, and when that is of no use, about one that is downloaded. Only what
   * gives a status is cached. Undefined: offline, and not in the cache.
   *
   * Errors: those of the download, `ERR_ABORTED`.
   */
  ask(
    request: RevocationRequest,
    judge: (bytes: Buffer) => RevocationStatus,
  ): Promise<RevocationStatus | undefined>;
}

/**
 * A source of CRLs and OCSP responses over http and https, with limits on size, time and redirects, cached in memory and on disk for
 * as long as they are valid. Errors: `ERR_OPTION_INVALID`.
 */
export function revocationSource(options: RevocationSourceOptions = {}): RevocationSource {
  return new CachedRevocationSource(options);
}

class CachedRevocationSource implements RevocationSource {
  readonly maxAgeMs: number | undefined;
  readonly #limits: DownloadLimits & { readonly maxBytes: number };
  readonly #isOffline: boolean;
  readonly #cache: RevocationCache;
  readonly #logger: Logger;
  /** Downloads that go on: who wants the same waits for it. */
  readonly #running = new Map<string, Promise<Buffer>>();

  constructor(options: RevocationSourceOptions) {
    const { cacheFolder, offline = false, maxAgeMs, logger = silentLogger, ...limits } = options;
    const maxBytes = checkInteger(
      "maxBytes",
      limits.maxBytes ?? DOWNLOAD_DEFAULTS.maxBytes,
      1,
      MAX_CRL_BYTES,
    );
    checkTimeMs("timeoutMs", limits.timeoutMs ?? DOWNLOAD_DEFAULTS.timeoutMs, 1);
    this.maxAgeMs = maxAgeMs;
    this.#limits = { ...limits, maxBytes };
    this.#isOffline = offline;
    this.#cache = new RevocationCache(cacheFolder, maxBytes, logger);
    this.#logger = logger;
  }

  async ask(
    request: RevocationRequest,
    judge: (bytes: Buffer) => RevocationStatus,
  ): Promise<RevocationStatus | undefined> {
    const cached = request.isCacheable ? await this.#cache.read(request) : undefined;
    const known = cached === undefined ? undefined : judge(cached);
    if (this.#isOffline || (known !== undefined && known.status !== "unknown")) return known;
    this.#logger.debug({ kind: request.kind, url: request.url }, "asking for a revocation status");
    const bytes = await this.#download(request);
    const status = judge(bytes);
    if (request.isCacheable && status.status !== "unknown") await this.#cache.write(request, bytes);
    return status;
  }

  async #download(request: RevocationRequest): Promise<Buffer> {
    const { kind, url, subject, body, signal } = request;
    if (signal?.aborted) throw abortError(signal);
    const key = `${kind} ${Buffer.from(subject).toString("hex")} ${url}`;
    let running = request.isCacheable ? this.#running.get(key) : undefined;
    if (running === undefined) {
      running = download(
        {
          url,
          body,
          ...(kind === "crl"
            ? { accept: "application/pkix-crl, */*" }
            : { accept: "application/ocsp-response", contentType: "application/ocsp-request" }),
          // A download that others may wait for is not one caller's to end; its own timeout does.
          signal: request.isCacheable ? undefined : signal,
        },
        kind === "crl"
          ? this.#limits
          : { ...this.#limits, maxBytes: Math.min(this.#limits.maxBytes, MAX_OCSP_BYTES) },
      );
      if (request.isCacheable) {
        this.#running.set(key, running);
        const done = () => this.#running.delete(key);
        running.then(done, done);
      }
    }
    return untilAborted(running, signal);
  }
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortError(signal));
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
