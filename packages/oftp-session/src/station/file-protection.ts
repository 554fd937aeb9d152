import type { Sfid } from "@waybill/oftp-codec";
import type { FileSink, OutgoingFile } from "../user-monitor.js";
import type { QueuedFile } from "./outgoing-queue.js";
import type { Partner } from "./partner.js";

/**
 * File security (RFC 5024 section 6): a virtual file is sealed before it is sent and opened after it was received. Without one,
 * files are sent as they are, and files that are signed, compressed or encrypted are refused.
 */
export interface FileProtection {
  /** What is transmitted in place of a file. Called before each attempt; the same file gives the same octets again. */
  seal(file: OutgoingFile, partner: Partner, queued: QueuedFile): Promise<OutgoingFile>;
  /**
   * Takes what arrives in place of `sink`, and gives it what was inside once that is verified. Rejects with a
   * `FileRefusedError` (reasons 15 to 20) when the partner's files must not be like that.
   */
  open(sfid: Sfid, partner: Partner, sink: FileSink): Promise<FileSink>;
}
