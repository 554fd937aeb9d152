export * from "./logger.js";
export * from "./transfer-error.js";
