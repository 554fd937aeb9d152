import { type Logger, silentLogger } from "@waybill/net-core";
import type { FileSystem, OpenFlags } from "../file-system.js";

/** Options of a session. */
export interface SftpSessionOptions {
  readonly fileSystem: FileSystem;
  /** Refuse whatever would change something. Default: as the file system says, else false. */
  readonly readOnly?: boolean;
  /** Files and folders open at once. Default 256. */
  readonly maxHandles?: number;
  /**
   * Longest packet that clients are told to send (`limits@openssh.com`), in bytes; 1,024 more are let in, beyond that the
   * session ends. The longest READ and WRITE are 1,024 bytes shorter. Default 262,144, at least 34,000.
   */
  readonly maxPacketBytes?: number;
  /** Requests taken in and not answered yet; more wait in the channel. Default 64. */
  readonly maxRequestsInFlight?: number;
  /**
   * How long a client that has ended its side may take none of the replies that are meant for it, in milliseconds, before
   * the session ends and the channel is destroyed; twice as long at most. Default 10,000.
   */
  readonly lingerMs?: number;
  /**
   * Aborted when the server is about to stop: what is open may be finished, nothing more is opened, and the session ends
   * as soon as nothing is open. Default: never.
   */
  readonly closing?: AbortSignal | undefined;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Told what happens to files. What it throws is logged and ignored. */
  readonly onEvent?: (event: SftpEvent) => void;
}

/** What happened to a file, after it happened. */
export type SftpEvent =
  | { readonly type: "file-opened"; readonly path: string; readonly flags: OpenFlags }
  | {
      readonly type: "file-closed";
      readonly path: string;
      readonly bytesRead: number;
      readonly bytesWritten: number;
      /** False when the session ended before the client had closed the file. */
      readonly closedByClient: boolean;
    };

/** The options with their defaults. */
export interface SessionSettings {
  readonly fileSystem: FileSystem;
  readonly readOnly: boolean;
  readonly maxHandles: number;
  readonly maxPacketBytes: number;
  readonly maxRequestsInFlight: number;
  readonly lingerMs: number;
  readonly closing: AbortSignal | undefined;
  readonly logger: Logger;
  readonly onEvent: (event: SftpEvent) => void;
}

/** Packets may be so much longer than announced: the fields around 256 KiB of data. */
export const PACKET_OVERHEAD_BYTES = 1024;
const MIN_PACKET_LIMIT_BYTES = 34_000;

export function withDefaults(options: SftpSessionOptions): SessionSettings {
  const { fileSystem, logger = silentLogger, onEvent } = options;
  return {
    fileSystem,
    readOnly: (options.readOnly ?? false) || (fileSystem.readOnly ?? false),
    maxHandles: options.maxHandles ?? 256,
    maxPacketBytes: Math.max(options.maxPacketBytes ?? 256 * 1024, MIN_PACKET_LIMIT_BYTES),
    maxRequestsInFlight: Math.max(options.maxRequestsInFlight ?? 64, 1),
    lingerMs: options.lingerMs ?? 10_000,
    closing: options.closing,
    logger,
    onEvent: (event) => {
      try {
        onEvent?.(event);
      } catch (error) {
        logger.error({ error, event: event.type }, "an event listener failed");
      }
    },
  };
}

/** Longest data of one READ or WRITE, in bytes. */
export function maxDataBytes(settings: SessionSettings): number {
  return settings.maxPacketBytes - PACKET_OVERHEAD_BYTES;
}
