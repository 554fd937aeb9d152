import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import {
  abortError,
  checkInteger,
  checkTimeMs,
  errorMessage,
  isTransferError,
  TransferError,
} from "@waybill/net-core";
import type { CertStoreErrorCode } from "../error-source.js";

/** `same-scheme`: to another address, but from http only to http and from https only to https. */
export type RedirectPolicy = "never" | "always" | "same-scheme";

/** One exchange of HTTP, without redirects. */
export interface HttpExchange {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  /** Aborted when the download has taken too long or is no longer wanted. */
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Read until it ends or has too much; then closed. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Does one exchange: for proxies and tests. Must not follow redirects. */
export type HttpTransport = (exchange: HttpExchange) => Promise<HttpAnswer>;

/** What a download may cost. */
export interface DownloadLimits {
  /** For all of it, redirects and the body with it, in milliseconds. Default 15,000. */
  readonly timeoutMs?: number | undefined;
  /** The largest body, in bytes. Default 16 MiB. */
  readonly maxBytes?: number | undefined;
  /** Default `same-scheme`. */
  readonly redirects?: RedirectPolicy | undefined;
  /** Default: node:http and node:https. */
  readonly fetch?: HttpTransport | undefined;
}

export interface DownloadRequest {
  readonly url: string;
  /** With a body it is a POST, else a GET. */
  readonly body?: Uint8Array | undefined;
  readonly contentType?: string | undefined;
  readonly accept?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const DOWNLOAD_DEFAULTS = {
  timeoutMs: 15_000,
  maxBytes: 16 * 1024 * 1024,
  redirects: "same-scheme",
} as const satisfies DownloadLimits;

const MAX_REDIRECTS = 5;
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);
const SCHEMES = new Set(["http:", "https:"]);

/**
 * Downloads a small file over http or https, with limits on its size, its time and its redirects. The answer must have status 200 and
 * no content encoding.
 *
 * Errors: `ERR_DOWNLOAD_ADDRESS` (no address of http or https), `ERR_DOWNLOAD_TIMEOUT`, `ERR_DOWNLOAD_TOO_LARGE`,
 * `ERR_DOWNLOAD_REDIRECT` (one that is not allowed, or too many), `ERR_DOWNLOAD_FAILED` (connection, status, encoding), `ERR_ABORTED`,
 * `ERR_OPTION_INVALID`.
 */
export async function download(request: DownloadRequest, limits: DownloadLimits = {}): Promise<Buffer> {
  const timeoutMs = checkTimeMs("timeoutMs", limits.timeoutMs ?? DOWNLOAD_DEFAULTS.timeoutMs, 1);
  const maxBytes = checkInteger("maxBytes", limits.maxBytes ?? DOWNLOAD_DEFAULTS.maxBytes, 1, 2 ** 31 - 1);
  const policy = limits.redirects ?? DOWNLOAD_DEFAULTS.redirects;
  const transport = limits.fetch ?? nodeTransport;
  if (request.signal?.aborted) throw abortError(request.signal);
  const controller = new AbortController();
  const timedOut = downloadError(
    request.url,
    "ERR_DOWNLOAD_TIMEOUT",
    `took longer than ${timeoutMs} ms and was given up`,
  );
  const timer = setTimeout(() => controller.abort(timedOut), timeoutMs);
  const onAbort = () => controller.abort(abortError(request.signal));
  request.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    // A transport that ignores its signal must not hold us.
    return await Promise.race([
      follow(request, transport, policy, maxBytes, controller.signal),
      rejectedBy(controller.signal),
    ]);
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason;
    if (isTransferError(error)) throw error;
    throw downloadError(request.url, "ERR_DOWNLOAD_FAILED", `failed: ${errorMessage(error)}`, error);
  } finally {
    clearTimeout(timer);
    request.signal?.removeEventListener("abort", onAbort);
    // Whatever the transport still holds open is closed.
    controller.abort();
  }
}

