export * from "./oftp-server.js";
export * from "./server-options.js";
