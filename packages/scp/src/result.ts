import { TransferError } from "@waybill/net-core";

/** How one file fared, or a folder that failed as a whole. */
export interface ScpFileResult {
  /** Where it is on this side; undefined for streams, and for failures that the server did not attach to a file. */
  readonly localPath: string | undefined;
  /** Where it is on the server. For a single file whose target may be a folder on the server: that target. */
  readonly remotePath: string;
  /** Bytes of content that were transferred. */
  readonly bytes: number;
  readonly ok: boolean;
  /** True when the overwrite policy, or a link that is not followed, left it out. */
  readonly skipped?: boolean;
  /** Why it failed. Undefined exactly when `ok`. */
  readonly error?: TransferError;
  /** As the server announced it: downloads only. */
  readonly mode?: number;
  /** As the server announced it: downloads with `preserve` or `overwrite: "newer"` only. */
  readonly modifiedAt?: Date;
  readonly accessedAt?: Date;
}

/** How a transfer ended. */
export interface ScpResult {
  /** Files, in the order in which they ended; folders only when they failed. */
  readonly files: readonly ScpFileResult[];
  /** Bytes of content, of all files together. */
  readonly bytes: number;
  /** How many entries of `files` are not `ok`. */
  readonly failed: number;
}

/** Collects results while a transfer goes on. */
export class ResultCollector {
  readonly #files: ScpFileResult[] = [];
  readonly #onFile: ((result: ScpFileResult) => void) | undefined;
  #bytes = 0;
  #failed = 0;

  constructor(onFile?: (result: ScpFileResult) => void) {
    this.#onFile = onFile;
  }

  get failed(): number {
    return this.#failed;
  }

  add(result: ScpFileResult): void {
    this.#files.push(result);
    this.#bytes += result.bytes;
    if (!result.ok) this.#failed++;
    this.#onFile?.(result);
  }

  fail(error: TransferError, remotePath: string, localPath?: string, bytes = 0): void {
    this.add({ localPath, remotePath, bytes, ok: false, error });
  }

  result(): ScpResult {
    return { files: this.#files, bytes: this.#bytes, failed: this.#failed };
  }

  /** `error` with what was done before it, as `details.result`. */
  partial(error: unknown): unknown {
    if (!(error instanceof TransferError) || "result" in error.details) return error;
    return new TransferError(error.code, error.message, {
      cause: error.cause,
      details: { ...error.details, result: this.result() },
    });
  }
}
