export * from "./describe-with-peers.js";
export * from "./peer-fingerprint.js";
export * from "./peer-programs.js";
export * from "./readme.js";
export * from "./run-program.js";
export * from "./temporary-folder.js";