async function follow(
  request: DownloadRequest,
  transport: HttpTransport,
  policy: RedirectPolicy,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  let url = httpUrl(request.url, undefined);
  for (let redirects = 0; ; redirects++) {
    const answer = await transport({
      url,
      method: request.body === undefined ? "GET" : "POST",
      headers: {
        accept: request.accept ?? "*/*",
        "accept-encoding": "identity",
        ...(request.contentType === undefined ? {} : { "content-type": request.contentType }),
      },
      body: request.body,
      signal,
    });
    if (!REDIRECT_STATUS.has(answer.status)) return bodyOf(url, answer, maxBytes);
    url = redirectTarget(request, url, answer, policy);
    await closeBody(answer);
    if (redirects === MAX_REDIRECTS) {
      throw downloadError(request.url, "ERR_DOWNLOAD_REDIRECT", `redirects more than ${MAX_REDIRECTS} times`);
    }
  }
}

function redirectTarget(
  request: DownloadRequest,
  from: URL,
  answer: HttpAnswer,
  policy: RedirectPolicy,
): URL {
  const refuse = (problem: string) => downloadError(from.href, "ERR_DOWNLOAD_REDIRECT", problem);
  const location = headerOf(answer, "location");
  if (policy === "never") throw refuse("redirects, which is not allowed");
  if (location === undefined) throw refuse("redirects without an address");
  if (answer.status === 303 && request.body !== undefined) throw refuse("redirects a request to a page");
  const target = httpUrl(location, from);
  if (policy === "same-scheme" && target.protocol !== from.protocol) {
    throw refuse(`redirects from ${from.protocol.slice(0, -1)} to ${target.protocol.slice(0, -1)}`);
  }
  return target;
}

async function bodyOf(url: URL, answer: HttpAnswer, maxBytes: number): Promise<Buffer> {
  try {
    if (answer.status !== 200) {
      throw downloadError(url.href, "ERR_DOWNLOAD_FAILED", `answers with HTTP status ${answer.status}`);
    }
    const encoding = headerOf(answer, "content-encoding") ?? "identity";
    if (encoding.toLowerCase() !== "identity") {
      throw downloadError(url.href, "ERR_DOWNLOAD_FAILED", "answers with an encoding that was not asked for");
    }
    const tooLarge = () =>
      downloadError(url.href, "ERR_DOWNLOAD_TOO_LARGE", `sends more than ${maxBytes} bytes, the limit`);
    if (Number(headerOf(answer, "content-length") ?? 0) > maxBytes) throw tooLarge();
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of answer.body) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge();
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, size);
  } finally {
    await closeBody(answer);
  }
}

async function closeBody(answer: HttpAnswer): Promise<void> {
  if ("destroy" in answer.body && typeof answer.body.destroy === "function") answer.body.destroy();
}

function headerOf(answer: HttpAnswer, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === "string" ? value : value?.[0];
}

function httpUrl(text: string, base: URL | undefined): URL {
  let url: URL;
  try {
    url = new URL(text, base);
  } catch (error) {
    throw downloadError(text, "ERR_DOWNLOAD_ADDRESS", "is no address", error);
  }
  if (!SCHEMES.has(url.protocol))
    throw downloadError(text, "ERR_DOWNLOAD_ADDRESS", "is no address of http or https");
  return url;
}

function downloadError(
  url: string,
  code: CertStoreErrorCode,
  problem: string,
  cause?: unknown,
): TransferError {
  const shown = url.length > 200 ? `${url.slice(0, 200)}...` : url;
  return new TransferError(code, `${JSON.stringify(shown).slice(1, -1)} ${problem}`, {
    details: { url },
    ...(cause === undefined ? {} : { cause }),
  });
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** One exchange with node:http or node:https, on a connection of its own. */
const nodeTransport: HttpTransport = ({ url, method, headers, body, signal }) =>
  new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? requestHttps : requestHttp;
    const request = send(
      url,
      {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { "content-length": String(body.byteLength) }) },
        agent: false,
        signal,
      },
      (response) => {
        // Without a listener an error after the end of our interest would end the process.
        response.on("error", () => {});
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: response });
      },
    );
    request.on("error", reject);
    request.end(body);
  });
