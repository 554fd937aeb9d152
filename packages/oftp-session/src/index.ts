export { initiateSession, type OftpSession, respondSession } from "./driver/session.js";
export { SessionEndError } from "./driver/session-end.js";
export * from "./driver/session-options.js";
export * from "./file-refused-error.js";
export * from "./machine/index.js";
export * from "./state-store.js";
export * from "./user-monitor.js";
