import type { Partner, PartnerDirectory, QueuedFile, StationOptions } from "@waybill/oftp-session";

/** Options of {@link connectOftp}. */
export interface OftpClientOptions
  extends Omit<StationOptions, "partners" | "store" | "work" | "outbox" | "maxSessions"> {
  /** Files in `outbox/<partner>/` are sent by `OftpClient.sendWaiting`. Default: there is none. */
  readonly outbox?: string | undefined;
  /** The station that is called; its entry needs an `address`. */
  readonly partner: Partner;
  /** Other stations that files from this one may be for: they are kept in `state` for them. Default: none. */
  readonly partners?: PartnerDirectory | undefined;
  /**
   * The folder of what must survive a crash: end responses that are owed, files that wait for theirs, parts of received
   * files. On the file system of the inbox. Default: a temporary one that goes with the client.
   */
  readonly state?: string | undefined;
  /** Ends the session at once. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `OftpClient.send`. */
export interface SendOptions {
  /**
   * Goes on with what an earlier session on the same `state` has begun or queued for the same `path`, where the file is
   * unchanged and everything else is the same: the partner gets one virtual file, not two. Default false.
   */
  readonly resume?: boolean | undefined;
}

/** A file that the partner has. */
export interface SentReceipt {
  readonly file: QueuedFile;
  /** Octets of user data. Undefined: another session on the same `state` has sent it. */
  readonly octets: number | undefined;
}
