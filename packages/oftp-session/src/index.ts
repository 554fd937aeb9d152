export { initiateSession, type OftpSession, respondSession } from "./driver/session.js";
export { SessionEndError } from "./driver/session-end.js";
export * from "./driver/session-options.js";
export * from "./file-refused-error.js";
export * from "./machine/index.js";
export * from "./security/partner-security.js";
export * from "./state-store.js";
export type { CertificateExchange } from "./station/certificate-exchange.js";
export * from "./station/dial-partner.js";
export type {
  AfterSending,
  QueuedFile,
  SentFile,
  SentState,
  TransmittedContent,
} from "./station/outgoing-queue.js";
export * from "./station/partner.js";
export type { FileToSend } from "./station/queued-file.js";
export { type CallOptions, OftpStation, type StationSession } from "./station/station.js";
export * from "./station/station-events.js";
export * from "./station/station-options.js";
export type { SessionPlan } from "./station/station-speaker.js";
export * from "./station/trail-record.js";
export * from "./storage/index.js";
export * from "./user-monitor.js";
