export * from "./file-refused.js";
export * from "./oftp-client.js";
