export * from "./peers.js";
export * from "./run-program.js";
export * from "./temporary-folder.js";
