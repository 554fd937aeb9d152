import type { Readable } from "node:stream";
import { checkInteger, checkTimeMs, type Logger, optionError, type RateLimiter } from "@waybill/net-core";
import type { ScpProgress } from "./progress.js";
import type { ScpFileResult } from "./result.js";

/** What uploads and downloads have in common. */
export interface ScpOptions {
  /** Folders too, with all that is in them. Default false: a folder is a failure. */
  readonly recursive?: boolean | undefined;
  /** Keep times and modes (`scp -p`). Default false: times are now, modes go through the receiver's umask. */
  readonly preserve?: boolean | undefined;
  /** The mode of every file at its destination, in place of the one that it has at its source: 0 to 0o777. */
  readonly fileMode?: number | undefined;
  /** The same for folders. */
  readonly directoryMode?: number | undefined;
  /**
   * Whether `*`, `?` and `[a-z]` in paths are masks. Default true; `[*]` is then a star itself. False takes every path
   * as it is.
   */
  readonly masks?: boolean | undefined;
  /** The most bytes of file content per second. Default: no limit. */
  readonly bytesPerSecond?: number | undefined;
  /** A limiter that several transfers share, in place of `bytesPerSecond`. */
  readonly rateLimiter?: RateLimiter | undefined;
  /** Ends the transfer with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /** After this long without a sign of life, while the server has to do something, `ERR_SCP_TIMEOUT`. Default 60,000; 0 waits forever. */
  readonly idleTimeoutMs?: number | undefined;
  /** Called when a file starts, while it moves on and when it ends. */
  readonly onProgress?: ((progress: ScpProgress) => void) | undefined;
  /** The least time between two calls of `onProgress` for a file that moves on. Default 100. */
  readonly progressIntervalMs?: number | undefined;
  /** Called with every result as it is known, see {@link ScpResult.files}. */
  readonly onFile?: ((result: ScpFileResult) => void) | undefined;
  /** The program on the server, as text for its shell: `sudo scp`, `/opt/bin/scp`. Default `scp`. */
  readonly remoteProgram?: string | undefined;
  /** Default: says nothing. */
  readonly logger?: Logger | undefined;
}

/** Options of `upload`. */
export interface ScpUploadOptions extends ScpOptions {
  /**
   * What happens to a file that is on the server already: `always` (default) replaces it, `skip` leaves it alone, `never`
   * makes it a failure with `ERR_SCP_EXISTS`. The protocol cannot ask, so the latter two run `test` on the server before
   * each file.
   */
  readonly overwrite?: "always" | "skip" | "never" | undefined;
  /** Send what symbolic links lead to, as `scp` does. Default true; false skips links in folders. */
  readonly followSymbolicLinks?: boolean | undefined;
}

/** Options of `download`. */
export interface ScpDownloadOptions extends ScpOptions {
  /**
   * What happens to a file that is here already: `always` (default) replaces it, `newer` does so when the server's is
   * newer, `skip` leaves it alone, `never` makes it a failure with `ERR_SCP_EXISTS`.
   */
  readonly overwrite?: "always" | "newer" | "skip" | "never" | undefined;
  /** The most files, folders and warnings that are taken from the server, then `ERR_SCP_LIMIT`. Default 1,000,000. */
  readonly maxEntries?: number | undefined;
}

/** Options of `downloadToStream`. */
export interface ScpStreamOptions
  extends Omit<ScpOptions, "recursive" | "masks" | "fileMode" | "directoryMode"> {
  /** Whether the stream is ended after the file. Default true. When the transfer fails it is destroyed, or with false left alone. */
  readonly endStream?: boolean | undefined;
}

/** A file to upload that is not on the disk. */
export interface ScpStreamSource {
  /** The name on the server, when the target there is a folder. Without `/`. */
  readonly name: string;
  readonly data: Readable | Uint8Array | AsyncIterable<Uint8Array | string>;
  /** Bytes. Required unless `data` is bytes: the protocol announces it before the content. */
  readonly size?: number | undefined;
  /** Default 0o644. */
  readonly mode?: number | undefined;
  /** Sent when it is given, whatever `preserve` says. */
  readonly modifiedAt?: Date | undefined;
  /** Default: `modifiedAt`. */
  readonly accessedAt?: Date | undefined;
}

/** A local path, which may have a mask in it, or content with a name. */
export type ScpSource = string | ScpStreamSource;

/** Every option, checked, with its default. */
export interface ResolvedOptions {
  readonly recursive: boolean;
  readonly preserve: boolean;
  readonly fileMode: number | undefined;
  readonly directoryMode: number | undefined;
  readonly masks: boolean;
  readonly idleTimeoutMs: number;
  readonly progressIntervalMs: number;
  readonly remoteProgram: string;
  readonly overwrite: "always" | "newer" | "skip" | "never";
  readonly followSymbolicLinks: boolean;
  readonly maxEntries: number;
}

type AnyOptions = ScpOptions & {
  readonly overwrite?: ScpDownloadOptions["overwrite"];
  readonly followSymbolicLinks?: boolean | undefined;
  readonly maxEntries?: number | undefined;
};

const OVERWRITE = { upload: ["always", "skip", "never"], download: ["always", "newer", "skip", "never"] };

/** The one place of the defaults. Errors: `ERR_OPTION_INVALID`. */
export function resolveOptions(direction: "upload" | "download", options: AnyOptions): ResolvedOptions {
  const overwrite = options.overwrite ?? "always";
  if (!OVERWRITE[direction].includes(overwrite))
    throw optionError("overwrite", `must be one of ${OVERWRITE[direction].join(", ")} for an ${direction}`);
  const remoteProgram = options.remoteProgram ?? "scp";
  if (remoteProgram.trim() === "" || /[\n\0]/.test(remoteProgram))
    throw optionError("remoteProgram", "must be a command on one line");
  return {
    recursive: options.recursive ?? false,
    preserve: options.preserve ?? false,
    fileMode: checkMode("fileMode", options.fileMode),
    directoryMode: checkMode("directoryMode", options.directoryMode),
    masks: options.masks ?? true,
    idleTimeoutMs: checkTimeMs("idleTimeoutMs", options.idleTimeoutMs ?? 60_000, 0),
    progressIntervalMs: checkTimeMs("progressIntervalMs", options.progressIntervalMs ?? 100, 0),
    remoteProgram,
    overwrite,
    followSymbolicLinks: options.followSymbolicLinks ?? true,
    maxEntries: checkInteger("maxEntries", options.maxEntries ?? 1_000_000, 1, Number.MAX_SAFE_INTEGER),
  };
}

export function checkMode(option: string, mode: number | undefined): number | undefined {
  return mode === undefined ? undefined : checkInteger(option, mode, 0, 0o777);
}
