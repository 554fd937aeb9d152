export { type FileStateStoreOptions, fileStateStore } from "./file-state-store.js";
export type { OverwriteRule } from "./final-name.js";
export { type InboxSinkOptions, inboxSink } from "./inbox-sink.js";
export { memoryStateStore } from "./memory-state-store.js";
export { type OutboxFile, type SettleOptions, scanOutbox, settleSentFile } from "./outbox.js";
export {
  type BufferOutgoingFileOptions,
  bufferOutgoingFile,
  type LocalOutgoingFile,
  type LocalOutgoingFileOptions,
  localOutgoingFile,
  type OutgoingFileOptions,
} from "./outgoing-file.js";
export { acquireProcessLock, type ProcessLock } from "./process-lock.js";
export { type ReceivedFileIdentity, receivedFileKey } from "./received-file-key.js";
export {
  checkNamePattern,
  DEFAULT_NAME_PATTERN,
  type ReceivedFileFacts,
  receivedFileName,
} from "./received-file-name.js";
export type { LineEnd, RecordMapping } from "./record-mapping.js";
export { type InboxRecovery, type RecoverInboxOptions, recoverInbox } from "./recover-inbox.js";
export { isSafeFileName, safeFileName } from "./safe-file-name.js";
export { type SpooledOutgoingFile, spoolContent, spoolOutgoingFile } from "./spool-outgoing-file.js";
export { storedFileSink } from "./stored-file-sink.js";
export { VirtualFileClock, type VirtualFileClockOptions } from "./virtual-file-clock.js";
export type { ReceptionLedger, StoredFile } from "./whole-file.js";
