export * from "./command-types.js";
