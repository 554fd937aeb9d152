export * from "./oftp-server.js";
