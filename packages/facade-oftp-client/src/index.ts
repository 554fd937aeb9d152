export * from "./client-options.js";
export * from "./connect-oftp.js";
export * from "./file-refused.js";
export { OftpClient } from "./oftp-client.js";
export type { ClientFile } from "./spool.js";
